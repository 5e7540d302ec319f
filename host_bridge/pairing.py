"""The bridge's own authority: it names this bridge, and issues local identities to the readers paired with it.

FOLDER/ca.key, ca.pem          the authority; its certificate's serialNumber is the bridge's id
FOLDER/bridge.key, bridge.pem  the bridge as TLS client
FOLDER/devices/DEVICE.pem      the local identity (LDevID) of each paired reader: the last one issued is valid
"""

import argparse
import os
import re
import secrets
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.token.certificate import load_certificate
from firmware.wire import enrolment

BRIDGE_ID_SIZE = 16
AUTHORITY_LIFE = timedelta(days=3650)
LOCAL_IDENTITY_LIFE = timedelta(days=30)
_BACKDATED = timedelta(hours=1)
_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_HALF = enrolment.SIGNATURE_SIZE // 2


class PairingRefused(Exception):
    """This request gets no identity; the text says why, for a technician."""


@dataclass(frozen=True)
class BridgeIdentity:
    """The bridge's certificates in their folder."""

    folder: Path
    bridge_id: bytes
    """16 bytes."""
    authority: bytes
    """DER certificate of the authority."""

    @classmethod
    def load(cls, folder: Path) -> "BridgeIdentity":
        """Raises OSError, ValueError."""
        authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        name = authority.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        return cls(folder, bytes.fromhex(str(name[0].value)), authority.public_bytes(serialization.Encoding.DER))

    def tls_context(self) -> ssl.SSLContext:
        """The bridge as TLS 1.3 client; the reader must show a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a cable has no host name: `paired_device` looks at the name instead
        context.load_cert_chain(self.folder / "bridge.pem", self.folder / "bridge.key")
        context.load_verify_locations(self.folder / "ca.pem")
        return context

    def paired_device(self, certificate: bytes) -> str | None:
        """The device whose valid local identity (DER) this is, or None for any other."""
        shown = load_certificate(certificate)
        device_id = device_id_of(shown)
        if device_id is None:
            return None
        file = self.folder / "devices" / f"{device_id}.pem"
        if not file.exists():
            return None
        return device_id if x509.load_pem_x509_certificate(file.read_bytes()) == shown else None


def create_bridge(folder: Path) -> BridgeIdentity:
    """Make a new bridge with an authority of its own. Raises FileExistsError where one is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bridge_name = secrets.token_bytes(BRIDGE_ID_SIZE).hex()
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Facility authority of the bridge", bridge_name)
    authority = _certificate(authority_name, authority_key.public_key(), authority_name, authority_key, None)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(
        _name("Bridge", bridge_name),
        key.public_key(),
        authority_name,
        authority_key,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    )
    _write_new(folder / "ca.key", _key_pem(authority_key))
    _write_new(folder / "bridge.key", _key_pem(key))
    _write_new(folder / "bridge.pem", certificate.public_bytes(serialization.Encoding.PEM))
    _write_new(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM))
    (folder / "devices").mkdir(mode=0o700)
    return BridgeIdentity.load(folder)


