"""The bridge's configuration: one TOML file, paths relative to its folder."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from firmware.policy import FacilityKind


class ConfigError(Exception):
    """The configuration cannot be used; the text names file, key and what is allowed."""


@dataclass(frozen=True)
class Config:
    """What a technician sets."""

    institution_code: str
    """Ten digits: prefecture, point table, institution (医療機関コード)."""
    facility: FacilityKind
    demo: bool
    """A demo bridge takes demo readers only, any other bridge takes none of them."""
    prescriptions: bool
    """Whether electronic prescriptions (電子処方箋) are handled here."""
    state: Path
    """Folder of the journal and the bridge's keys; made at the first start, for the bridge alone."""
    identity: Path
    """Folder of the bridge's certificates."""
    maker_roots: Path
    """PEM file: the makers whose readers may be paired here."""
    maker_revoked: Path
    """PEM file: the makers' lists of revoked readers (CRL); needed to pair."""
    authority: Path
    """Folder with `jpki_ca.pem` and `cv_ca.json`: who may have issued a genuine card."""
    face: Path
    """Folder that the receipt computer polls."""
    work: Path
    """Folder for files not finished yet, on the volume of `face`."""
    index: Path
    """Folder of notes on which reader wrote which file."""
    people: Path
    """JSON file of the eligibility simulator."""
    port: Path
    """Serial port of the reader."""
    window: int
    """Port on 127.0.0.1 of the page for the reception; 0 takes any free one."""

    @classmethod
    def load(cls, file: Path) -> "Config":
        """Raises ConfigError."""
        try:
            table = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: 設定を読めません / the configuration cannot be read: {error}") from error
        unknown = sorted(table.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ConfigError(f"{file}: {unknown[0]}: この項目はありません / unknown key {unknown[0]}")
        kinds = {kind.name.lower(): kind for kind in FacilityKind}
        folder = file.absolute().parent

        def path(key: str) -> Path:
            return _value(table, file, key, "a path", lambda value: Path(folder, value) if value else None)

        return cls(
            institution_code=_value(table, file, "institution_code", "ten digits", _institution_code),
            facility=_value(table, file, "facility", " | ".join(kinds), kinds.get),
            demo=_value(table, file, "demo", "true | false", _flag),
            prescriptions=_value(table, file, "prescriptions", "true | false", _flag),
            state=path("state"),
            identity=path("identity"),
            maker_roots=path("maker_roots"),
            maker_revoked=path("maker_revoked"),
            authority=path("authority"),
            face=path("face"),
            work=path("work"),
            index=path("index"),
            people=path("people"),
            port=path("port"),
            window=_value(table, file, "window", "a port from 0 (any free one) to 65535", _local_port),
        )


_T = TypeVar("_T")


def _value(table: Mapping[str, Any], file: Path, key: str, allowed: str, read: Callable[[Any], _T | None]) -> _T:
    try:
        value = read(table[key])
    except (KeyError, TypeError):
        value = None
    if value is None:
        raise ConfigError(f"{file}: {key}: 値がないか、正しくありません / expected {allowed}")
    return value


def _institution_code(value: str) -> str | None:
    return value if re.fullmatch(r"[0-9]{10}", value) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _local_port(value: int) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 16 else None
