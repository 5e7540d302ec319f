"""How screens look on one board, for one patient."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["ja", "en"]


DEMO_FOOTER = "デモ：なりすまし検知はありません  Demo: no presentation-attack detection"
"""What a reader with simulated parts says on every screen, in both languages."""


@dataclass(frozen=True)
class Look:
    """The panel, and what the patient chose."""

    size: tuple[int, int] = (1280, 800)
    """Width and height of the panel in pixels."""
    px_per_mm: float = 5.9
    language: Language = "ja"
    large: bool = False
    """Type 1.35 times as large."""
    footer: str | None = None
    """A remark at the foot of every screen, in each language; two spaces begin a new line."""

    def px(self, mm: float) -> int:
        """`mm` in whole pixels of this panel."""
        return round(mm * self.px_per_mm)
