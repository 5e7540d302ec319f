"""What a visit token says: a CWT claim set (RFC 8392) in the form of an EAT (RFC 9711).

No name, no insurer's number, no face data and no card serial number: the certificate's serial appears only as a
keyed hash that the facility alone can recompute.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from firmware.token import cbor
from firmware.token.certificate import load_certificate
from firmware.token.refusal import Refusal, TokenRefused

PROFILE: Final = "urn:face-card-reader:visit:1"
"""eat_profile (RFC 9711 section 4.3.2): this project's own protocol, in no registry."""

FIRST: Final = bytes(32)
"""`Claims.previous` of a reader's first token."""

SHA_256: Final = -16
"""COSE algorithm identifier of SHA-256 (RFC 9054 section 2.1)."""

_SIZE_CAP: Final = 700
_CONSENTS_CAP: Final = 16


class Method(StrEnum):
    """How the patient was recognised."""

    PIN = "pin"
    FACE = "face"


class DebugStatus(IntEnum):
    """dbgstat (RFC 9711 section 4.2.9). A demo reader reports ENABLED."""

    ENABLED = 0
    DISABLED = 1
    DISABLED_SINCE_BOOT = 2
    DISABLED_PERMANENTLY = 3
    DISABLED_FULLY_AND_PERMANENTLY = 4


class AttackDetection(StrEnum):
    """Presentation-attack detection that took part in the decision (ISO/IEC 30107-1)."""

    NONE = "none"


class _Key(IntEnum):
    """Claim keys: registered ones of CWT and EAT, then private ones below -65536."""

    ISS = 1
    AUD = 3
    IAT = 6
    CTI = 7
    EAT_NONCE = 10
    UEID = 256
    OEMID = 258
    HWMODEL = 259
    OEMBOOT = 262
    DBGSTAT = 263
    EAT_PROFILE = 265
    SUBMODS = 266
    METHOD = -65537
    CONSENTS = -65538
    POLICY_DATE = -65539
    EVIDENCE = -65540
    CERTIFICATE_MAC = -65541
    COUNTER = -65542
    PREVIOUS = -65543
    PAD = -65544
    MEASUREMENT = -65545
    """Inside a submodule."""


_EXPECTED: Final = frozenset(_Key) - {_Key.MEASUREMENT}
"""Every claim set has these claims and no other."""


@dataclass(frozen=True)
class Claims:
    """One visit, as the reader vouches for it. Audience and nonce are the arguments of sign and verify."""

    device_id: str
    """iss; the serial number in the reader's certificates, 1 to 64 characters. The ueid claim is derived from it."""
    cti: bytes
    """The token's identity, 16 random bytes."""
    issued_at: int
    """iat, seconds since 1970: host time carried on by the reader's monotonic clock. Informative."""
    oemid: bytes
    """IEEE OUI (3 bytes) or random manufacturer id (16 bytes)."""
    hwmodel: bytes
    """1 to 32 bytes."""
    oemboot: bool
    """Whether the reader booted software authorised by its maker."""
    debug: DebugStatus
    firmware: bytes
    """SHA-256 measurement of the firmware."""
    face_model: bytes
    """SHA-256 measurement of the face models' manifest."""
    method: Method
    consents: Mapping[int, bool]
    """The patient's answers by consent number; what was not asked is absent."""
    policy_date: date
    """The day whose rules decided what was asked."""
    evidence: bytes
    """SHA-256 of the evidence message."""
    certificate_mac: bytes
    """`certificate_mac` of the patient's authentication certificate, 32 bytes."""
    counter: int
    """Tokens this reader has signed, this one included; never repeats."""
    previous: bytes
    """SHA-256 of the reader's previous token, or FIRST."""
    pad: AttackDetection = AttackDetection.NONE


def certificate_mac(facility_key: bytes, certificate: bytes) -> bytes:
    """HMAC-SHA-256 of a DER certificate's serial number under the facility's key (32 bytes). Raises ValueError."""
    serial = load_certificate(certificate).serial_number
    return hmac.digest(facility_key, b"certificate serial|%x" % serial, "sha256")


def ueid(device_id: str) -> bytes:
    """Universal entity id of type RAND made by hashing an identifier (RFC 9711 section 4.2.1), 17 bytes."""
    return b"\x01" + hashlib.sha256(b"ueid|" + device_id.encode()).digest()[:16]


def audience(bridge_id: bytes) -> str:
    """The aud claim for a bridge."""
    return bridge_id.hex()


def encode_claims(claims: Claims, bridge_id: bytes, nonce: bytes) -> bytes:
    """The deterministic CBOR claim set. Raises ValueError if a field breaks the profile."""
    fields: dict[int, cbor.Value] = {
        _Key.ISS: claims.device_id,
        _Key.AUD: audience(bridge_id),
        _Key.IAT: claims.issued_at,
        _Key.CTI: claims.cti,
        _Key.EAT_NONCE: nonce,
        _Key.UEID: ueid(claims.device_id),
        _Key.OEMID: claims.oemid,
        _Key.HWMODEL: claims.hwmodel,
        _Key.OEMBOOT: claims.oemboot,
        _Key.DBGSTAT: claims.debug,
        _Key.EAT_PROFILE: PROFILE,
        _Key.SUBMODS: _submodules(claims.firmware, claims.face_model),
        _Key.METHOD: claims.method.value,
        _Key.CONSENTS: dict(claims.consents),
        _Key.POLICY_DATE: claims.policy_date.isoformat(),
        _Key.EVIDENCE: claims.evidence,
        _Key.CERTIFICATE_MAC: claims.certificate_mac,
        _Key.COUNTER: claims.counter,
        _Key.PREVIOUS: claims.previous,
        _Key.PAD: claims.pad.value,
    }
    try:
        _checked(fields, bridge_id, nonce)
    except TokenRefused as refused:
        raise ValueError(f"claims break the profile: {refused.refusal}") from refused
    encoded = cbor.encode(fields)
    if len(encoded) > _SIZE_CAP:
        raise ValueError(f"claims of {len(encoded)} bytes")
    return encoded


