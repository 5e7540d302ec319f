"""How fast the card work is: `make bench-card`. All of one run, on the virtual card through pcscd; a line of JSON each:

face_mode   everything a visit by face asks of a card with a photo of 20 KB, whose radio takes its time, over the least
            that such a radio could take for it, which is computed here from the model alone
layer       one command through our layer over the same one straight through SCardTransmit, in turns
pin_mode    login and signature on a card that is selected, over the same in a PyKCS11 session that is open already
            (OpenSC unmodified), in turns, what the card says it took itself taken off both; and the rest of a PIN visit
"""

import asyncio
import json
import secrets
import sysconfig
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from statistics import median

import PyKCS11
from card_bench import READER, Rig
from cryptography import x509
from smartcard import scard

from board.linux.pcsc import PcscReader, PcscSession
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_card, silhouette
from board.sim.card.surface import Person
from firmware.card.apdu import Command, Ins, exchange
from firmware.card.face_ap import CardSurfaceAp, NumberBOk
from firmware.card.jpki import Jpki, PinOk, PinReady
from firmware.token.anchors import TrustAnchors
from firmware.token.evidence import digest_info, verify_card_key, verify_photo, verify_pin_signature

OPENSC = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/opensc-pkcs11.so"
PERSON = Person("見本 試験", "見本県架空市試験町", date(1980, 2, 17), 3, date(2035, 2, 17), "5285", "1234")
PHOTO_BYTES = 20 * 1024
VISITS = 9
TURNS, LOGINS = 5, 10
ROUNDS, COMMANDS = 20, 20

FC_HZ, SUBCARRIER_HZ = 13_560_000, 847_500
BLOCK_BYTES = 256 - 3
"""What a frame of 256 bytes leaves to the command: PCB and CRC take the rest."""


