"""Device contracts of the reader: what the firmware may ask of a board, and nothing more.

A board implements them in `board/linux` (real parts) or `board/sim` (the virtual reader).
Expected states are values; only surprises raise, and exceptions carry facts, never secrets.
"""

from collections.abc import Sequence
from enum import Enum, StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]
"""One camera picture: H x W x 3, RGB, 0-255, upright, not mirrored; sides of at most 4096 pixels."""


class Point(NamedTuple):
    """Pixels from the top left corner of the screen."""

    x: int
    y: int


class Display(Protocol):
    """The patient's screen."""

    size: tuple[int, int]
    """Width and height in pixels."""

    async def show(self, picture: Image.Image, name: str) -> None:
        """Put an RGB picture of exactly `size` on the screen. `name` says which screen it is, for
        whoever films the screen; a panel ignores it."""

    async def close(self) -> None: ...


class Touch(Protocol):
    """The panel over the screen. One finger; a second finger while one is down is rejected."""

    async def next(self) -> Point:
        """Wait for the next finger-down."""

    async def close(self) -> None: ...


class Key(StrEnum):
    """The keys of an external keypad."""

    DIGIT_0 = "0"
    DIGIT_1 = "1"
    DIGIT_2 = "2"
    DIGIT_3 = "3"
    DIGIT_4 = "4"
    DIGIT_5 = "5"
    DIGIT_6 = "6"
    DIGIT_7 = "7"
    DIGIT_8 = "8"
    DIGIT_9 = "9"
    ERASE = "erase"
    ENTER = "enter"
    BACKWARD = "backward"
    FORWARD = "forward"


class Keypad(Protocol):
    """Keys to feel, for whoever cannot see or reach the panel. Everything on the screen can be done with them."""

    async def next(self) -> Key:
        """Wait for the next key pressed."""

    async def close(self) -> None: ...


class CameraFault(Enum):
    """Why there is no frame."""

    STALLED = "stalled"
    """No frame arrived within the time given."""
    GONE = "gone"
    """The camera is no longer there."""


class Camera(Protocol):
    """The camera that looks at the patient. Blocking: it lives in the face worker's process."""

    def frame(self, timeout_s: float) -> Frame | CameraFault:
        """The next frame, or why there is none: a worker whose camera takes some seconds more is given up."""

    def close(self) -> None: ...


class CardGone(Exception):
    """The card left the field, or its reader the machine, during an exchange."""


class CardFault(Exception):
    """The card or its reader answers, but not as ISO 7816 or PC/SC allow. `reason` is for the event log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CardInUse(CardFault):
    """Another program holds the card, and did not let go of it in a few seconds."""

    def __init__(self) -> None:
        super().__init__("another program uses the card")


class ReaderAbsent(Exception):
    """No PC/SC daemon, or no card reader attached to it. `advice` says what to do, for a technician."""

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice


class CardSession(Protocol):
    """An exclusive conversation with one card, from power-on to power-off."""

    atr: bytes
    extended: bool
    """Whether this reader passes extended APDUs."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send one command APDU, return data and the two status bytes. Blocking.

        Raises CardGone, CardFault.
        """

    def close(self) -> None:
        """End the conversation and power the card off, so that no verified PIN outlives it."""


class CardReader(Protocol):
    """The contactless reader under the tray."""

    async def check(self) -> None:
        """Return if a reader is there and works. Raises ReaderAbsent."""

    async def inserted(self) -> None:
        """Return once a card lies on the tray. Survives a restarted daemon and an unplugged reader."""

    async def removed(self) -> None:
        """Return once no card lies on the tray."""

    async def connect(self) -> CardSession:
        """Begin an exclusive session with the card that lies there. Raises CardGone, CardInUse, CardFault."""

    async def close(self) -> None: ...


class CardFace(Protocol):
    """What a camera over the tray reads from the printed face of the card."""

    async def number_b(self) -> str | None:
        """Verification number B (照合番号B): birth date YYMMDD in the era's years, expiry YYYY, security
        code, 14 digits; or None where it could not be read with certainty."""


class PortGone(Exception):
    """The cable is out, or nobody serves the other end."""


class HostPort(Protocol):
    """The serial line to the qualification terminal, raw bytes. Blocking, owned by one thread."""

    def open(self) -> None:
        """Open or reopen. Raises PortGone."""

    def read(self, timeout_s: float) -> bytes:
        """Whatever has arrived, at most 4,096 bytes; b"" after `timeout_s` or after `wake`. Raises PortGone."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of it. Raises PortGone, also when the line stays blocked for `timeout_s`."""

    def wake(self) -> None:
        """Make a `read` that waits in another thread return at once."""

    def close(self) -> None: ...


class LocalIdentity(Protocol):
    """One local identity of the reader (LDevID, IEEE 802.1AR), as it was issued: signs tokens, serves TLS.

    It never changes; a renewal gives another one.
    """

    def sign(self, message: bytes) -> bytes:
        """ES256 over `message`: 64 bytes, r then s (RFC 9053 section 2.1)."""

    def chain(self) -> Sequence[bytes]:
        """DER certificates, LDevID first, then its issuer."""

    def tls_files(self) -> tuple[Path, Path, Path]:
        """PEM files for TLS: private key, chain, and the issuer that host certificates must come from."""


class KeyStore(Protocol):
    """The reader's private keys, which never leave it: the maker's identity (IDevID), and local ones that a host
    issues. Every change is on the disk, whole or not at all, when the call returns; OSError where it cannot be."""

    device_id: str
    """Serial number of the reader as its certificates name it."""

    def maker_chain(self) -> Sequence[bytes]:
        """DER certificates, IDevID first."""

    def maker_sign(self, message: bytes) -> bytes:
        """ES256 over `message` by the maker's key: 64 bytes, r then s."""

    def request(self) -> bytes:
        """Make a key for the next local identity, and give its certificate request (PKCS #10, RFC 2986), DER."""

    def install(self, certificate: bytes, issuer: bytes) -> None:
        """Take what was issued to the last `request` into use (DER), in place of the identity before.

        Raises ValueError for a certificate of another key.
        """

    def local(self) -> LocalIdentity | None:
        """The local identity in use; None before pairing."""

    def forget(self) -> None:
        """Erase the local identity: the reader is not paired any more."""


class Light(Enum):
    """What the status light says."""

    READY = "ready"
    BUSY = "busy"
    GOOD = "good"
    CARE = "care"


class Indicator(Protocol):
    """The status light beside the tray."""

    def show(self, light: Light) -> None: ...
