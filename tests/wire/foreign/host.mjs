// A terminal, written from PROTOCOL.md alone: node host.mjs PORT IDENTITY DEVICE
//
// IDENTITY: folder with ca.pem, bridge.pem, bridge.key, record.key. DEVICE: PEM of the LDevID that was issued to the
// reader. It answers OPEN_VISIT and DELIVER, keeps nothing, and prints a line for what happens.

import { execFileSync } from "node:child_process";
import { X509Certificate, createHash, randomBytes } from "node:crypto";
import { openSync, read, readFileSync, writeSync } from "node:fs";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { HostChannel } from "./channel.mjs";
import { openRecord, publicHalf, verifyToken } from "./record.mjs";

const [SESSION, REFUSED, BROKEN] = [1, 4, 5];
const [SETTINGS, OPEN_VISIT, DELIVER, NONCE, RECEIPT, DONE, ERROR] = [0x01, 0x02, 0x04, 0x41, 0x43, 0x44, 0x4f];
const CAPS = { 0x02: 0, 0x03: 4096, 0x04: 9400, 0x05: 0, 0x06: 4096, 0x07: 32, 0x08: 18, 0x09: 4096, [DONE]: 0 };
const NOT_UNDERSTOOD = 2;
const DEMO = 1;

const [port, identity, device] = process.argv.slice(2);
const file = (name) => readFileSync(`${identity}/${name}`);
const authority = new X509Certificate(file("ca.pem"));
const bridgeId = Buffer.from(authority.subject.match(/serialNumber=([0-9a-f]+)/)[1], "hex");
const issued = new X509Certificate(readFileSync(device));
const sealing = file("record.key");
const sealingKey = publicHalf(sealing);

execFileSync("stty", ["-F", port, "raw", "-echo"]);
const fd = openSync(port, "r+");
const now = () => Math.floor(performance.now());
const channel = new HostChannel(SESSION, randomBytes);
const nonces = new Set();
let line = null;
let tls = null;
let timer = null;

function message(kind, request, body = Buffer.alloc(0)) {
  const header = Buffer.alloc(7);
  header[0] = kind;
  header.writeUInt32BE(request, 1);
  header.writeUInt16BE(body.length, 5);
  tls.write(Buffer.concat([header, body]));
}

function bytes(data) {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(data.length);
  return Buffer.concat([size, data]);
}

function settings() {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)));
  return Buffer.concat([bytes(bridgeId), bytes(randomBytes(32)), sealingKey, Buffer.of(1, DEMO), time]);
}

function receipt(sealed) {
  try {
    const [token, evidence] = openRecord(sealing, bridgeId, sealed);
    for (const nonce of nonces) {
      const claims = verifyToken(token, bridgeId, Buffer.from(nonce, "hex"), issued.publicKey);
      if (!claims) continue;
      if (!claims.get(-65540).equals(createHash("sha256").update(evidence).digest())) break;
      console.log(`token ${claims.get(7).toString("hex")}`);
      return Buffer.concat([claims.get(7), Buffer.of(1), bytes(Buffer.alloc(0))]);
    }
  } catch (error) {
    console.log(`record that does not open: ${error.message}`);
  }
  return Buffer.concat([Buffer.alloc(16), Buffer.of(0), bytes(Buffer.from("signature"))]);
}

function answer(kind, request, body) {
  if (kind === DONE && request === 0) console.log("settled");
  else if (kind === OPEN_VISIT) {
    const nonce = randomBytes(32);
    nonces.add(nonce.toString("hex"));
    message(NONCE, request, nonce);
  } else if (kind === DELIVER) message(RECEIPT, request, receipt(body));
  else message(ERROR, request, Buffer.of(NOT_UNDERSTOOD));
}

function end(reason) {
  channel.drop(reason, now());
  over();
}

function over() {
  tls?.destroy();
  tls = line = null;
}

function begin() {
  line = new Duplex({
    read() {},
    write(chunk, _, done) {
      channel.send(chunk, now());
      turn();
      done();
    },
  });
  const names = { ca: file("ca.pem"), cert: file("bridge.pem"), key: file("bridge.key") };
  tls = connect({ socket: line, ...names, minVersion: "TLSv1.3", checkServerIdentity: () => undefined });
  let part = Buffer.alloc(0);
  tls.on("error", () => end(REFUSED));
  tls.on("secureConnect", () => {
    if (tls.getPeerX509Certificate().fingerprint256 !== issued.fingerprint256) return end(REFUSED);
    message(SETTINGS, 0, settings());
  });
  tls.on("data", (data) => {
    part = Buffer.concat([part, data]);
    while (part.length >= 7) {
      const size = part.readUInt16BE(5);
      if (!(size <= CAPS[part[0]])) return end(BROKEN);
      if (part.length < 7 + size) return;
      answer(part[0], part.readUInt32BE(1), part.subarray(7, 7 + size));
      part = part.subarray(7 + size);
    }
  });
}

function follow(events) {
  for (const event of events) {
    if (event === "connected") begin();
    else if (typeof event === "string") over();
    else line?.push(event);
  }
}

function turn() {
  const out = channel.output();
  if (out.length) writeSync(fd, out);
  clearTimeout(timer);
  timer = setTimeout(tick, Math.max(0, channel.due() - now()));
}

function tick() {
  follow(channel.tick(now()));
  turn();
}

const buffer = Buffer.alloc(4096);
function listen() {
  read(fd, buffer, 0, buffer.length, null, (error, size) => {
    if (error) process.exit(1);
    follow(channel.feed(buffer.subarray(0, size), now()));
    turn();
    listen();
  });
}

channel.start(now());
listen();
tick();