def least_s(exchanges: list[tuple[int, int]], kbit_s: int) -> float:
    """The least time for (command, response) of so many bytes on a type B radio, the card itself taking none.

    Frames: SOF 12 etu, 10 a byte, EOF 10. What is longer than a frame goes in chained blocks, each answered by R(ACK).
    TR0 64/fs and TR1 80/fs before each of the card's frames, TR2 10 etu + 32/fs after it.
    """
    etu = 128 / FC_HZ / (kbit_s // 106)
    total = 0.0
    for command, response in exchanges:
        out, back = -(-command // BLOCK_BYTES), -(-response // BLOCK_BYTES)
        turns = out + back - 1
        on_air = command + response + 3 * 2 * turns  # every turn is one frame each way, with PCB and CRC
        total += (10 * on_air + 22 * 2 * turns + 10 * turns) * etu + turns * (64 + 80 + 32) / SUBCARRIER_HZ
    return total


def photo() -> bytes:
    """A JP2 of exactly PHOTO_BYTES: its last box is empty space."""
    drawn = silhouette()
    space = PHOTO_BYTES - len(drawn)
    return drawn + space.to_bytes(4, "big") + b"free" + bytes(space - 8)


class Bench:
    """A card of our own before the real pcscd."""

    def __init__(self, folder: Path) -> None:
        authority = Authority.create()
        authority.save(folder / "authority")
        card = issue_card(PERSON, photo(), authority)
        card.save(folder / "card")
        self.folder = folder
        self.number_b = card.number_b
        self.surface_bytes, self.issuer_bytes = len(card.surface), len(card.issuer_certificate)
        files = ((folder / "authority" / name).read_bytes() for name in ("jpki_ca.pem", "cv_ca.json"))
        self.anchors = TrustAnchors.from_files(*files)
        (folder / "rig").mkdir()
        self.rig = Rig(folder / "rig")

    async def place(self, closing: AsyncExitStack, *options: str) -> PcscReader:
        """The card on the reader, served with `options`."""
        await self.rig.start(*options)
        closing.push_async_callback(self.rig.stop)
        reader = PcscReader(READER, extended=True)
        closing.push_async_callback(reader.close)
        await self.rig.tray.place(str(self.folder / "card"))
        await reader.inserted()
        return reader

    async def busy_ms(self) -> float:
        """What the card says it has taken itself."""
        return (await self.rig.tray.status()).busy_ms


def face_mode(session: PcscSession, bench: Bench) -> None:
    ap = CardSurfaceAp(session)
    assert ap.verify_number_b(bench.number_b) == NumberBOk()
    surface = ap.surface()
    parts = (surface.group1, surface.group2_hash, surface.photo_hash, surface.signature)
    key = verify_photo(ap.issuer_certificate(), *parts, bench.anchors)
    challenge = secrets.token_bytes(32)
    verify_card_key(key, challenge, ap.sign_with_card_key(challenge))


async def measure_face_mode(bench: Bench, kbit_s: int) -> dict[str, object]:
    """Select, number B, photo, authenticity, the card's signature, against the five commands that could not be less."""
    least = least_s(
        [
            (5 + 10, 2),  # SELECT by name
            (5 + 14, 2),  # VERIFY with number B
            (7, bench.surface_bytes + 2),  # READ BINARY, extended, the whole card face
            (7, bench.issuer_bytes + 2),  # READ BINARY, the issuer's certificate
            (5 + 51 + 1, 256 + 2),  # signature
        ],
        kbit_s,
    )
    took = []
    async with AsyncExitStack() as closing:
        reader = await bench.place(closing, "--rf", str(kbit_s))
        for _ in range(VISITS):
            session = await reader.connect()
            took.append(timed(lambda session=session: face_mode(session, bench)))
            session.close()
    return {
        "bench": "face_mode",
        "kbit_s": kbit_s,
        "photo_bytes": PHOTO_BYTES,
        "least_ms": round(least * 1000, 1),
        "median_ms": round(median(took) * 1000, 1),
        "worst_ms": round(max(took) * 1000, 1),
        "ratio": round(median(took) / least, 3),
        "at_most": 1.10,
    }


async def measure_layer(bench: Bench, *options: str) -> dict[str, object]:
    """READ BINARY of one frame, ours and bare in turns."""
    ours, bare = [], []
    command = Command(Ins.READ_BINARY, 0, 0, le=251)
    async with AsyncExitStack() as closing:
        reader = await bench.place(closing, *options)
        session = await reader.connect()
        Jpki(session).authentication_certificate()
        card, encoded = session._card, list(command.encode())
        for _ in range(ROUNDS):
            for times, once in (
                (ours, lambda: exchange(session, command)),
                (bare, lambda: scard.SCardTransmit(card, scard.SCARD_PCI_T1, encoded)),
            ):
                times += [timed(once) for _ in range(COMMANDS)]
        session.close()
    return {
        "bench": "layer",
        "kbit_s": int(options[1]) if options else None,
        "commands": len(ours),
        "ours_us": round(median(ours) * 1e6, 1),
        "bare_us": round(median(bare) * 1e6, 1),
        "over_percent": round((median(ours) / median(bare) - 1) * 100, 2),
        "at_most_percent": 5 if options else None,
    }


async def measure_pin_mode(bench: Bench) -> dict[str, object]:
    """Login and signature, by OpenSC and by us, in turns."""
    ours, theirs = [], []
    async with AsyncExitStack() as closing:
        reader = await bench.place(closing)
        for _ in range(TURNS):
            theirs += await by_pykcs11(bench)
            ours += await by_us(bench, reader)
    return {
        "bench": "pin_mode",
        "visits": len(ours),
        "ours_ms": round(median(login for login, _ in ours), 3),
        "ours_from_selecting_on_ms": round(median(whole for _, whole in ours), 3),
        "pykcs11_ms": round(median(theirs), 3),
        "ratio": round(median(login for login, _ in ours) / median(theirs), 3),
        "at_most": 0.5,
    }


async def by_pykcs11(bench: Bench) -> list[float]:
    """Milliseconds of each login and signature, without the card's own."""
    library = PyKCS11.PyKCS11Lib()
    library.load(OPENSC)
    opened = library.openSession(library.getSlotList(tokenPresent=True)[0])
    took = []
    for _ in range(LOGINS):
        busy, since = await bench.busy_ms(), time.perf_counter()
        opened.login("1234")
        private = opened.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, (1,))])[0]
        opened.sign(private, secrets.token_bytes(32), PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS))
        elapsed = (time.perf_counter() - since) * 1000
        took.append(elapsed - (await bench.busy_ms() - busy))
        opened.logout()
    opened.closeSession()
    del library
    return took


async def by_us(bench: Bench, reader: PcscReader) -> list[tuple[float, float]]:
    """The same: of the login and signature, and of the whole card work of a visit by PIN around them."""
    took = []
    session = await reader.connect()
    for _ in range(LOGINS):
        bound = secrets.token_bytes(32)
        busy, begun = await bench.busy_ms(), time.perf_counter()
        jpki = Jpki(session)
        certificate = x509.load_der_x509_certificate(jpki.authentication_certificate())
        assert isinstance(jpki.pin_state(), PinReady)
        opened, busy_open = time.perf_counter(), await bench.busy_ms()
        since = time.perf_counter()
        assert jpki.verify_pin(bytearray(b"1234")) == PinOk()
        signature = jpki.sign(digest_info(bound))
        ended, busy_ended = time.perf_counter(), await bench.busy_ms()
        verify_pin_signature(certificate, bound, signature)
        login = (ended - since) * 1000 - (busy_ended - busy_open)
        took.append((login, login + (opened - begun) * 1000 - (busy_open - busy)))
    session.close()
    return took


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    since = time.perf_counter()
    work()
    return time.perf_counter() - since


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="card") as folder:
        bench = Bench(Path(folder))
        for figure in (
            *((measure_face_mode, kbit_s) for kbit_s in (424, 106)),
            (measure_layer, "--rf", "424"),
            (measure_layer,),
            (measure_pin_mode,),
        ):
            measure, *arguments = figure
            print(json.dumps(await measure(bench, *arguments)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
