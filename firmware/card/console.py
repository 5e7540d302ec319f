"""What a technician sees of a card: each step with its time, what the card can do, and nothing of who holds it.

Japanese first, English beside it. No try of any PIN is spent; number B is asked for, and presented, only for the photo.
"""

import getpass
import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from board.contracts import CardFault, CardGone, CardSession
from firmware.card.apdu import meaning
from firmware.card.atr import radio_of
from firmware.card.face_ap import CardSurfaceAp, NumberBBlocked, NumberBWrong
from firmware.card.jpki import Jpki, PinAbsent, PinBlocked
from firmware.card.medium import CardDamaged, Medium, NotMyNumberCard
from firmware.card.watched import CardMute, Watched
from firmware.token.anchors import TrustAnchors
from firmware.token.certificate import load_certificate
from firmware.token.cv import CvCertificate
from firmware.token.evidence import verify_authentication_certificate, verify_card_key, verify_photo
from firmware.token.refusal import Refusal, TokenRefused

CONFIRMATION: Final = "photo"
"""What is typed before a photo leaves the card."""
_MEDIA: Final = {
    Medium.CARD: "マイナンバーカード / a plastic card",
    Medium.ANDROID: "スマートフォン (Android): この端末では受付しません / a smartphone: no visit takes it",
    Medium.IPHONE: "スマートフォン (iPhone): この端末では受付しません / a smartphone: no visit takes it",
    Medium.UNKNOWN: "表示名が不明: この端末では受付しません / a label nobody knows: no visit takes it",
}


@dataclass
class Console:
    """Reads one card aloud."""

    session: Watched
    out: TextIO
    anchors: TrustAnchors | None
    """Whose cards are believed; None: nobody is asked."""
    failed: bool = False

    def step(self, name: str, work: Callable[[], str]) -> None:
        """Do one thing and say what came of it. Raises CardGone."""
        begun, before = time.perf_counter(), self.session.received
        if self.out.isatty():
            print(f"{'…':>12}  {name}", end="\r", file=self.out, flush=True)
            self.session.on_answer = lambda: print(
                f"{self.session.received - before:>6,} byte  {name}", end="\r", file=self.out, flush=True
            )
        try:
            told = work()
        except CardDamaged as damaged:
            self.failed = True
            told = f"× {damaged.step}: {meaning(damaged.sw)}" if damaged.sw is not None else f"× {damaged.step}"
        except NotMyNumberCard:
            self.failed = True
            told = "× このカードにはありません / this card has none"
        except CardFault as fault:
            self.failed = True
            told = f"× {fault.reason}"
        except TokenRefused as refused:
            self.failed = True
            told = f"× 信用できません / not believed: {refused.refusal.value}"
        finally:
            self.session.on_answer = lambda: None
        print(f"{(time.perf_counter() - begun) * 1000:9.1f} ms  {name}: {told}", file=self.out, flush=True)

    def read(self) -> None:
        """Everything that needs neither PIN nor number B."""
        self.step("カード / card", self._radio)
        self._read_jpki()
        self._read_surface()

    def _radio(self) -> str:
        radio = radio_of(self.session.atr)
        atr = f"ATR {self.session.atr.hex(' ').upper()}"
        if radio is None:
            return atr
        rates = ", ".join(map(str, radio.kbit_s))
        return f"{atr}; {rates} kbit/s, {radio.frame} byte/frame, {radio.wait_ms} ms"

    def _read_jpki(self) -> None:
        selected: list[Jpki] = []

        def select() -> str:
            selected.append(Jpki(self.session, media=tuple(Medium)))
            self.failed |= selected[0].medium is not Medium.CARD
            return _MEDIA[selected[0].medium]

        self.step("公的個人認証AP / JPKI", select)
        if not selected:
            return
        jpki = selected[0]
        self.step("暗証番号 / PIN", lambda: _pin_state(jpki))
        self.step("電子証明書 / certificate", lambda: self._certificate(jpki))
        self.step("拡張APDU / extended APDUs", lambda: self._extended(jpki))

    def _certificate(self, jpki: Jpki) -> str:
        der = jpki.authentication_certificate()
        try:
            certificate = load_certificate(der)
            left = certificate.not_valid_after_utc - datetime.now(UTC)
            key = _key(certificate.public_key())
        except UnsupportedAlgorithm:
            key = "鍵の種類が不明 / a key of an unknown kind"
        except ValueError:
            raise CardDamaged("parse 000A") from None
        believed = "発行者は確かめていません / issuer not judged"
        if self.anchors is not None:
            verify_authentication_certificate(der, self.anchors)
            believed = "発行者は信用できます / issuer believed"
        return f"{len(der):,} byte, {key}, {_term(left)}, {believed}"

    def _extended(self, jpki: Jpki) -> str:
        if not self.session.extended:
            return "リーダーが対応を知らせません（--extended で試せます） / the reader does not tell (--extended tries)"
        if not jpki.extended:
            return "カードが受け付けません / the card refuses them"
        return "使えます / in use"

    def _read_surface(self) -> None:
        selected: list[CardSurfaceAp] = []

        def select() -> str:
            selected.append(CardSurfaceAp(self.session))
            return "選択できました / selected"

        self.step("券面事項確認AP / card surface", select)
        if not selected:
            return
        ap = selected[0]
        self.step("照合番号B / number B", lambda: _tries(ap.number_b_tries()))
        self.step("券面の発行者 / issuer of the card surface", lambda: self._issuer(ap.issuer_certificate()))
        self.step("カードの鍵の署名 / signature by the card's key", lambda: _signed(ap))

    def _issuer(self, encoded: bytes) -> str:
        try:
            certificate = CvCertificate.parse(encoded)
        except ValueError:
            raise CardDamaged("parse 0004") from None
        judged = "未確認 / not judged"
        if self.anchors is not None:
            named = [anchor for anchor in self.anchors.cv if anchor.issuer == certificate.issuer]
            if not named:
                raise TokenRefused(Refusal.ISSUER_UNKNOWN)
            if not any(certificate.signed_by(anchor.key()) for anchor in named):
                raise TokenRefused(Refusal.ISSUER_FORGED)
            judged = "信用できます / believed"
        return f"{len(encoded):,} byte, {_key(certificate.key)}, {certificate.issuer.hex()}: {judged}"

    def save_photo(self, file: Path) -> None:
        """Ask for consent and number B, then write the card's photo to a new file of this user alone.

        Raises CardGone; OSError where the file cannot be written.
        """
        print(
            "\n写真は個人情報です。カードの持ち主の同意がありますか。\n"
            "The photo is personal data: its holder must have agreed.\n"
            f"取り出すときは {CONFIRMATION} と入力 / type {CONFIRMATION} to take it from the card: ",
            end="",
            file=self.out,
            flush=True,
        )
        if sys.stdin.readline().strip() != CONFIRMATION:
            print("中止しました / nothing was read", file=self.out)
            self.failed = True
            return
        try:
            number_b = getpass.getpass("照合番号B（14桁） / number B, 14 digits: ").strip()
        except UnicodeDecodeError:
            number_b = ""
        photos: list[bytes] = []

        def open_surface() -> str:
            ap = CardSurfaceAp(self.session)
            try:
                answer = ap.verify_number_b(number_b)
            except ValueError:
                self.failed = True
                return "× 14桁ではありません。カードには送っていません / not 14 digits; nothing was sent"
            if isinstance(answer, NumberBWrong):
                self.failed = True
                return f"× 違います。残り {answer.tries_left} 回 / wrong, {answer.tries_left} tries left"
            if isinstance(answer, NumberBBlocked):
                self.failed = True
                return (
                    f"× 残り {answer.tries_left} 回なので送っていません / not sent: only {answer.tries_left} tries left"
                )
            surface = ap.surface()
            photos.append(surface.photo)
            if self.anchors is None:
                return f"{len(surface.photo):,} byte, 署名は確かめていません / signatures not judged (--authority)"
            parts = (surface.group1, surface.group2_hash, surface.photo_hash, surface.signature)
            key = verify_photo(ap.issuer_certificate(), *parts, self.anchors)
            challenge = secrets.token_bytes(32)
            verify_card_key(key, challenge, ap.sign_with_card_key(challenge))
            if not surface.photo:
                return "写真はありません。カードは本物です / no photo; the card is genuine"
            return f"{len(surface.photo):,} byte, 写真もカードも本物です / photo and card are genuine"

        self.step("写真 / photo", open_surface)
        if photos and photos[0]:
            _write_new(file, photos[0])
            print(f"{file}: 用がすんだら消してください / delete it when it has served", file=self.out)
        elif photos:
            print("このカードに写真はありません / this card bears no photo", file=self.out)


