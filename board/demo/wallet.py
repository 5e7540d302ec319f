"""The cards that a visitor of the demo holds: those of the invented people, and one with the visitor's own photo."""

import io
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from PIL import Image

from board.demo.portraits import chip_photo
from board.sim.card.applications import AUTHENTICATION_PIN, JPKI_AID
from board.sim.card.authority import Authority
from board.sim.card.data import COUNTERS, CardData
from board.sim.card.files import Counters
from board.sim.card.issue import person_of, personas
from board.sim.card.surface import surface_file

PIN_TRIES: Final = 3
_THUMBNAIL = (96, 120)


class Wallet:
    """The issued cards under `cards`, one folder a persona, made by the authority in `authority`."""

    OWN: ClassVar = "your_card"
    """The persona whose photo is the visitor's."""

    def __init__(self, cards: Path, authority: Path, photos: Mapping[str, bytes]) -> None:
        """`photos`: JP2 by persona, those in the chips."""
        self.personas = personas()
        self._cards = cards
        self._authority = Authority.load(authority)
        self._photos = dict(photos)
        self._own_surface: bytes | None = None

    def surface_of(self, persona: str) -> bytes | None:
        """EF 0002 of a card where it is not the one in its folder."""
        return self._own_surface if persona == self.OWN else None

    def made_own(self, picture: Image.Image) -> tuple[bytes, bytes]:
        """The face in `picture` as photo and EF 0002 of the visitor's own card, signed by the authority.

        Raises PortraitError, and ValueError for a photo that does not fit.
        """
        photo = chip_photo(picture)
        card_key = CardData.load(self._cards / self.OWN).card_key.public_key()
        person = person_of(self.personas[self.OWN])
        return photo, surface_file(person, photo, card_key, self._authority.signer_key)

    def take_own(self, made: tuple[bytes, bytes]) -> None:
        """Have the visitor's own card be one of `made_own`; nothing is written to disk."""
        self._photos[self.OWN], self._own_surface = made

    def unlock(self, persona: str) -> None:
        """Fill the PIN's tries up."""
        Counters(self._cards / persona / COUNTERS).set(JPKI_AID, AUTHENTICATION_PIN, PIN_TRIES)

    def shown(self) -> list[dict[str, Any]]:
        """What a visitor knows of each card, for the page."""
        return [
            {
                "persona": persona,
                "name": fields["name"],
                "pin": fields["pin"],
                "group": fields["group"],
                "birth": fields["birth"].isoformat(),
                "photo": _thumbnail(self._photos.get(persona)),
                "own": persona == self.OWN,
            }
            for persona, fields in self.personas.items()
            if fields["group"] != "photo"  # silhouettes of other sizes: all one to a visitor
        ]


def _thumbnail(photo: bytes | None) -> str | None:
    """A data URL."""
    if photo is None:
        return None
    with Image.open(io.BytesIO(photo)) as picture:
        small = picture.convert("RGB").resize(_THUMBNAIL)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
