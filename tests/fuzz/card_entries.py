"""What must hold whatever a card gives: one function for each way in, bytes in, AssertionError or any surprise out."""

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from card_seeds import LABEL, cv_certificate, photos, public_key, surface, tlv
from fuzz_memory import python_memory

from board.contracts import CardFault
from firmware.card.apdu import Command, Ins, exchange
from firmware.card.face_ap import CardSurfaceAp
from firmware.card.jpki import Jpki
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.face.photo import PhotoError, open_photo
from firmware.token import cv
from firmware.token import tlv as ber

OBJECT_BYTES = 1 << 20
"""Most that taking apart at most 64 KiB of objects may allocate, as tracemalloc counts it."""
ANSWERS_BYTES = 1 << 20
"""The same for one use of the card, whose responses have at most 64 KiB."""
PHOTO_BYTES = 256 << 20
"""Most by which photos may make the address space grow, OpenJPEG's own memory included."""

_ISSUER = cv.public_key(public_key())
_PHOTOS = photos()


class Choices:
    """Fuzzed bytes, taken one after the other; nothing but zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.some(size).ljust(size, b"\x00"), "big")

    def some(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def __bool__(self) -> bool:
        return bool(self._data)


def objects(data: bytes) -> None:
    """TLV objects and CV certificate: taken apart, or ValueError."""
    with python_memory(OBJECT_BYTES):
        with suppress(ValueError):
            assert ber.object_size(data) >= 2
        with suppress(ValueError):
            assert b"".join(part.encoded for part in ber.elements(data)) == data
        with suppress(ValueError):
            assert sum(len(part.encoded) for part in ber.by_tag(data).values()) == len(data)
        with suppress(ValueError):
            cv.public_key(data)
        with suppress(ValueError):
            cv.CvCertificate.parse(data).signed_by(_ISSUER)


def answers(data: bytes) -> None:
    """A card that answers as it likes: a value, or one of the declared exceptions, and no PIN presented twice."""
    choices = Choices(data)
    use = USES[choices.number() % len(USES)]
    card = Whimsical(choices)
    with python_memory(ANSWERS_BYTES), suppress(CardFault, CardDamaged, NotMyNumberCard):
        use(card)
    assert card.presented <= 1, "a PIN was presented again"


def photo(data: bytes) -> None:
    """One of our photos, edited: it opens within the caps, or is refused."""
    with suppress(PhotoError):
        picture = open_photo(edited_photo(data))
        assert picture.mode == "RGB" and picture.width * picture.height <= 4 << 20
    grown = address_space_peak() - _MAPPED
    assert grown <= PHOTO_BYTES, f"{grown} bytes more"


def edited_photo(data: bytes) -> bytes:
    """A photo as the fuzzed bytes would have it: of another size by all its headers, and edited in up to eight places,
    anywhere or only from its codestream's second marker on."""
    choices = Choices(data)
    jp2 = bytearray(_PHOTOS[choices.number() % len(_PHOTOS)])
    first, box, mode = 0, jp2.index(b"jp2c"), choices.number()
    if mode & 4:
        width, height = choices.number(2) % 4096, choices.number(2) % 4096
        struct.pack_into(">II", jp2, jp2.index(b"ihdr") + 4, height, width)
        struct.pack_into(">II8xII", jp2, box + 12, width, height, width, height)
    if mode & 3:
        jp2[box - 4 : box] = bytes(4)  # it reaches to the end, however long that becomes
        first = box + 6
    for _ in range(8):
        if not choices:
            break
        how = choices.number()
        reach = len(jp2) - first if how & 1 else min(len(jp2) - first, 128)
        at = first + choices.number(2) % reach
        size = how >> 4
        match how >> 1 & 7:
            case 0 | 1:
                jp2[at] ^= 1 << (size & 7)
            case 2 | 3:
                jp2[at : at + 1] = choices.some(1)
            case 4:
                jp2[at : at + size] = choices.some(size)
            case 5:
                jp2[at : at + 4] = choices.number(4).to_bytes(4, "big")
            case 6:
                jp2[at:at] = jp2[at : at + 4 * size]
            case 7:
                del jp2[at : at + size]
    return bytes(jp2)


