"""TOKEN.md has every refusal, and what it says of the claims is enough to compute them from the vectors."""

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import firmware.token
import firmware.wire
from firmware.token import cbor
from firmware.token.refusal import Refusal

PAGE = (Path(firmware.token.__file__).parent / "TOKEN.md").read_text()
VECTORS = Path(firmware.wire.__file__).parent / "vectors"


def load(name: str) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads((VECTORS / name).read_text())
    return vector


@pytest.fixture(scope="module")
def claims() -> dict[int, Any]:
    _, _, payload, _ = cbor.decode(bytes.fromhex(load("tokens.json")["good"]["token"])[1:], 760)  # type: ignore[misc]
    found = cbor.decode(payload, 700)  # type: ignore[arg-type]
    assert isinstance(found, dict)
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def face() -> list[bytes]:
    """The fields of the face evidence, without its method."""
    (good,) = (one for one in load("evidence.json")["good"] if one["method"] == "face")
    return cbor.decode(bytes.fromhex(good["evidence"]), 8192)[1:]  # type: ignore[index,return-value]


def test_every_refusal_stands_on_the_page_and_no_other() -> None:
    tables = PAGE.partition("## Refusals")[2]
    cells = [line.rsplit("|", 2)[1] for line in tables.splitlines() if line.startswith("|")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(Refusal)


def test_the_universal_entity_id_is_made_as_the_page_says(claims: dict[int, Any]) -> None:
    assert claims[256] == b"\x01" + hashlib.sha256(b"ueid|" + claims[1].encode()).digest()[:16]


def test_the_certificate_mac_is_made_as_the_page_says(claims: dict[int, Any], face: list[bytes]) -> None:
    serial = x509.load_der_x509_certificate(face[0]).serial_number
    key = bytes.fromhex(load("tokens.json")["facility_key"])
    assert claims[-65541] == hmac.digest(key, f"certificate serial|{serial:x}".encode(), "sha256")


def test_the_photo_s_signature_opens_to_what_the_page_says(face: list[bytes]) -> None:
    _, issuer, group1, group2_hash, photo_hash, signature, _ = face
    body = issuer[issuer.index(bytes.fromhex("5f4e")) :]
    modulus = int.from_bytes(body[body.index(bytes.fromhex("91820100")) + 4 :][:256], "big")
    opened = pow(int.from_bytes(signature, "big"), 65537, modulus).to_bytes(256, "big")
    info = re.search(r"`(3071[0-9a-f]+)`", PAGE)
    assert info is not None
    tail = bytes.fromhex(info[1]) + hashlib.sha256(group1).digest() + group2_hash + photo_hash
    assert opened == b"\x00\x01" + b"\xff" * (253 - len(tail)) + b"\x00" + tail
