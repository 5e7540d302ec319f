"""What the patient should know of the card's certificate, before the visit goes on."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import bell, care
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class CertificateNotice:
    """Told once; the patient goes on."""

    status: Literal["ending", "ended", "unknown"]
    """To be renewed soon; ended, and of use for the insurance alone; or the terminal cannot tell, and the visit ends
    at the reception."""
    months: int
    """How long before its end a certificate is "ending"."""

    name: ClassVar[str] = "certificate_notice"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD, stop=True)
        message = Message(
            bell if self.status == "unknown" else care,
            page.words(f"certificate_notice.title_{self.status}", months=self.months),
            page.words(f"certificate_notice.lead_{self.status}"),
            page.words(f"certificate_notice.hint_{self.status}"),
            actions=[Action("next", page.words("certificate_notice.next"))],
        )
        tell(page, message)
        return page.drawn()