def issue_local_identity(
    bridge: BridgeIdentity,
    request: bytes,
    maker_roots: Sequence[x509.Certificate],
    life: timedelta = LOCAL_IDENTITY_LIFE,
) -> bytes:
    """Pair with the reader that sent `request`: its LDevID, then the authority's certificate, both PEM.

    The LDevID names the device as its maker's certificate does, and replaces the one before.
    Raises PairingRefused, OSError.
    """
    try:
        csr_der, signature, chain_der = enrolment.unpack_request(request)
        csr = x509.load_der_x509_csr(csr_der)
        chain = [load_certificate(one) for one in chain_der]
    except (enrolment.MalformedRequest, ValueError) as error:
        raise PairingRefused("the request is malformed") from error
    device_id = _check_maker(chain, maker_roots)
    _check_proof(chain[0], csr_der, signature)
    public_key = csr.public_key()
    if not csr.is_signature_valid:
        raise PairingRefused("the reader does not hold the key that it asks a certificate for")
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise PairingRefused("the reader's key is not on P-256")
    authority = load_certificate(bridge.authority)
    authority_key = serialization.load_pem_private_key((bridge.folder / "ca.key").read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise PairingRefused("the authority's key file holds no elliptic-curve key")
    local = _certificate(
        _name("Face card reader", device_id),
        public_key,
        authority.subject,
        authority_key,
        ExtendedKeyUsageOID.SERVER_AUTH,
        life,
    )
    pem = local.public_bytes(serialization.Encoding.PEM)
    fresh = bridge.folder / "devices" / f"{device_id}.{secrets.token_hex(4)}"
    _write_new(fresh, pem)
    fresh.replace(bridge.folder / "devices" / f"{device_id}.pem")
    return pem + authority.public_bytes(serialization.Encoding.PEM)


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `init` and `pair`; each sets `command` to a function of the parsed options."""
    init = subparsers.add_parser("init", help="make this bridge's authority and certificate")
    init.add_argument("--identity", type=Path, required=True, help="folder to make")
    init.set_defaults(command=_init)
    pair = subparsers.add_parser("pair", help="issue a local identity to a reader")
    pair.add_argument("--identity", type=Path, required=True, help="folder that init made")
    pair.add_argument("--request", type=Path, required=True, help="file from the reader")
    pair.add_argument("--maker-roots", type=Path, required=True, help="PEM file of the makers trusted here")
    pair.add_argument("--answer", type=Path, required=True, help="file to write for the reader")
    pair.set_defaults(command=_pair)


def _init(options: argparse.Namespace) -> None:
    bridge = create_bridge(options.identity)
    print(f"bridge {bridge.bridge_id.hex()} in {options.identity}")


def _pair(options: argparse.Namespace) -> None:
    bridge = BridgeIdentity.load(options.identity)
    roots = x509.load_pem_x509_certificates(options.maker_roots.read_bytes())
    with options.request.open("rb") as file:
        request = file.read(enrolment.MAX_SIZE + 1)
    try:
        answer = issue_local_identity(bridge, request, roots)
    except PairingRefused as refused:
        sys.exit(f"not paired: {refused}")
    options.answer.write_bytes(answer)
    print(f"paired; take {options.answer} to the reader")


def _check_maker(chain: Sequence[x509.Certificate], maker_roots: Sequence[x509.Certificate]) -> str:
    """The device's id, once its chain leads to a maker trusted here. IDevIDs do not expire (IEEE 802.1AR)."""
    for certificate, issuer in pairwise(chain):
        if not _issued_by(certificate, issuer):
            raise PairingRefused("the maker's chain does not hold together")
    if chain[-1] not in maker_roots and not any(_issued_by(chain[-1], root) for root in maker_roots):
        raise PairingRefused("the reader is of a maker not trusted here")
    device_id = device_id_of(chain[0])
    if device_id is None:
        raise PairingRefused("the maker's certificate names no device")
    return device_id


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` is an authority and signed `certificate`."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca


def _check_proof(idevid: x509.Certificate, csr_der: bytes, signature: bytes) -> None:
    key = idevid.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise PairingRefused("the maker's certificate holds no elliptic-curve key")
    r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
    try:
        key.verify(encode_dss_signature(r, s), enrolment.proof(csr_der), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise PairingRefused("the request was not signed by the maker's key of this reader") from None


def device_id_of(certificate: x509.Certificate) -> str | None:
    """The device that a certificate names, believed or not; None where that is no device's name."""
    names = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    name = str(names[0].value) if len(names) == 1 else ""
    return name if _DEVICE_ID.fullmatch(name) else None  # it becomes a file's name


def _name(what: str, number: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, what), x509.NameAttribute(NameOID.SERIAL_NUMBER, number)])


def _certificate(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    role: x509.ObjectIdentifier | None,
    life: timedelta = AUTHORITY_LIFE,
) -> x509.Certificate:
    """A certificate for one TLS role, or for an authority where `role` is None."""
    now = datetime.now(UTC)
    is_authority = role is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(_key_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if role is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([role]), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, data: bytes) -> None:
    """A new file that only its owner may read, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
