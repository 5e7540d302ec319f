"""What other libraries make of the same claims, with keys made ready beforehand as each of them wants them.

Runs in the environment of requirements-oracle.txt: `python token_oracle.py SECONDS < subject.json > rates.json`.
`token_bench.subject` says what it is given. What is not asked of a library is left out: checks of the profile.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import cbor2
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cwt import COSE, COSEKey
from pycose.headers import Algorithm
from pycose.keys import CoseKey
from pycose.messages import Sign1Message

Library = tuple[Callable[[], bytes], Callable[[bytes], Any]]
"""How to sign, and how to verify what was signed and give its claims."""


class Subject:
    """What is to be signed."""

    def __init__(self, given: dict[str, str]) -> None:
        self.private, self.public = given["private"], given["public"]
        self.claims = cbor2.loads(bytes.fromhex(given["claims"]))
        self.header = cbor2.loads(bytes.fromhex(given["protected"]))
        self.external_aad = bytes.fromhex(given["external_aad"])
        self.token = bytes.fromhex(given["token"])


def with_cwt(subject: Subject) -> Library:
    key, public = COSEKey.from_pem(subject.private), COSEKey.from_pem(subject.public)
    cose, header, external_aad = COSE.new(), subject.header, subject.external_aad

    def sign() -> bytes:
        payload = cbor2.dumps(subject.claims)
        return bytes(cose.encode_and_sign(payload, key, protected=dict(header), external_aad=external_aad))

    return sign, lambda token: cbor2.loads(cose.decode(token, public, external_aad=external_aad))


def with_cwt_reading_keys(subject: Subject) -> Library:
    """The same for a caller that hands the key over in PEM each time."""
    cose, header, external_aad = COSE.new(), subject.header, subject.external_aad

    def sign() -> bytes:
        payload, key = cbor2.dumps(subject.claims), COSEKey.from_pem(subject.private)
        return bytes(cose.encode_and_sign(payload, key, protected=dict(header), external_aad=external_aad))

    def verify(token: bytes) -> Any:
        return cbor2.loads(cose.decode(token, COSEKey.from_pem(subject.public), external_aad=external_aad))

    return sign, verify


def with_pycose(subject: Subject) -> Library:
    key, public = CoseKey.from_pem_private_key(subject.private), CoseKey.from_pem_public_key(subject.public)
    header = {Algorithm: subject.header[1], 34: subject.header[34]}

    def sign() -> bytes:
        message = Sign1Message(phdr=dict(header), payload=cbor2.dumps(subject.claims))
        message.key, message.external_aad = key, subject.external_aad
        return bytes(message.encode())

    def verify(token: bytes) -> Any:
        message = Sign1Message.decode(token)
        message.key, message.external_aad = public, subject.external_aad
        if not message.verify_signature():
            raise ValueError("signature")
        return cbor2.loads(message.payload)

    return sign, verify


def with_pyjwt(subject: Subject) -> Library:
    """JSON has no byte strings and no numbers for keys; the format knows no external data."""
    key = load_pem_private_key(subject.private.encode(), None)
    public = load_pem_public_key(subject.public.encode())
    claims = as_json(subject.claims)
    header = {"x5t#S256": as_json(subject.header[34][1])}
    return (
        lambda: jwt.encode(claims, key, "ES256", headers=header).encode(),
        lambda token: jwt.decode(token, public, ["ES256"], options={"verify_aud": False, "verify_iat": False}),
    )


LIBRARIES: dict[str, Callable[[Subject], Library]] = {
    "cwt": with_cwt,
    "cwt reading its key each time": with_cwt_reading_keys,
    "pycose": with_pycose,
    "PyJWT": with_pyjwt,
}
RESERVED = {1: "iss", 3: "audience", 6: "iat"}
"""Names that PyJWT looks at, or would."""


def as_json(value: Any) -> Any:
    match value:
        case bytes():
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        case dict():
            return {RESERVED.get(key, str(key)): as_json(inner) for key, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
        case _:
            return value


def rate(call: Callable[[], Any], seconds: float) -> float:
    """Calls a second of processor time."""
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        for _ in range(20):
            call()
        count += 20
    return count / passed


def main() -> None:
    seconds = float(sys.argv[1])
    subject = Subject(json.load(sys.stdin))
    found = {}
    for name, library in LIBRARIES.items():
        sign, verify = library(subject)
        token = sign()
        verify(token)
        if token.startswith(b"\xd2"):  # a COSE_Sign1, as ours is
            assert verify(token) == verify(subject.token) == subject.claims
        package, *how = name.split(" ", 1)
        found[" ".join([package, version(package), *how])] = {
            "sign": rate(sign, seconds),
            "verify": rate(lambda verify=verify, token=token: verify(token), seconds),
            "token": token.hex(),
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
