"""One kind of past records that a patient may share."""

from dataclasses import dataclass

from firmware.screens.words import Words


@dataclass(frozen=True)
class ConsentItem:
    """Named as the rules name it."""

    key: str
    years: int | None
    """How far back the records go, where that is known."""

    def title(self, words: Words) -> str:
        """What it is."""
        return words(f"consent.{self.key}")

    def records(self, words: Words) -> str:
        """What it is, within a question."""
        return words(f"consent.{self.key}_records")

    def whole(self, words: Words) -> str:
        """Both in one, to stay on one line."""
        title = self.title(words)
        both = title if self.years is None else words("consent.with_extent", item=title, extent=self.extent(words))
        return both.replace("|", "").replace(" ", "\u00a0")

    def extent(self, words: Words) -> str:
        """How far back it goes."""
        return words("consent.past") if self.years is None else words("consent.years", years=self.years)
