"""What lies on the tray: a My Number Card, or something else; and what may be wrong with it."""

from enum import Enum


class Medium(Enum):
    """What bears the applications, by how the label in EF 0006 of 公的個人認証AP begins (observed)."""

    CARD = b"JPKIAPICCTOKEN"
    ANDROID = b"JPKIAPGPSETOKEN"
    IPHONE = b"JPKIAPIOSTOKEN"
    UNKNOWN = b""

    @classmethod
    def of(cls, label: bytes) -> "Medium":
        """The medium that bears this label."""
        return next(medium for medium in cls if label.startswith(medium.value))


class NotMyNumberCard(Exception):
    """A card, but not a My Number Card."""


class CardDamaged(Exception):
    """A My Number Card whose answer at `step` cannot be used. `step` names file or command, never data."""

    def __init__(self, step: str, sw: int | None = None) -> None:
        super().__init__(step if sw is None else f"{step}: {sw:04X}")
        self.step = step
        self.sw = sw
        """The status word, where it was that."""
