"""Colours, measures and type of every screen."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ImageFont

PAPER = "#FAF9F6"
BAND = "#F1EFE9"
WHITE = "#FFFFFF"
INK = "#121C26"
SOFT_INK = "#3E4C59"
TEAL = "#005369"
DARK_TEAL = "#003E50"
TINT = "#E0F0F3"
GOOD = "#085434"
GOOD_TINT = "#E2F3EA"
CARE = "#693E00"
CARE_TINT = "#FFF2D6"
RESTING = "#E6E9EB"
"""Under a control that waits for something else first."""
LINE = "#BEC6CD"
"""Decoration only: it is too pale to mark a control."""
NIGHT = "#2B353D"
"""Around the camera's picture."""
RING = "#4CD3A0"
"""How far the look into the camera is, over NIGHT."""

MARGIN = 8.0
"""Millimetres left and right of everything."""
GAP = 3.0
"""Millimetres between two things to touch, at least."""
TOUCH = 15.3
"""Millimetres, the smallest thing to touch."""
CORNER = 3.4
EDGE = 0.5
LARGE = 1.35

FONTS = Path("/usr/share/fonts/truetype/bizud-gothic")
_PACKAGE = "fonts-morisawa-bizud-gothic"


class FontMissing(Exception):
    """The screens' font is not installed. `package` is the Debian package that has it."""

    def __init__(self, file: Path, package: str) -> None:
        super().__init__(f"{file} is missing: install the package {package}")
        self.package = package


@dataclass(frozen=True)
class Style:
    """One kind of text; lengths in millimetres."""

    role: str
    size: float
    smallest: float
    """Never set smaller than this, however narrow the place."""
    bold: bool
    leading: float
    """From line to line, in type sizes."""


TITLE = Style("question", 11.0, 9.0, bold=True, leading=1.28)
QUESTION = Style("question", 9.4, 9.0, bold=True, leading=1.28)
ANSWER = Style("answer", 7.4, 7.0, bold=True, leading=1.26)
LEAD = Style("answer", 7.4, 7.0, bold=False, leading=1.36)
ACTION = Style("hint", 5.8, 5.0, bold=True, leading=1.26)
HINT = Style("hint", 5.6, 5.0, bold=False, leading=1.36)
SMALL = Style("small", 4.6, 4.2, bold=False, leading=1.28)
LABEL = Style("small", 4.6, 4.2, bold=True, leading=1.22)


@cache
def font(bold: bool, px: int, folder: Path = FONTS) -> ImageFont.FreeTypeFont:
    """BIZ UDPGothic at `px` pixels. Raises FontMissing."""
    file = folder / f"BIZUDPGothic-{'Bold' if bold else 'Regular'}.ttf"
    if not file.is_file():
        raise FontMissing(file, _PACKAGE)
    return ImageFont.truetype(file, px, layout_engine=ImageFont.Layout.BASIC)
