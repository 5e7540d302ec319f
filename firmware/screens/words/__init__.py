"""What the screens say, in each language: one catalogue a language, with the same keys."""

import tomllib
from functools import cache
from importlib.resources import files

from firmware.screens.look import Language


class Words:
    """The catalogue of one language."""

    def __init__(self, phrases: dict[str, str]) -> None:
        self.phrases = phrases
        """Key -> phrase; "|" marks where a line may end, {names} are filled in."""

    def __call__(self, key: str, **values: str | int) -> str:
        """The phrase called `key`, its places filled in. Raises KeyError."""
        return self.phrases[key].format(**values)


@cache
def words(language: Language) -> Words:
    """Read the catalogue of `language`."""
    text = files("firmware.screens.words").joinpath(f"{language}.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    return Words({f"{table}.{key}": phrase for table, rows in tables.items() for key, phrase in rows.items()})
