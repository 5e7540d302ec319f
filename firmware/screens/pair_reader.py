"""A reader that is not paired with a terminal yet."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import cable, care
from firmware.screens.look import Look
from firmware.screens.message import Message, tell
from firmware.screens.theme import CARE, TEAL


@dataclass(frozen=True)
class PairReader:
    """Waits for the terminal; for staff."""

    device: str
    """Serial number of the reader."""
    failed: bool = False
    """Whether the last try came to nothing; the terminal says why."""

    name: ClassVar[str] = "pair_reader"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, reception=False)
        words = page.words
        message = Message(
            care if self.failed else cable,
            words("pair_reader.failed_title" if self.failed else "pair_reader.title"),
            words("pair_reader.failed_lead" if self.failed else "pair_reader.lead"),
            words("pair_reader.hint"),
            words("pair_reader.device", device=self.device),
            colour=CARE if self.failed else TEAL,
        )
        tell(page, message)
        return page.drawn()
