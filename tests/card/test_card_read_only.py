"""What may be done with anybody's card: nothing is written, and no try is spent that the holder did not allow.

Over the virtual card in this process and through pcscd; and, with `make test-card READER=name`, over the card that lies
on a real reader.
"""

import asyncio
import os
import sys
from hashlib import sha256

import pytest
from card_bench import Guarded, Laid, PinTryRefused, presented
from cryptography import x509

from board.contracts import CardInUse
from firmware.card.face_ap import NUMBER_B_TRIES, CardSurfaceAp
from firmware.card.jpki import PIN_TRIES, Jpki, PinOk, PinReady
from firmware.card.medium import CardDamaged, Medium
from firmware.token.cv import CvCertificate
from firmware.token.evidence import card_input, digest_info, verify_pin_signature

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_it_is_a_my_number_card_with_a_certificate_for_clients(laid: Laid):
    jpki = Jpki(await laid.session())
    assert jpki.medium is Medium.CARD
    certificate = x509.load_der_x509_certificate(jpki.authentication_certificate())
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign


async def test_asking_how_pin_and_number_b_stand_spends_no_try(laid: Laid):
    session = await laid.session()
    jpki = Jpki(session)
    state = jpki.pin_state()
    assert state == jpki.pin_state()
    assert not isinstance(state, PinReady) or 1 <= state.tries_left <= PIN_TRIES
    ap = CardSurfaceAp(session)
    assert 0 <= ap.number_b_tries() == ap.number_b_tries() <= NUMBER_B_TRIES


async def test_short_and_extended_apdus_read_the_same_certificate(laid: Laid):
    session = await laid.session()
    short = Jpki(session).authentication_certificate()
    session.close()
    extended = Jpki(await laid.session(extended=True)).authentication_certificate()
    assert sha256(extended).digest() == sha256(short).digest()  # a failure would print a holder's certificate


async def test_the_issuer_certificate_is_one_and_the_card_key_signs_each_challenge_anew(laid: Laid):
    ap = CardSurfaceAp(await laid.session())
    assert CvCertificate.parse(ap.issuer_certificate()).key.key_size >= 2048
    one, same, other = (ap.sign_with_card_key(challenge) for challenge in (b"one", b"one", b"other"))
    assert one == same != other


async def test_photo_and_authentication_key_stay_closed(laid: Laid):
    session = await laid.session()
    with pytest.raises(CardDamaged) as closed:
        CardSurfaceAp(session).surface()
    assert closed.value.sw == 0x6982
    with pytest.raises(CardDamaged) as closed:
        Jpki(session).sign(digest_info(bytes(32)))
    assert closed.value.sw == 0x6982


async def test_the_pin_opens_the_authentication_key_until_the_session_ends(laid: Laid):
    session = await laid.session()
    jpki = Jpki(session)
    state = jpki.pin_state()
    if state != PinReady(PIN_TRIES):
        pytest.skip(f"{type(state).__name__}: only a card with all its tries is asked")
    verified = jpki.verify_pin(laid.pin())
    if verified != PinOk():
        pytest.fail(str(verified))  # not by an assertion, which would print the PIN
    bound = sha256(b"what the card vouches for").digest()
    der = jpki.authentication_certificate()
    verify_pin_signature(x509.load_der_x509_certificate(der), bound, jpki.sign(card_input(der, bound)))
    session.close()
    with pytest.raises(CardDamaged) as closed:
        Jpki(await laid.session()).sign(card_input(der, bound))
    assert closed.value.sw == 0x6982


async def test_nobody_else_can_use_the_card_meanwhile(laid: Laid, request: pytest.FixtureRequest):
    if "direct" in request.node.callspec.id:
        return  # nothing stands between: there is nobody else
    session = await laid.session()
    with pytest.raises(CardInUse):
        await laid.session()
    session.close()
    assert (await laid.session()).transmit(bytes.fromhex("00A4040C0AD392F000260100000001")) == b"\x90\x00"


async def test_a_plugged_card_is_tested_without_any_try_unless_allowed(rig, persona):
    folder = persona("adult").folder
    await rig.tray.place(str(folder))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "--reader", "PCD 00 00"),
        *("-k", "reader"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, told.decode()
    assert "6 passed, 1 skipped" in told.decode() and "--allow-pin" in told.decode()
    assert not presented(rig.trace_file.read_text("utf-8").splitlines())


async def test_the_guard_before_a_plugged_card_lets_no_pin_through(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    jpki = Jpki(Guarded(session, pin_allowed=False))
    with pytest.raises(PinTryRefused):
        jpki.verify_pin(bytearray(b"1234"))
    assert jpki.pin_state() == PinReady(3)
    session.close()
