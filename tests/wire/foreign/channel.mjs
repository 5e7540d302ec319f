// Frame and channel of the host, written from PROTOCOL.md alone.

const [OPEN, OPENED, DATA, ACK, RESET] = [1, 2, 3, 4, 5];
const [SILENT, UNKNOWN] = [1, 2];
const FROM_HOST = 0x80;
const MAX_PAYLOAD = 1000;
const LONGEST = 1016;

const TABLE = Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function stuff(bytes) {
  const out = [];
  let block = [];
  let full = false;
  for (const byte of bytes) {
    full = false;
    if (byte !== 0) block.push(byte);
    if (byte === 0 || block.length === 254) {
      out.push(block.length + 1, ...block);
      full = byte !== 0;
      block = [];
    }
  }
  if (!full) out.push(block.length + 1, ...block);
  return Buffer.from(out);
}

function unstuff(bytes) {
  const out = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at];
    if (code === 0 || at + code > bytes.length) return null;
    out.push(...bytes.subarray(at + 1, at + code));
    at += code;
    if (code < 255 && at < bytes.length) out.push(0);
  }
  return Buffer.from(out);
}

export function encode({ kind, fromHost, connection, sequence = 0, payload = Buffer.alloc(0) }) {
  const header = Buffer.alloc(8);
  header[0] = 1;
  header[1] = kind | (fromHost ? FROM_HOST : 0);
  header.writeUInt32BE(connection, 2);
  header.writeUInt16BE(sequence, 6);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(Buffer.concat([header, payload])));
  return Buffer.concat([Buffer.of(0), stuff(Buffer.concat([header, payload, crc])), Buffer.of(0)]);
}

function decode(stuffed) {
  const raw = stuffed.length > LONGEST ? null : unstuff(stuffed);
  if (raw === null || raw.length < 12 || raw.length > 12 + MAX_PAYLOAD) return null;
  const body = raw.subarray(0, -4);
  if (raw.readUInt32BE(body.length) !== crc32(body) || raw[0] !== 1) return null;
  const [kind, fromHost] = [raw[1] & ~FROM_HOST, raw[1] >= FROM_HOST];
  return { kind, fromHost, connection: raw.readUInt32BE(2), sequence: raw.readUInt16BE(6), payload: body.subarray(8) };
}

export class Deframer {
  #part = Buffer.alloc(0);

  feed(data) {
    const frames = [];
    for (const byte of data) {
      if (byte === 0) {
        const frame = decode(this.#part);
        if (frame) frames.push(frame);
        this.#part = Buffer.alloc(0);
      } else if (this.#part.length <= LONGEST) {
        this.#part = Buffer.concat([this.#part, Buffer.of(byte)]);
      }
    }
    return frames;
  }
}

export class HostChannel {
  #deframer = new Deframer();
  #out = [];

  // random: a function that gives so many bytes. Events are "connected", "lost N", and Buffers from the stream.
  constructor(purpose, random) {
    Object.assign(this, { purpose, random });
    this.#pause(0, 0);
  }

  start(now) {
    this.#deframer = new Deframer();
    this.#out = [];
    this.#pause(now, 0);
  }

  due() {
    if (this.state !== "connected") return this.retryAt;
    return this.flying ? Math.min(this.retryAt, this.sentAt + 4000) : this.heardAt + 1000;
  }

  tick(now) {
    if (now < this.due()) return [];
    if (this.state !== "connected") {
      this.half ??= this.random(4);
      this.#emit(OPEN, this.half.readUInt32BE(), 0, Buffer.of(this.purpose));
      this.#repeatLater(now);
    } else if (!this.flying) {
      this.#fly(Buffer.alloc(0), now);
    } else if (now - this.sentAt >= 4000) {
      return this.#lose(SILENT, now);
    } else {
      this.#transmit(now);
    }
    return [];
  }

  feed(data, now) {
    return this.#deframer.feed(data).flatMap((frame) => (frame.fromHost ? [] : this.#receive(frame, now)));
  }

  send(data, now) {
    if (this.state !== "connected") return;
    this.queue = Buffer.concat([this.queue, data]);
    this.#next(now);
  }

  drop(reason, now) {
    if (this.state === "connected") this.#emit(RESET, this.connection, 0, Buffer.of(reason));
    this.#lose(reason, now);
  }

  output() {
    return Buffer.concat(this.#out.splice(0));
  }

  #receive({ kind, connection, sequence, payload }, now) {
    if (this.state !== "connected") {
      if (connection !== this.half?.readUInt32BE()) return [];
      if (kind === RESET && payload.length === 1 && [6, 7].includes(payload[0])) return this.#lose(payload[0], now);
      if (kind !== OPENED || payload.length !== 4) return [];
      this.state = "connected";
      this.connection = (connection ^ payload.readUInt32BE()) >>> 0;
      this.heardAt = now;
      return ["connected"];
    }
    if (connection !== this.connection || kind === OPENED) return [];
    this.heardAt = now;
    if (kind === RESET) return this.#lose(payload[0] ?? UNKNOWN, now);
    if (kind === ACK && this.flying && sequence === this.nextOut) {
      this.nextOut = (this.nextOut + 1) & 0xffff;
      this.flying = null;
      this.#next(now);
    } else if (kind === DATA && sequence === this.nextIn) {
      this.nextIn = (this.nextIn + 1) & 0xffff;
      this.#emit(ACK, connection, sequence);
      return payload.length ? [payload] : [];
    } else if (kind === DATA && sequence === ((this.nextIn - 1) & 0xffff)) {
      this.#emit(ACK, connection, sequence);
    }
    return [];
  }

  #lose(reason, now) {
    this.#pause(now, [4, 6, 7].includes(reason) ? 2000 : 100);
    return [`lost ${reason}`];
  }

  #pause(now, pause) {
    const fresh = { state: "opening", half: null, flying: null, queue: Buffer.alloc(0), nextIn: 0, nextOut: 0 };
    Object.assign(this, fresh, { wait: 100, retryAt: now + pause });
  }

  #next(now) {
    if (this.flying || !this.queue.length) return;
    this.#fly(this.queue.subarray(0, MAX_PAYLOAD), now);
    this.queue = this.queue.subarray(MAX_PAYLOAD);
  }

  #fly(payload, now) {
    Object.assign(this, { flying: payload, sentAt: now, wait: 50 });
    this.#transmit(now);
  }

  #transmit(now) {
    this.#emit(DATA, this.connection, this.nextOut, this.flying);
    this.#repeatLater(now);
  }

  #repeatLater(now) {
    this.retryAt = now + this.wait;
    this.wait = Math.min(this.wait * 2, 400);
  }

  #emit(kind, connection, sequence, payload) {
    this.#out.push(encode({ kind, fromHost: true, connection, sequence, payload }));
  }
}
