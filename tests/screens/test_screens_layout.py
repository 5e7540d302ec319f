"""Nothing overflows, nothing is too small, everything can be read and touched."""

import unicodedata
from itertools import combinations

import pytest
from PIL import ImageColor

from firmware.screens.drawn import Box, Drawn
from firmware.screens.look import Language, Look
from firmware.screens.samples import SAMPLES

SMALLEST_MM = {"question": 9.0, "answer": 7.0, "hint": 5.0, "small": 4.2}
TOUCH_MM = 15.0
GAP_MM = 3.0
LINE = 22

Shown = tuple[Look, Drawn]


def inside(inner: Box, outer: Box) -> bool:
    return (
        outer.left <= inner.left
        and outer.top <= inner.top
        and inner.right <= outer.right
        and inner.bottom <= outer.bottom
    )


def apart(one: Box, other: Box) -> int:
    """Pixels between two boxes, across or down; negative when they overlap."""
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, down)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [value / 255 for value in ImageColor.getrgb(colour)[:3]]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def columns(line: str) -> float:
    """Length in full-width characters."""
    return sum(1.0 if unicodedata.east_asian_width(char) in "WFA" else 0.5 for char in line)


def test_picture_is_the_panel_s_own_size(shown: Shown) -> None:
    look, drawn = shown
    assert (drawn.image.size, drawn.image.mode) == (look.size, "RGB")


def test_text_stays_in_its_place(shown: Shown) -> None:
    look, drawn = shown
    page = Box(0, 0, *look.size)
    outside = [text for text in drawn.written if not (inside(text.box, text.within) and inside(text.within, page))]
    assert drawn.written and outside == []


def test_no_text_covers_another(shown: Shown) -> None:
    pairs = combinations(shown[1].written, 2)
    assert [(a.text, b.text) for a, b in pairs if apart(a.box, b.box) < 0] == []


def test_text_lies_in_a_button_or_beside_it(shown: Shown) -> None:
    _, drawn = shown
    crossing = [
        (text.text, name)
        for text in drawn.written
        for name, area in drawn.areas.items()
        if apart(text.box, area) < 0 and not inside(text.box, area)
    ]
    assert crossing == []


def test_type_is_large_enough_to_read(shown: Shown) -> None:
    small = [text for text in shown[1].written if text.size_mm < SMALLEST_MM[text.role] - 1e-9]
    assert small == []


def test_text_stands_out_from_its_ground(shown: Shown) -> None:
    assert min(contrast(text.colour, text.ground) for text in shown[1].written) >= 7.0


def test_lines_are_short(shown: Shown) -> None:
    look, drawn = shown
    lines = [line for text in drawn.written if text.role != "small" for line in text.text.split("\n")]
    assert look.language == "en" or max(columns(line) for line in lines) <= LINE


def test_targets_are_large_and_apart(shown: Shown) -> None:
    look, drawn = shown
    assert all(min(area.width, area.height) >= TOUCH_MM * look.px_per_mm for area in drawn.areas.values())
    gaps = [apart(one, other) for one, other in combinations(drawn.areas.values(), 2)]
    assert all(gap >= GAP_MM * look.px_per_mm - 0.5 for gap in gaps)


def test_middle_of_every_area_answers_by_its_name(shown: Shown) -> None:
    _, drawn = shown
    assert {name: drawn.hit(*area.centre) for name, area in drawn.areas.items()} == {name: name for name in drawn.areas}
    assert drawn.hit(0, 0) is None


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_larger_text_makes_the_question_larger(name: str, language: Language) -> None:
    def largest(large: bool) -> float:
        written = SAMPLES[name].draw(Look(language=language, large=large)).written
        return max(text.size_mm for text in written if text.role == "question" and not text.text.isdigit())

    assert largest(large=True) > largest(large=False)
