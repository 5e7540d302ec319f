"""Certificates from outside: what cannot be read is a ValueError at once, never a surprise later."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from visit_samples import World, issue

from firmware.token.certificate import load_certificate
from firmware.token.evidence import verify_authentication_certificate
from firmware.token.refusal import Refusal, TokenRefused

BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
KEY_USAGE = bytes.fromhex("0603551d0f")


def with_extension(oid: str, value: bytes) -> bytes:
    """A certificate with basic constraints and one extension more."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    plain = issue(name, key.public_key(), name, key)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1)
    builder = builder.not_valid_before(plain.not_valid_before_utc).not_valid_after(plain.not_valid_after_utc)
    for extension in (
        plain.extensions[0].value,
        x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value),
    ):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_is_read_and_what_nobody_knows_in_it_is_let_be() -> None:
    assert len(load_certificate(with_extension("1.2.3.4", b"anything")).extensions) == 2


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("2.5.29.15", b"\x05\x00"),  # key usage: null
        ("2.5.29.17", bytes.fromhex("3002a300")),  # a name of a kind that is not supported
        ("2.5.29.31", b""),
    ],
)
def test_a_malformed_extension_is_a_value_error(oid: str, value: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        load_certificate(with_extension(oid, value))


def test_a_name_that_is_no_text_is_a_value_error(world: World) -> None:
    der = world.card.certificate
    country = bytes.fromhex("0603550406") + b"\x13\x02JP"
    assert country in der
    with pytest.raises(ValueError, match=r"^a certificate that cannot be read$"):
        load_certificate(der.replace(country, bytes.fromhex("0603550406") + b"\x03\x02\x00P"))


def test_an_extension_that_comes_twice_is_a_value_error() -> None:
    once = with_extension("2.5.29.15", bytes.fromhex("03020780"))
    assert len(load_certificate(once).extensions) == 2
    with pytest.raises(ValueError, match=r"^a certificate that cannot be read$"):
        load_certificate(once.replace(KEY_USAGE, BASIC_CONSTRAINTS))


def test_a_certificate_of_no_version_is_a_value_error(world: World) -> None:
    der = world.card.certificate
    with pytest.raises(ValueError, match=r"^a certificate that cannot be read$"):
        load_certificate(der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1))


@pytest.mark.filterwarnings("ignore:.*serial number.*")
def test_a_serial_number_below_zero_is_a_value_error() -> None:
    der = with_extension("1.2.3.4", b"")
    serial = bytes.fromhex("a003020102" + "0201")
    for number in (0, 1, 127):
        changed = der.replace(serial + b"\x01", serial + bytes((number,)))
        assert load_certificate(changed).serial_number == number
    with pytest.raises(ValueError, match=r"^a certificate whose serial number is negative$"):
        load_certificate(der.replace(serial + b"\x01", serial + b"\xff"))


def test_a_card_whose_authority_signed_an_unreadable_extension_is_refused(world: World) -> None:
    card = world.card.x509
    authority = world.authority
    builder = (
        x509.CertificateBuilder()
        .subject_name(card.subject)
        .issuer_name(card.issuer)
        .public_key(card.public_key())
        .serial_number(1)
        .not_valid_before(card.not_valid_before_utc)
        .not_valid_after(card.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(x509.oid.ExtensionOID.BASIC_CONSTRAINTS, b"\x05\x00"), critical=True)
    )
    der = builder.sign(authority.jpki_key, SHA256()).public_bytes(Encoding.DER)
    with pytest.raises(TokenRefused) as refused:
        verify_authentication_certificate(der, authority.anchors())
    assert refused.value.refusal is Refusal.CERTIFICATE_MALFORMED
