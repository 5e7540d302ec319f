"""How a reader gets its local identity (LDevID, IEEE 802.1AR), and where it keeps it.

    IDENTITY/idevid/      key.pem, chain.pem: from the maker
    IDENTITY/ldevid.new/  key.pem: asked for, not issued yet
    IDENTITY/ldevid/      key.pem, chain.pem, issuer.pem: in use

For a reader whose keys are files. `python -m firmware.link.identity --help` does both steps.
"""

import argparse
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.link.keys import es256, write_private
from firmware.wire.enrolment import MAX_CERTIFICATE, pack_request, proof

_PEM_ROOM = 2 * MAX_CERTIFICATE
_ANSWER_CAP = 2 * _PEM_ROOM


class IdentityRefused(Exception):
    """The terminal's answer is no identity for this reader."""


def request_identity(identity: Path) -> bytes:
    """Make a new local key and ask for a certificate to it, vouched for by the maker's key.

    Returns the request that the terminal needs (`firmware.wire.enrolment`).
    """
    maker_key = _load_key(identity / "idevid" / "key.pem")
    maker_chain = x509.load_pem_x509_certificates((identity / "idevid" / "chain.pem").read_bytes())
    serial = maker_chain[0].subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    key = ec.generate_private_key(ec.SECP256R1())
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(serial))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    new = identity / "ldevid.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(new / "key.pem", pem)
    signature = es256(maker_key, proof(csr))
    return pack_request(
        csr, signature, [certificate.public_bytes(serialization.Encoding.DER) for certificate in maker_chain]
    )


def install_identity(identity: Path, answer: bytes) -> None:
    """Take the issued chain (PEM: LDevID, then its authority) into use. Raises IdentityRefused."""
    new = identity / "ldevid.new"
    if not (new / "key.pem").exists():
        raise IdentityRefused("none was asked for")
    if len(answer) > _ANSWER_CAP:
        raise IdentityRefused(f"{len(answer)} bytes")
    try:
        local, issuer = x509.load_pem_x509_certificates(answer)
        local.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityRefused("no certificate with its issuer") from error
    if local.public_key() != _load_key(new / "key.pem").public_key():
        raise IdentityRefused("issued to another key")
    write_private(new / "chain.pem", answer)
    write_private(new / "issuer.pem", issuer.public_bytes(serialization.Encoding.PEM))
    old = identity / "ldevid.old"
    shutil.rmtree(old, ignore_errors=True)
    if (identity / "ldevid").exists():
        (identity / "ldevid").rename(old)
    new.rename(identity / "ldevid")
    shutil.rmtree(old, ignore_errors=True)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityRefused(f"{path} is no elliptic-curve key")
    return key


def main() -> None:
    """`request` before the terminal's `pair`, `install` after it."""
    parser = argparse.ArgumentParser(prog="python -m firmware.link.identity", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("request", "request to write"), ("install", "chain that the terminal issued")):
        command = commands.add_parser(name)
        command.add_argument("identity", type=Path, help="folder of the reader's identity")
        command.add_argument("file", type=Path, help=what)
    options = parser.parse_args()
    if options.command == "request":
        options.file.write_bytes(request_identity(options.identity))
    else:
        install_identity(options.identity, options.file.read_bytes())


if __name__ == "__main__":
    main()
