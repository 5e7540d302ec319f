"""公的個人認証AP, the same over a card in this process and through pcscd and vpcd."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from card_bench import presented
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from firmware.card.face_ap import CardSurfaceAp
from firmware.card.jpki import Jpki, PinBlocked, PinOk, PinReady, PinWrong
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.token.evidence import digest_info, verify_authentication_certificate, verify_pin_signature

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_certificate_is_the_issued_one_without_padding_and_needs_no_pin(bench, persona, issued):
    holder = persona("adult")
    jpki = Jpki(await bench.place(holder.folder))
    der = jpki.authentication_certificate()
    assert der == (holder.folder / "auth_cert.der").read_bytes()
    certificate = verify_authentication_certificate(der, issued.anchors)
    assert [name.rfc4514_attribute_name for name in certificate.subject] == ["C", "CN"]


async def test_signature_after_the_pin_verifies_with_the_certificate(bench, persona, issued):
    holder = persona("adult")
    jpki = Jpki(await bench.place(holder.folder))
    assert jpki.verify_pin(holder.pin) == PinOk()
    message = b"what the card vouches for"
    signature = jpki.sign(digest_info(sha256(message).digest()))
    certificate = x509.load_der_x509_certificate(jpki.authentication_certificate())
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(signature, message, PKCS1v15(), SHA256())
    verify_pin_signature(certificate, sha256(message).digest(), signature)


async def test_signature_without_the_pin_is_refused(bench, persona):
    jpki = Jpki(await bench.place(persona("adult").folder))
    with pytest.raises(CardDamaged) as refused:
        jpki.sign(digest_info(bytes(32)))
    assert refused.value.sw == 0x6982


async def test_wrong_pin_counts_down_and_the_right_one_restores_all_tries(bench, persona):
    holder = persona("adult")
    jpki = Jpki(await bench.place(holder.folder))
    assert jpki.pin_state() == PinReady(3)
    assert jpki.verify_pin(bytearray(b"0000")) == PinWrong(2)
    assert jpki.verify_pin(bytearray(b"0001")) == PinWrong(1)
    assert jpki.pin_state() == PinReady(1)
    assert jpki.verify_pin(holder.pin) == PinOk()
    assert jpki.pin_state() == PinReady(3)


async def test_third_wrong_pin_blocks_for_the_life_of_the_card(bench, persona):
    holder = persona("adult")
    session = await bench.place(holder.folder)
    jpki = Jpki(session)
    answers = [jpki.verify_pin(bytearray(b"9999")) for _ in range(3)]
    assert answers == [PinWrong(2), PinWrong(1), PinBlocked()]
    assert jpki.verify_pin(holder.pin) == PinBlocked()
    session.close()
    jpki = Jpki(await bench.again())
    assert jpki.pin_state() == PinBlocked()
    assert jpki.verify_pin(holder.pin) == PinBlocked()


async def test_tries_spent_are_remembered_by_the_next_session(bench, persona):
    session = await bench.place(persona("adult").folder)
    Jpki(session).verify_pin(bytearray(b"0000"))
    session.close()
    assert Jpki(await bench.again()).pin_state() == PinReady(2)


async def test_closing_the_session_ends_the_verified_state(bench, persona):
    holder = persona("adult")
    session = await bench.place(holder.folder)
    Jpki(session).verify_pin(holder.pin)
    session.close()
    with pytest.raises(CardDamaged) as refused:
        Jpki(await bench.again()).sign(digest_info(bytes(32)))
    assert refused.value.sw == 0x6982


async def test_persona_with_locked_pin_is_blocked_from_the_start(bench, persona):
    holder = persona("pin_locked")
    jpki = Jpki(await bench.place(holder.folder))
    assert jpki.pin_state() == PinBlocked()
    assert jpki.verify_pin(holder.pin) == PinBlocked()


async def test_pin_of_another_shape_never_reaches_the_card(bench, persona):
    jpki = Jpki(await bench.place(persona("adult").folder))
    before = len(bench.trace())
    for wrong in (b"123", b"12345", b"12a4", "\uff11\uff12\uff13\uff14".encode(), b""):
        with pytest.raises(ValueError, match="four digits"):
            jpki.verify_pin(bytearray(wrong))
    assert len(bench.trace()) == before


async def test_pin_is_left_to_the_caller_and_is_neither_traced_nor_represented(bench, persona):
    holder = persona("adult")
    jpki = Jpki(await bench.place(holder.folder))
    jpki.verify_pin(holder.pin)
    assert holder.pin == bytearray(b"1234")
    assert not [line for line in bench.trace() if b"1234".hex() in line.split(" ", 1)[1].split(" ->")[0]]
    assert presented(bench.trace())


async def test_card_of_another_issuer_is_not_a_my_number_card(bench, persona):
    session = await bench.place(persona("not_my_number_card").folder)
    for application in (Jpki, CardSurfaceAp):
        with pytest.raises(NotMyNumberCard):
            application(session)


async def test_damaged_card_names_the_file_that_cannot_be_read(bench, persona):
    jpki = Jpki(await bench.place(persona("damaged").folder))
    with pytest.raises(CardDamaged) as damaged:
        jpki.authentication_certificate()
    assert (damaged.value.step, damaged.value.sw) == ("read 000A", 0x6581)


async def test_expired_persona_has_an_expired_certificate_of_the_same_authority(bench, persona, issued):
    jpki = Jpki(await bench.place(persona("expired_certificate").folder))
    certificate = verify_authentication_certificate(jpki.authentication_certificate(), issued.anchors)
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc < datetime.now(UTC)
    adult = x509.load_der_x509_certificate((issued.cards / "adult" / "auth_cert.der").read_bytes())
    assert adult.not_valid_after_utc > datetime.now(UTC)
