// Sealed record and token, written from PROTOCOL.md and TOKEN.md alone.

import { createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, verify } from "node:crypto";

const X25519_PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");
const KEM = Buffer.concat([Buffer.from("KEM"), Buffer.of(0, 0x20)]);
const HPKE = Buffer.concat([Buffer.from("HPKE"), Buffer.of(0, 0x20, 0, 1, 0, 1)]);

const concat = (...parts) => Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
const extract = (salt, suite, label, input) =>
  createHmac("sha256", salt).update(concat("HPKE-v1", suite, label, input)).digest();

// HKDF-Expand for at most one block.
function expand(secret, suite, label, info, size) {
  const labelled = concat(Buffer.of(0, size), "HPKE-v1", suite, label, info, Buffer.of(1));
  return createHmac("sha256", secret).update(labelled).digest().subarray(0, size);
}

const privateKeyOf = (raw) => createPrivateKey({ key: concat(X25519_PKCS8, raw), format: "der", type: "pkcs8" });
const raw = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(X25519_SPKI.length);

// The public key of an X25519 private key.
export const publicHalf = (privateKey) => raw(privateKeyOf(privateKey));

// [token, evidence] of a sealed record (RFC 9180, base mode). Throws where it does not open.
export function openRecord(privateKey, bridgeId, sealed) {
  const key = privateKeyOf(privateKey);
  const encapsulated = sealed.subarray(0, 32);
  const other = createPublicKey({ key: concat(X25519_SPKI, encapsulated), format: "der", type: "spki" });
  const none = Buffer.alloc(0);
  const agreed = extract(none, KEM, "eae_prk", diffieHellman({ privateKey: key, publicKey: other }));
  const shared = expand(agreed, KEM, "shared_secret", concat(encapsulated, raw(key)), 32);
  const info = concat("urn:face-card-reader:record:1", Buffer.of(0), bridgeId);
  const context = concat(
    Buffer.of(0),
    extract(none, HPKE, "psk_id_hash", none),
    extract(none, HPKE, "info_hash", info),
  );
  const secret = extract(shared, HPKE, "secret", none);
  const nonce = expand(secret, HPKE, "base_nonce", context, 12);
  const cipher = createDecipheriv("aes-128-gcm", expand(secret, HPKE, "key", context, 16), nonce);
  cipher.setAuthTag(sealed.subarray(-16));
  const plain = concat(cipher.update(sealed.subarray(32, -16)), cipher.final());
  const size = plain.readUInt16BE();
  return [plain.subarray(2, 2 + size), plain.subarray(4 + size)];
}

// As much of CBOR as a token needs: integers, strings, arrays, maps, booleans. Gives [value, rest].
function cbor(bytes) {
  const [major, short] = [bytes[0] >> 5, bytes[0] & 31];
  const extra = short < 24 ? 0 : 1 << (short - 24);
  const number = extra ? bytes.readUIntBE(1, extra) : short;
  let rest = bytes.subarray(1 + extra);
  if (major < 2) return [major ? -1 - number : number, rest];
  if (major === 2) return [rest.subarray(0, number), rest.subarray(number)];
  if (major === 3) return [rest.toString("utf8", 0, number), rest.subarray(number)];
  if (major === 7) return [short === 21, rest];
  const items = [];
  for (let left = major === 5 ? 2 * number : number; left; left--) {
    const [item, after] = cbor(rest);
    items.push(item);
    rest = after;
  }
  if (major === 4) return [items, rest];
  return [new Map(items.flatMap((item, at) => (at % 2 ? [] : [[item, items[at + 1]]]))), rest];
}

function head(major, size) {
  if (size < 24) return Buffer.of((major << 5) | size);
  return size < 256 ? Buffer.of((major << 5) | 24, size) : Buffer.of((major << 5) | 25, size >> 8, size & 255);
}
const octets = (bytes) => concat(head(2, bytes.length), bytes);

// Claims of a token that this key signed for this bridge and nonce; null where it did not.
export function verifyToken(token, bridgeId, nonce, publicKey) {
  const [[header, , payload, signature]] = cbor(token.subarray(1));
  const external = concat(head(4, 2), octets(bridgeId), octets(nonce));
  const signed = concat(head(4, 4), head(3, 10), "Signature1", octets(header), octets(external), octets(payload));
  const good = verify("sha256", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  return good ? cbor(payload)[0] : null;
}
