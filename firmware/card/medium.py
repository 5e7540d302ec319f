"""What lies on the tray: a My Number Card, or something else; and what may be wrong with it."""


class NotMyNumberCard(Exception):
    """A card, but not a My Number Card."""


class CardDamaged(Exception):
    """A My Number Card whose answer at `step` cannot be used. `step` names file or command, never data."""

    def __init__(self, step: str, sw: int | None = None) -> None:
        super().__init__(step if sw is None else f"{step}: {sw:04X}")
        self.step = step
        self.sw = sw
        """The status word, where it was that."""