def decode_claims(encoded: bytes, bridge_id: bytes, nonce: bytes) -> Claims:
    """The claims, if they keep the profile and answer this bridge and nonce. Raises TokenRefused."""
    return _checked(cbor.decode(encoded, _SIZE_CAP), bridge_id, nonce)


def _checked(value: cbor.Value, bridge_id: bytes, nonce: bytes) -> Claims:
    fields = _Fields(value)
    if fields.text(_Key.EAT_PROFILE, 64) != PROFILE:
        raise TokenRefused(Refusal.PROFILE_UNKNOWN)
    if fields.text(_Key.AUD, 64) != audience(bridge_id):
        raise TokenRefused(Refusal.AUDIENCE)
    if fields.octets(_Key.EAT_NONCE, 32) != nonce:
        raise TokenRefused(Refusal.NONCE_MISMATCH)
    firmware, face_model = fields.measurements()
    claims = Claims(
        device_id=fields.text(_Key.ISS, 64),
        cti=fields.octets(_Key.CTI, 16),
        issued_at=fields.number(_Key.IAT),
        oemid=fields.octets(_Key.OEMID, 3, 16),
        hwmodel=fields.octets(_Key.HWMODEL, *range(1, 33)),
        oemboot=fields.flag(_Key.OEMBOOT),
        debug=_read(DebugStatus, fields.number(_Key.DBGSTAT)),
        firmware=firmware,
        face_model=face_model,
        method=_read(Method, fields.text(_Key.METHOD, 16)),
        consents=fields.consents(),
        policy_date=fields.day(_Key.POLICY_DATE),
        evidence=fields.octets(_Key.EVIDENCE, 32),
        certificate_mac=fields.octets(_Key.CERTIFICATE_MAC, 32),
        counter=fields.number(_Key.COUNTER),
        previous=fields.octets(_Key.PREVIOUS, 32),
        pad=_read(AttackDetection, fields.text(_Key.PAD, 16)),
    )
    if fields.octets(_Key.UEID, 17) != ueid(claims.device_id):
        raise TokenRefused(Refusal.CLAIM_MALFORMED)
    return claims


def echoed(encoded: bytes) -> tuple[bytes, bytes]:
    """cti and nonce of a claim set nobody has verified yet: an index into one's own storage, nothing more.

    Raises TokenRefused.
    """
    fields = _Fields(cbor.decode(encoded, _SIZE_CAP))
    return fields.octets(_Key.CTI, 16), fields.octets(_Key.EAT_NONCE, 32)


def _submodules(firmware: bytes, face_model: bytes) -> dict[str, dict[int, list[int | bytes]]]:
    return {
        "firmware": {_Key.MEASUREMENT: [SHA_256, firmware]},
        "face-model": {_Key.MEASUREMENT: [SHA_256, face_model]},
    }


_Raw = TypeVar("_Raw")
_Value = TypeVar("_Value")


def _read(kind: Callable[[_Raw], _Value], value: _Raw) -> _Value:
    try:
        return kind(value)
    except ValueError as error:
        raise TokenRefused(Refusal.CLAIM_MALFORMED) from error


class _Fields:
    """A decoded claim set of exactly the expected keys, read field by field; every mistake is a TokenRefused."""

    def __init__(self, value: cbor.Value) -> None:
        if not isinstance(value, dict):
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        if _EXPECTED - value.keys():
            raise TokenRefused(Refusal.CLAIM_MISSING)
        if value.keys() - _EXPECTED:
            raise TokenRefused(Refusal.CLAIM_UNKNOWN)
        self._claims = value

    def text(self, key: _Key, cap: int) -> str:
        value = self._claims[key]
        if not isinstance(value, str) or not 1 <= len(value) <= cap:
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return value

    def octets(self, key: _Key, *lengths: int) -> bytes:
        value = self._claims[key]
        if not isinstance(value, bytes) or len(value) not in lengths:
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return value

    def number(self, key: _Key) -> int:
        value = self._claims[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return value

    def flag(self, key: _Key) -> bool:
        value = self._claims[key]
        if not isinstance(value, bool):
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return value

    def day(self, key: _Key) -> date:
        text = self.text(key, 10)
        day = _read(date.fromisoformat, text)
        if day.isoformat() != text:  # ISO 8601 has other forms
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return day

    def measurements(self) -> tuple[bytes, bytes]:
        value = self._claims[_Key.SUBMODS]
        match value:
            case {
                "firmware": {_Key.MEASUREMENT: [_, bytes(firmware)]},
                "face-model": {_Key.MEASUREMENT: [_, bytes(face_model)]},
            } if len(firmware) == len(face_model) == 32 and value == _submodules(firmware, face_model):
                return firmware, face_model
            case _:
                raise TokenRefused(Refusal.CLAIM_MALFORMED)

    def consents(self) -> Mapping[int, bool]:
        value = self._claims[_Key.CONSENTS]
        if not isinstance(value, dict) or len(value) > _CONSENTS_CAP:
            raise TokenRefused(Refusal.CLAIM_MALFORMED)
        for number, answer in value.items():
            if not isinstance(number, int) or not 0 < number < 1 << 16 or not isinstance(answer, bool):
                raise TokenRefused(Refusal.CLAIM_MALFORMED)
        return MappingProxyType(value)