def address_space_peak() -> int:
    """The most that this process has ever mapped, in bytes; native code's memory counts as well as Python's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmPeak:")[2].split(maxsplit=1)[0]) << 10


_MAPPED = address_space_peak()
"""Before any photo was opened."""


class Whimsical:
    """A card that is right where the fuzzed bytes are used up or say so, and answers anything else. A CardSession."""

    def __init__(self, choices: Choices) -> None:
        self.atr = b""
        self.extended = bool(choices.number() & 1)
        self.presented = 0
        """VERIFY commands that carried something."""
        self._choices = choices
        self._file = 0

    def transmit(self, apdu: bytes) -> bytes:
        self.presented += apdu[1] == Ins.VERIFY and len(apdu) > 5
        right = self._right(apdu)
        kind = self._choices.number()
        match kind % 8:
            case 1:
                return right[:-2] + self._choices.some(2)
            case 2:
                return self._choices.some(2)
            case 3:
                return self._choices.some(self._choices.number()) + b"\x90\x00"
            case 4:
                return b"\xc5" * self._choices.number(2) + self._choices.some(2)
            case 5:
                return self._choices.some(kind >> 4) + right[kind >> 4 :]
            case 6:
                return self._choices.some(kind >> 3)
            case 7:
                return right[: kind >> 3] + b"\x61" + self._choices.some(1)
        return right

    def close(self) -> None: ...

    def _right(self, apdu: bytes) -> bytes:
        match apdu[1]:
            case Ins.SELECT:
                self._file = apdu[-1]
            case Ins.READ_BINARY:
                short_id = apdu[2] & 0x80
                self._file = apdu[2] & 0x1F if short_id else self._file
                offset = apdu[3] if short_id else apdu[2] << 8 | apdu[3]
                le = int.from_bytes(apdu[4:], "big") or 256
                return _FILES.get(self._file, b"")[offset : offset + le] + b"\x90\x00"
            case Ins.VERIFY if len(apdu) == 4:
                return b"\x63\xca"
            case Ins.PERFORM_SECURITY_OPERATION:
                return b"\x5a" * 256 + b"\x90\x00"
        return b"\x90\x00"


_FILES = {
    0x0002: surface(_PHOTOS[8]) + bytes(64),
    0x0004: cv_certificate(),
    0x0006: LABEL,
    0x000A: tlv(0x30, b"\xc5" * 1300) + bytes(200),
}
_READ_ALL = Command(Ins.READ_BINARY, 0x8A, 0, le=256)
USES: tuple[Callable[[Whimsical], object], ...] = (
    lambda card: Jpki(card).pin_state(),
    lambda card: Jpki(card).verify_pin(bytearray(b"1234")),
    lambda card: Jpki(card).authentication_certificate(),
    lambda card: Jpki(card).sign(b"0"),
    lambda card: CardSurfaceAp(card).verify_number_b("55021720352285"),
    lambda card: CardSurfaceAp(card).surface(),
    lambda card: CardSurfaceAp(card).issuer_certificate(),
    lambda card: CardSurfaceAp(card).sign_with_card_key(b"0"),
    lambda card: exchange(card, _READ_ALL),
)


ENTRIES: dict[str, Callable[[bytes], None]] = {"objects": objects, "answers": answers, "photo": photo}
SEEDS: dict[str, list[bytes]] = {
    "objects": [public_key(), *_FILES.values()],
    "answers": [
        *(bytes((use, extended)) for use in range(len(USES)) for extended in (0, 1)),
        bytes((len(USES) - 1, 0)) + bytes.fromhex("04ffff6100") * 20,  # a response in long parts
    ],
    "photo": [bytes((index,)) for index in range(len(_PHOTOS))],
}
