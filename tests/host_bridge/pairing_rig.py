"""Makers with their readers, and a reader's end of pairing that does as a test tells it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from firmware.wire import cobs, enrolment
from firmware.wire.channel import CONNECTED, LOST, PAIRING, Channel
from firmware.wire.messages import pack
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase

DEVICE = "READER-0001"
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)
STEP_MS = 10


class Maker:
    """An authority of a maker, and its list of revoked certificates."""

    def __init__(self, name: str = "Test maker", issuer: "Maker | None" = None, depth: int | None = 1) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        above = issuer or self
        self.certificate = above.sign(self.name, self.key.public_key(), depth=depth, ca=True)

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        depth: int | None = None,
        ca: bool = False,
        signs: bool | None = None,
    ) -> x509.Certificate:
        """`signs`: whether its key may sign certificates, where that is not what `ca` says."""
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 5 * YEAR)
            .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca, depth if ca else None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca,
                    key_cert_sign=ca if signs is None else signs,
                    crl_sign=ca,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
            .sign(self.key, hashes.SHA256())
        )

    def revocations(
        self,
        *revoked: x509.Certificate,
        since: datetime = NOW - timedelta(days=1),
        until: datetime = NOW + timedelta(days=30),
        key: ec.EllipticCurvePrivateKey | None = None,
        critical: x509.ExtensionType | None = None,
    ) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(since).next_update(until)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(since).build()
            builder = builder.add_revoked_certificate(entry)
        if critical is not None:
            builder = builder.add_extension(critical, critical=True)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Device:
    """A reader as its maker made it."""

    def __init__(self, maker: Maker, serial: str = DEVICE) -> None:
        self.serial = serial
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.local_key = ec.generate_private_key(ec.SECP256R1())
        self.idevid = maker.sign(device_name(serial), self.key.public_key())
        self.chain = [self.idevid.public_bytes(Encoding.DER)]

    def request(self, name: str | None = None, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        """PKCS #10, DER."""
        subject = device_name(name or self.serial)
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return builder.sign(key or self.local_key, hashes.SHA256()).public_bytes(Encoding.DER)

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def device_name(serial: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)])


@dataclass
class ReaderEnd:
    """A reader's steps. Each attribute replaces an honest part."""

    device: Device
    chain: list[bytes] | None = None
    request: bytes | None = None
    prove: Callable[[bytes], bytes] | None = None
    silent_after: int | None = None
    """The host's step that gets no answer any more."""
    touched: bool = True
    code: str = ""
    issued: bytes = b""
    told: str = ""
    """Why the host refused."""
    lost: int = 0
    greeted: int = 0
    _seen: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channel = Channel(False, os.urandom, PAIRING, cobs)
        self.steps = enrolment.Steps(self.channel)
        self.steps.start(0)

    def feed(self, data: bytes, now: int) -> None:
        self._follow(self.steps.feed(data, now), now)

    def tick(self, now: int) -> None:
        self._follow(self.steps.tick(now), now)

    def send(self, step: int, body: bytes, now: int) -> None:
        """Past the caps that an honest end keeps to."""
        self.channel.send(pack(step, 0, body, {step: len(body)}), now)

    def _follow(self, events: list[tuple[int, int, bytes]], now: int) -> None:
        for kind, step, body in events:
            if kind == LOST:
                self.lost += 1
            elif kind == CONNECTED:
                self.greeted += 1
            elif self.silent_after is None or step < self.silent_after:
                self._answer(step, body, now)

    def _answer(self, step: int, body: bytes, now: int) -> None:
        self._seen[step] = body
        if step == enrolment.HELLO:
            self._request = self.request or self.device.request()
            self._nonce = os.urandom(enrolment.NONCE_SIZE)
            chain = self.device.chain if self.chain is None else self.chain
            self.send(enrolment.IDENTITY, enrolment.pack_identity(chain, self._request, self._nonce), now)
        elif step == enrolment.REVEAL:
            authority, committed = enrolment.unpack_hello(self._seen[enrolment.HELLO])
            assert enrolment.commitment(body) == committed
            chain = self.device.chain if self.chain is None else self.chain
            seen = enrolment.transcript(authority, chain[0], self._request, body, self._nonce)
            self.code = enrolment.code(seen)
            self.send(enrolment.PROOF, (self.prove or self.device.sign)(enrolment.signed(seen)), now)
        elif step == enrolment.ISSUED:
            self.issued = body
            if self.touched:
                self.send(enrolment.DONE, b"", now)
        elif step == enrolment.REFUSED:
            self.told = enrolment.unpack_reason(body)


@dataclass
class Table:
    """A bridge and a reader's end beside each other, with time of their own."""

    folder: Path
    maker: Maker = field(default_factory=Maker)
    now: int = 0
    moment: datetime = NOW
    cut: bool = False

    def __post_init__(self) -> None:
        self.identity: BridgeIdentity = create_bridge(self.folder / "identity")
        self.makers = Makers(self.folder / "maker_roots.pem", self.folder / "maker_revoked.pem")
        self.makers.roots_file.write_bytes(self.maker.certificate.public_bytes(Encoding.PEM))
        self.makers.revoked_file.write_bytes(self.maker.revocations())
        self.reader = ReaderEnd(Device(self.maker))
        self.begin()

    def begin(self) -> None:
        """Another run of the command."""
        self.host = Pairing(self.identity, self.makers, cobs, clock=lambda: self.moment)
        self.host.start(self.now)

    def until(self, *phases: Phase, ms: int = 20_000) -> Phase:
        """Let time pass until the host is in one of these phases; a failure otherwise."""
        end = self.now + ms
        while self.host.phase not in phases:
            assert self.now < end, f"still {self.host.phase} {self.host.refused}"
            self.pass_time(STEP_MS)
        return self.host.phase

    def pass_time(self, ms: int) -> None:
        for _ in range(0, ms, STEP_MS):
            to_reader, to_host = self.host.output(), self.reader.steps.output()
            if not self.cut:
                self.reader.feed(to_reader, self.now)
                self.host.feed(to_host, self.now)
            self.now += STEP_MS
            self.reader.tick(self.now)
            self.host.tick(self.now)

    def pair(self) -> bytes:
        """The local identity (DER) that an honest pairing of the reader ends with."""
        self.begin()
        self.until(Phase.CODE)
        assert self.host.type_code(self.reader.code, self.now)
        self.until(Phase.PAIRED)
        return self.reader.issued
