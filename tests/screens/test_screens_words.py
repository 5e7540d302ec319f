"""Both catalogues say the same things, in characters that the font has."""

from pathlib import Path
from string import Formatter

import pytest

from firmware.screens.look import Look
from firmware.screens.theme import QUESTION, FontMissing, font
from firmware.screens.typeset import typeset
from firmware.screens.words import words


def places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def test_catalogues_have_the_same_keys_and_places() -> None:
    japanese, english = words("ja").phrases, words("en").phrases
    assert {key: places(phrase) for key, phrase in japanese.items()} == {
        key: places(phrase) for key, phrase in english.items()
    }


@pytest.mark.parametrize("bold", [False, True])
def test_font_has_every_character(bold: bool) -> None:
    face = font(bold, 40)

    def picture(char: str) -> bytes:
        return bytes(face.getmask(char))

    missing = picture("\U0010ffff")
    phrases = [*words("ja").phrases.values(), *words("en").phrases.values()]
    characters = set("".join(phrases)) - set("\n |")
    assert [char for char in sorted(characters) if picture(char) == missing] == []


def test_missing_font_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(FontMissing, match="fonts-morisawa-bizud-gothic"):
        font(True, 40, tmp_path)


def test_lines_end_only_where_a_reader_pauses() -> None:
    assert typeset(Look(), "マイナンバー|カードを|置いて|ください", QUESTION, 500).lines == (
        "マイナンバー",
        "カードを置いて",
        "ください",
    )


def test_word_longer_than_its_line_is_broken_rather_than_cut() -> None:
    block = typeset(Look(), "x" * 100, QUESTION, 500)
    assert len(block.lines) > 1 and block.width <= 500