def read_card(session: CardSession, anchors: TrustAnchors | None, *, trace: bool, photo: Path | None) -> int:
    """Read the card aloud on standard output, and power it off; 0 if every step went well."""
    watched = Watched(session, sys.stdout, trace=trace)
    console = Console(watched, sys.stdout, anchors)
    begun = time.perf_counter()
    try:
        console.read()
        print(f"{(time.perf_counter() - begun) * 1000:9.1f} ms  合計 / in all")
        if photo is not None:
            console.save_photo(photo)
    except CardGone:
        print("× カードが離れました。もう一度置いてください / the card was lifted: place it again", file=sys.stdout)
        return 1
    except CardMute:
        print("× 答えがありません。カードを置き直してください / the card answers no more: place it again")
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\n中止しました / stopped")
        return 1
    except OSError as error:
        print(f"× {photo}: {error.strerror}", file=sys.stdout)
        return 1
    finally:
        watched.close()
    return 1 if console.failed else 0


def _write_new(file: Path, content: bytes) -> None:
    """A file that only this user can read, whole or not at all. Raises OSError, also where it exists."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(content)
    except OSError:
        file.unlink()
        raise


def _pin_state(jpki: Jpki) -> str:
    state = jpki.pin_state()
    if isinstance(state, PinBlocked):
        return "ロックされています（解除は市区町村） / locked: the municipal office unlocks it"
    if isinstance(state, PinAbsent):
        return "ありません（顔認証マイナンバーカード） / none: a card for face authentication only"
    return _tries(state.tries_left)


def _term(left: timedelta) -> str:
    """How a certificate stands. Not its last day: that is the holder's birthday, in some year."""
    if left < timedelta(0):
        return "期限切れ / ended"
    return "3か月以内に期限切れ / ends within 3 months" if left < timedelta(days=92) else "有効 / valid"


def _tries(left: int) -> str:
    return f"残り {left} 回（この確認では減りません） / {left} tries left, asking spends none"


def _signed(ap: CardSurfaceAp) -> str:
    signature = ap.sign_with_card_key(secrets.token_bytes(32))
    return f"{len(signature)} byte（検証には照合番号B） / (verified only with number B)"


def _key(key: object) -> str:
    if isinstance(key, RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return type(key).__name__
