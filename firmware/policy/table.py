"""The file of rules, and how certain each of them is."""

import tomllib
from enum import StrEnum
from importlib.resources import files
from typing import Any


class Mark(StrEnum):
    """How certain a rule is."""

    CERTAIN = "C"
    GENERAL_KNOWLEDGE = "G"


def read_table(name: str) -> list[dict[str, Any]]:
    """The rows called `name` in `rules.toml`."""
    table = tomllib.loads(files("firmware.policy").joinpath("rules.toml").read_text("utf-8"))
    rows: list[dict[str, Any]] = table[name]
    return rows
