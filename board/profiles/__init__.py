"""What each board can do, as data: one TOML file a board, read into frozen dataclasses."""

from board.profiles.loader import ProfileError, load_profile
from board.profiles.profile import (
    CameraKind,
    CameraProfile,
    CardReaderProfile,
    HostPortKind,
    HostPortProfile,
    Profile,
    ScreenProfile,
    StatusLightProfile,
)

__all__ = [
    "CameraKind",
    "CameraProfile",
    "CardReaderProfile",
    "HostPortKind",
    "HostPortProfile",
    "Profile",
    "ProfileError",
    "ScreenProfile",
    "StatusLightProfile",
    "load_profile",
]
