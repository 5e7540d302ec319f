"""Issued cards: certificates, number B, the card's face."""

import io
import json
import tomllib
from datetime import UTC, date, datetime
from hashlib import sha384

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from board.sim.card.authority import Authority
from board.sim.card.chip import VirtualCard
from board.sim.card.data import CardData, Kind
from board.sim.card.files import Counters
from board.sim.card.issue import PERSONAS, issue_card, silhouette
from board.sim.card.surface import Person, number_b, tlv
from board.sim.card.trace import Trace
from firmware.token.tlv import by_tag, elements


def person(birth: date = date(1980, 2, 17)) -> Person:
    return Person("見本 花子", "見本県架空市", birth, 2, date(2035, 2, 17), "0042", "1234")


@pytest.mark.parametrize(
    ("birth", "digits"),
    [
        (date(1980, 2, 17), "550217" + "2035" + "0042"),
        (date(1989, 1, 7), "640107" + "2035" + "0042"),
        (date(1989, 1, 8), "010108" + "2035" + "0042"),
        (date(2019, 4, 30), "310430" + "2035" + "0042"),
        (date(2019, 5, 1), "010501" + "2035" + "0042"),
        (date(1926, 12, 24), "151224" + "2035" + "0042"),
    ],
)
def test_number_b_counts_years_by_era(birth, digits):
    assert number_b(person(birth)) == digits


def test_authentication_certificate_has_the_published_profile(authority):
    data = issue_card(person(), silhouette(), authority)
    certificate = x509.load_der_x509_certificate(data.authentication_certificate)
    certificate.verify_directly_issued_by(authority.ca)
    authority.ca.verify_directly_issued_by(authority.root)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.content_commitment
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert [attribute.rfc4514_attribute_name for attribute in certificate.subject] == ["C", "CN"]
    assert data.authentication_certificate.startswith(b"\x30\x82")
    assert len(data.authentication_certificate) <= 1900


def test_card_and_authority_come_back_from_their_folders(authority, tmp_path):
    authority.save(tmp_path / "authority")
    again = Authority.load(tmp_path / "authority")
    data = issue_card(person(), silhouette(), again)
    data.save(tmp_path / "card")
    loaded = CardData.load(tmp_path / "card")
    assert loaded.surface == data.surface
    assert loaded.issuer_certificate == authority.signer_certificate
    x509.load_der_x509_certificate(loaded.authentication_certificate).verify_directly_issued_by(authority.ca)


def test_photo_too_large_for_the_card_is_refused(authority):
    issue_card(person(), bytes(28_000), authority)
    with pytest.raises(ValueError, match="does not fit"):
        issue_card(person(), bytes(32_000), authority)


def test_offset_table_points_at_the_nine_objects(authority):
    surface = issue_card(person(), silhouette(), authority).surface
    start = surface.index(b"\xdf\x21") + 3
    offsets = [int.from_bytes(surface[start + 2 * n : start + 2 * n + 2], "big") for n in range(9)]
    assert [surface[offset : offset + 2].hex() for offset in offsets] == [f"df2{n:x}" for n in range(2, 11)]


def test_card_key_is_the_265_byte_object_of_90_and_91(authority):
    data = issue_card(person(), silhouette(), authority)
    modulus = data.card_key.public_key().public_numbers().n.to_bytes(256, "big")
    key = bytes.fromhex("9003010001") + bytes.fromhex("91820100") + modulus
    assert len(key) == 265
    assert tlv(0xDF24, key) in data.surface


def test_every_persona_became_a_card(cards):
    personas = tomllib.loads(PERSONAS.read_text("utf-8"))
    assert {folder.name for folder in cards.iterdir()} == set(personas)
    kinds = {name: CardData.load(cards / name).kind for name in personas}
    assert {name for name, kind in kinds.items() if kind is not Kind.MY_NUMBER_CARD} == {
        "not_my_number_card",
        "damaged",
    }


def test_certificates_end_when_their_persona_says(cards):
    today = datetime.now(UTC)
    days_left = {folder.name: (certificate_of(folder).not_valid_after_utc - today).days for folder in cards.iterdir()}
    assert {name for name, days in days_left.items() if days < 0} == {"ended_certificate", "expired_certificate"}
    assert -89 < days_left["ended_certificate"] < 0
    assert days_left["expired_certificate"] < -92
    assert {name for name, days in days_left.items() if 0 <= days < 89} == {"ending_certificate"}


def certificate_of(folder):
    return x509.load_der_x509_certificate((folder / "auth_cert.der").read_bytes())


def photo_of(folder):
    (surface,) = elements(CardData.load(folder).surface)
    return by_tag(surface.value)[0xDF27].value


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [("small_photo", (90, 112), "L"), ("large_photo", (900, 1200), "L"), ("colour_photo", (300, 375), "RGB")],
)
def test_photos_are_as_their_persona_says(cards, name, size, mode):
    with Image.open(io.BytesIO(photo_of(cards / name))) as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG2000", size, mode)
    assert name != "large_photo" or len(photo_of(cards / name)) == 31_000


def test_an_infant_has_an_empty_photo(cards):
    assert photo_of(cards / "infant") == b""


def test_a_card_of_the_next_generation_signs_a_sha384_digest_with_p384(cards, authority):
    certificate = certificate_of(cards / "next_generation")
    certificate.verify_directly_issued_by(authority.next_ca)
    authority.next_ca.verify_directly_issued_by(authority.next_root)
    card = VirtualCard(CardData.load(cards / "next_generation"), Counters(), Trace(lambda line: None))
    card.transmit(bytes.fromhex("00A4040C0AD392F000260100000001"))
    card.transmit(bytes.fromhex("0020009804" + b"1111".hex()))
    digest = sha384(b"what the card vouches for").digest()
    answer = card.transmit(bytes.fromhex("802A009730") + digest + b"\0")
    assert answer[-2:].hex() == "9000" and len(answer) == 98
    signature = encode_dss_signature(int.from_bytes(answer[:48], "big"), int.from_bytes(answer[48:96], "big"))
    key = certificate.public_key()
    assert isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp384r1"
    key.verify(signature, b"what the card vouches for", ECDSA(SHA384()))
    assert card.transmit(bytes.fromhex("802A009714") + digest[:20] + b"\0").hex() == "6700"


def test_a_card_without_a_pin_answers_every_verify_of_it_alike(cards):
    card = VirtualCard(CardData.load(cards / "no_pin"), Counters(), Trace(lambda line: None))
    card.transmit(bytes.fromhex("00A4040C0AD392F000260100000001"))
    for command in ("00200098", "0020009804" + b"0000".hex()):
        assert card.transmit(bytes.fromhex(command)).hex() == "6984"


def test_no_card_holds_a_12_digit_number(cards):
    for folder in cards.iterdir():
        known = json.loads((folder / "card.json").read_text("utf-8"))
        assert set(known) == {"kind", "pin", "number_b", "serial_sha256", "manner"}
        assert (len(known["pin"]), len(known["number_b"])) == (0 if folder.name == "no_pin" else 4, 14)
