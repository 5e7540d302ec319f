"""券面事項確認AP, the same over a card in this process and through pcscd and vpcd."""

import io
from hashlib import sha256

import pytest
from card_bench import presented
from PIL import Image

from board.sim.card.authority import Authority
from board.sim.card.surface import tlv
from firmware.card.face_ap import CardSurfaceAp, NumberBBlocked, NumberBOk, NumberBWrong
from firmware.card.jpki import Jpki
from firmware.card.medium import CardDamaged
from firmware.token.anchors import CvAnchor, TrustAnchors
from firmware.token.cv import CvCertificate
from firmware.token.evidence import verify_card_key, verify_photo
from firmware.token.refusal import Refusal, TokenRefused

pytestmark = pytest.mark.asyncio(loop_scope="session")


def verified_key(ap, surface, anchors):
    return verify_photo(
        ap.issuer_certificate(),
        surface.group1,
        surface.group2_hash,
        surface.photo_hash,
        surface.signature,
        anchors,
    )


async def test_photo_and_card_key_pass_the_verifier_both_sides_use(bench, persona, issued):
    holder = persona("adult")
    ap = CardSurfaceAp(await bench.place(holder.folder))
    assert ap.verify_number_b(holder.number_b) == NumberBOk()
    surface = ap.surface()
    key = verified_key(ap, surface, issued.anchors)
    verify_card_key(key, b"challenge", ap.sign_with_card_key(b"challenge"))
    photo = Image.open(io.BytesIO(surface.photo))
    assert (photo.format, photo.size, photo.mode) == ("JPEG2000", (320, 400), "L")
    assert surface.photo_hash == sha256(tlv(0xDF27, surface.photo)).digest()


async def test_another_authority_or_another_challenge_does_not_pass(bench, persona, issued):
    holder = persona("pin_person")
    ap = CardSurfaceAp(await bench.place(holder.folder))
    ap.verify_number_b(holder.number_b)
    surface = ap.surface()
    numbers = Authority.create().cv_key.public_key().public_numbers()
    foreign = CvAnchor(issued.anchors.cv[0].issuer, numbers.n, numbers.e)
    with pytest.raises(TokenRefused) as refused:
        verified_key(ap, surface, TrustAnchors(issued.anchors.jpki, (foreign,)))
    assert refused.value.refusal is Refusal.ISSUER_FORGED
    key = verified_key(ap, surface, issued.anchors)
    with pytest.raises(TokenRefused):
        verify_card_key(key, b"another challenge", ap.sign_with_card_key(b"challenge"))


async def test_photo_stays_closed_without_number_b(bench, persona):
    ap = CardSurfaceAp(await bench.place(persona("adult").folder))
    with pytest.raises(CardDamaged) as refused:
        ap.surface()
    assert (refused.value.step, refused.value.sw) == ("read 0002", 0x6982)


async def test_card_key_signs_and_issuer_certificate_reads_without_number_b(bench, persona):
    holder = persona("adult")
    ap = CardSurfaceAp(await bench.place(holder.folder))
    assert len(ap.sign_with_card_key(b"challenge")) == 256
    certificate = CvCertificate.parse(ap.issuer_certificate())
    assert len(certificate.body) == 297


async def test_wrong_number_b_stops_with_tries_left_and_asks_no_more(bench, persona):
    holder = persona("adult")
    ap = CardSurfaceAp(await bench.place(holder.folder))
    wrong = "0" * 14
    answers = [ap.verify_number_b(wrong) for _ in range(7)]
    assert answers == [NumberBWrong(left) for left in range(9, 2, -1)]
    assert ap.verify_number_b(wrong) == NumberBBlocked(3)
    assert ap.verify_number_b(holder.number_b) == NumberBBlocked(3)
    assert len(presented(bench.trace())) == 7


async def test_number_b_of_another_shape_never_reaches_the_card(bench, persona):
    ap = CardSurfaceAp(await bench.place(persona("adult").folder))
    before = len(bench.trace())
    for wrong in ("1" * 12, "1" * 13, "1" * 15, "\uff11" * 14, ""):
        with pytest.raises(ValueError, match="14 digits"):
            ap.verify_number_b(wrong)
    assert len(bench.trace()) == before


async def test_whole_visit_touches_neither_the_12_digit_number_nor_number_a(bench, persona):
    holder = persona("adult")
    session = await bench.place(holder.folder)
    jpki = Jpki(session)
    jpki.authentication_certificate()
    ap = CardSurfaceAp(session)
    ap.verify_number_b(holder.number_b)
    ap.surface()
    ap.issuer_certificate()
    ap.sign_with_card_key(b"challenge")
    jpki = Jpki(session)
    jpki.pin_state()
    jpki.verify_pin(holder.pin)
    jpki.sign(b"\x30" * 51)
    session.close()
    lines = bench.trace()
    selected = {line.split()[1] for line in lines if line.split()[1].startswith("00A4")}
    assert selected == {
        "00A4040C0AD392F000260100000001",
        "00A4040C0AD3921000310001010402",
    }
    commands = [line.split()[1] for line in lines]
    assert {command[:6] for command in commands if command.startswith("00B08")} == {
        "00B082",
        "00B084",
        "00B086",
        "00B08A",
    }
    assert {command[:8] for command in commands if command.startswith("0020")} == {"00200092", "00200098"}
    assert not [line for line in lines if "FORBIDDEN" in line]
    assert not [line for line in lines if holder.number_b in line or holder.number_b.encode().hex() in line.lower()]


async def test_surface_is_represented_without_its_content(bench, persona):
    holder = persona("adult")
    ap = CardSurfaceAp(await bench.place(holder.folder))
    ap.verify_number_b(holder.number_b)
    assert "jP" not in repr(ap.surface())
