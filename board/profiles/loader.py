"""Profile files into `Profile`: every mistake is answered with the file, the key and what is allowed there."""

import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

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

_FOLDER = Path(__file__).parent
_MAX_FILE = 64 * 1024
_MAX_PIXELS = 16_384
_MAX_MILLIMETRES = 2_000
_MAX_PIN = 1_023
_OEMID_BYTES = 16

_Choice = TypeVar("_Choice", bound=Enum)


class ProfileError(Exception):
    """A profile that cannot be used."""

    def __init__(self, file: str, key: str, allowed: str) -> None:
        super().__init__(f"profile {file}: {key}: {allowed}" if key else f"profile {file}: {allowed}")
        self.file = file
        self.key = key
        self.allowed = allowed


def load_profile(name_or_path: str) -> Profile:
    """The profile of that name in this folder, or, given something with a slash or ending in .toml, that file.

    Raises ProfileError.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml" and "/" not in name_or_path:
        path = _FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            names = ", ".join(sorted(known.stem for known in _FOLDER.glob("*.toml")))
            raise ProfileError(name_or_path, "", f"no such profile; there are: {names}; or give a .toml file")
    table = _Table(str(path), "", _read(path))
    profile = Profile(
        name=path.stem,
        oemid=table.octets("oemid", _OEMID_BYTES),
        hwmodel=table.text("hwmodel", 32),
        demo=table.boolean("demo"),
        screen=_screen(table.table("screen")),
        camera=_camera(table.table("camera")),
        card_reader=_card_reader(table.table("card_reader")),
        host_port=_host_port(table.table("host_port")),
        status_light=_status_light(table.table("status_light")),
    )
    table.end()
    return profile


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
        if len(content) > _MAX_FILE:
            raise ProfileError(str(path), "", f"larger than {_MAX_FILE} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ProfileError(str(path), "", error.strerror or "cannot be read") from error
    except ValueError as error:  # covers bad UTF-8 and tomllib.TOMLDecodeError
        raise ProfileError(str(path), "", f"not TOML: {error}") from error


def _screen(table: "_Table") -> ScreenProfile:
    screen = ScreenProfile(
        width_px=table.integer("width_px", 1, _MAX_PIXELS),
        height_px=table.integer("height_px", 1, _MAX_PIXELS),
        width_mm=table.integer("width_mm", 1, _MAX_MILLIMETRES),
        height_mm=table.integer("height_mm", 1, _MAX_MILLIMETRES),
    )
    table.end()
    return screen


def _camera(table: "_Table") -> CameraProfile:
    camera = CameraProfile(
        kind=table.choice("kind", CameraKind),
        width_px=table.integer("width_px", 1, _MAX_PIXELS),
        height_px=table.integer("height_px", 1, _MAX_PIXELS),
    )
    table.end()
    return camera


def _card_reader(table: "_Table") -> CardReaderProfile:
    card_reader = CardReaderProfile(name=table.text("name", 128), extended_apdus=table.boolean("extended_apdus"))
    table.end()
    return card_reader


def _host_port(table: "_Table") -> HostPortProfile:
    host_port = HostPortProfile(kind=table.choice("kind", HostPortKind))
    table.end()
    return host_port


def _status_light(table: "_Table") -> StatusLightProfile:
    colours = {colour: table.integer(colour, 0, _MAX_PIN) for colour in ("red", "green", "blue")}
    if len(set(colours.values())) != len(colours):
        raise ProfileError(table.file, "status_light", "red, green and blue need a pin each")
    table.end()
    return StatusLightProfile(**colours)


class _Table:
    """One TOML table that is asked key by key and, at `end`, complains about keys nobody asked for."""

    def __init__(self, file: str, name: str, values: Mapping[str, object]) -> None:
        self.file = file
        self._name = name
        self._values = dict(values)
        self._asked: list[str] = []

    def table(self, key: str) -> "_Table":
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._error(key, f"must be a table [{key}]")
        return _Table(self.file, key, value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(key, f"must be a whole number from {low} to {high}")
        return value

    def boolean(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._error(key, "must be true or false")
        return value

    def text(self, key: str, longest: int) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value.isascii() or not 1 <= len(value) <= longest:
            raise self._error(key, f"must be 1 to {longest} ASCII characters")
        return value

    def octets(self, key: str, length: int) -> bytes:
        text = self._take(key)
        try:
            value = bytes.fromhex(text) if isinstance(text, str) else b""
        except ValueError:
            value = b""
        if len(value) != length:
            raise self._error(key, f"must be {length} bytes as {2 * length} hexadecimal digits")
        return value

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        value = self._take(key)
        for choice in choices:
            if choice.value == value:
                return choice
        raise self._error(key, "must be one of: " + ", ".join(repr(choice.value) for choice in choices))

    def end(self) -> None:
        for key in self._values:
            raise self._error(key, "unknown key; known here: " + ", ".join(self._asked))

    def _take(self, key: str) -> object:
        self._asked.append(key)
        if key not in self._values:
            raise self._error(key, "missing")
        return self._values.pop(key)

    def _error(self, key: str, allowed: str) -> ProfileError:
        return ProfileError(self.file, f"{self._name}.{key}" if self._name else key, allowed)
