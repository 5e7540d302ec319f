"""A board by its capabilities. Code asks these, never for the board's name."""

from dataclasses import dataclass
from enum import Enum


class CameraKind(Enum):
    """What the camera sees."""

    RGB = "rgb"


class HostPortKind(Enum):
    """What the cable to the terminal looks like to the reader."""

    SERIAL = "serial"


@dataclass(frozen=True)
class ScreenProfile:
    """The patient's screen. The millimetres are those of the area that lights up, so that type and targets keep
    their size on every panel."""

    width_px: int
    height_px: int
    width_mm: int
    height_mm: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width_px, self.height_px

    @property
    def px_per_mm(self) -> float:
        """Pixels in one millimetre, across."""
        return self.width_px / self.width_mm


@dataclass(frozen=True)
class CameraProfile:
    """The camera that looks at the patient."""

    kind: CameraKind
    width_px: int
    height_px: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self.width_px, self.height_px


@dataclass(frozen=True)
class CardReaderProfile:
    """The contactless reader under the tray, reached through PC/SC."""

    name: str
    """Part of the PC/SC reader names that belong to the tray."""
    extended_apdus: bool
    """Whether it passes APDUs of more than 256 bytes; what the reader itself says goes before this."""


@dataclass(frozen=True)
class HostPortProfile:
    """The cable to the terminal."""

    kind: HostPortKind


@dataclass(frozen=True)
class StatusLightProfile:
    """Pin numbers of the light beside the tray, one a colour; a 1 lights it."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True)
class Profile:
    """One board."""

    name: str
    oemid: bytes
    """Who made it: 16 random bytes chosen once by the maker (RFC 9711 section 4.2.3.1)."""
    hwmodel: str
    """Which model, 1 to 32 ASCII characters (RFC 9711 section 4.2.4 has bytes)."""
    demo: bool
    """Whether its parts or keys are simulated. Such a reader says so on its screen and in its tokens."""
    screen: ScreenProfile
    camera: CameraProfile
    card_reader: CardReaderProfile
    host_port: HostPortProfile
    status_light: StatusLightProfile
