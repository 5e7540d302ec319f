// Checks this host against the vectors: node vectors.mjs FOLDER. Prints how much it has checked; throws at the first
// difference.

import assert from "node:assert/strict";
import { X509Certificate, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Deframer, HostChannel, encode } from "./channel.mjs";
import { openRecord, verifyToken } from "./record.mjs";

const load = (name) => JSON.parse(readFileSync(`${process.argv[2]}/${name}.json`, "utf8"));
const hex = (text) => Buffer.from(text, "hex");
const KINDS = ["", "OPEN", "OPENED", "DATA", "ACK", "RESET"];
let checked = 0;

const { frames, damaged } = load("frames");
for (const { kind, from, connection, sequence, payload, bytes } of frames) {
  const frame = { kind: KINDS.indexOf(kind), fromHost: from === "host", connection, sequence, payload: hex(payload) };
  assert.equal(encode(frame).toString("hex"), bytes);
  assert.deepEqual(new Deframer().feed(hex(bytes)), [frame]);
  checked++;
}
for (const { bytes } of damaged) {
  assert.deepEqual(new Deframer().feed(hex(bytes)), []);
  checked++;
}

function replay({ purposes, random, calls }) {
  const drawn = [...random.host];
  let channel = null;
  let written = "";
  for (const { at, end, do: what, bytes, of, reason, gives = [] } of calls) {
    if (end !== "host") continue;
    if (what === "write") {
      assert.equal(written, bytes);
      written = "";
      continue;
    }
    assert.equal(written, "");
    if (what === "start") channel = new HostChannel(purposes.host === "SESSION" ? 1 : 2, () => hex(drawn.shift()));
    let events = [];
    if (what === "start") channel.start(at);
    else if (what === "tick") events = channel.tick(at);
    else if (what === "send") channel.send(hex(bytes), at);
    else if (what === "drop") channel.drop(reason, at);
    else events = channel.feed(hex(bytes ?? calls[of].bytes), at);
    assert.deepEqual(events.filter((event) => typeof event === "string"), gives);
    written = channel.output().toString("hex");
    checked++;
  }
  assert.equal(written, "");
}
[...load("channel"), load("session"), load("pairing")].forEach(replay);

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const pairing = load("pairing");
const number = sha256(Buffer.from("face card reader: pairing, code, 1\0"), hex(pairing.transcript)).readBigUInt64BE();
assert.equal(String(number % 1000000n).padStart(6, "0"), pairing.code);
checked++;

const record = load("record");
const tokens = load("tokens");
const [token, evidence] = openRecord(hex(record.private_key), hex(record.bridge_id), hex(record.sealed));
assert.equal(token.toString("hex"), tokens.good.token);
assert.equal(evidence.toString("hex"), load("evidence").good[0].evidence);
const key = new X509Certificate(hex(tokens.certificate)).publicKey;
const claims = verifyToken(token, hex(tokens.bridge_id), hex(tokens.nonce), key);
assert.equal(claims.get(7).toString("hex"), tokens.good.cti);
assert.equal(verifyToken(token, hex(tokens.bridge_id), Buffer.alloc(32), key), null);
checked += 4;

console.log(`${checked} checked`);
