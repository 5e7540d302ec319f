"""What lies on the tray: a My Number Card, or something else; and what may be wrong with it."""

from enum import Enum


class NotMyNumberCard(Exception):
    """A card, but not a My Number Card."""


class CardDamaged(Exception):
    """A My Number Card whose answer at `step` cannot be used. `step` names file or command, never data."""

    def __init__(self, step: str, sw: int | None = None) -> None:
        super().__init__(step if sw is None else f"{step}: {sw:04X}")
        self.step = step
        self.sw = sw
        """The status word, where it was that."""


class Medium(Enum):
    """Bearers of 公的個人認証AP, by how the label in EF 0006 begins (observed)."""

    CARD = "JPKIAPICCTOKEN"
    ANDROID = "JPKIAPGPSETOKEN"
    IPHONE = "JPKIAPIOSTOKEN"


def classify(label: bytes) -> Medium:
    """Tell the medium by the first 32 bytes of EF 0006. Raises NotMyNumberCard for any other label."""
    text = label.decode("ascii", "replace")
    for medium in Medium:
        if text.startswith(medium.value):
            return medium
    raise NotMyNumberCard
