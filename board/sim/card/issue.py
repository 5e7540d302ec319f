"""Issue virtual cards: `python -m board.sim.card.issue FOLDER` makes an authority and a card for every persona.

FOLDER/authority/        what a verifier trusts, and the keys behind it
FOLDER/cards/<persona>/  one card each, see `board.sim.card.data`
"""

import argparse
import io
import secrets
import string
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image, ImageDraw

from board.sim.card.applications import AUTHENTICATION_PIN, JPKI_AID
from board.sim.card.authority import Authority, new_key
from board.sim.card.data import COUNTERS, CardData, Kind
from board.sim.card.files import Counters
from board.sim.card.surface import Person, basic_file, number_b, surface_file

PERSONAS = Path(__file__).with_name("personas.toml")
Fields = Mapping[str, Any]
"""One table of it."""
_COMMON_NAME_SIZE = 23
_YEAR = timedelta(days=365)


def issue_card(
    person: Person,
    photo_jp2: bytes,
    authority: Authority,
    *,
    kind: Kind = Kind.MY_NUMBER_CARD,
    valid: tuple[datetime, datetime] | None = None,
) -> CardData:
    """Make a card. Its certificate is `valid` from the first to the second time, by default for four more years.

    Raises ValueError for a photo that does not fit.
    """
    now = datetime.now(UTC)
    key, card_key = new_key(), new_key()
    common_name = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(_COMMON_NAME_SIZE))
    certificate = authority.certify(key.public_key(), common_name, valid or (now - _YEAR, now + 4 * _YEAR))
    return CardData(
        kind,
        person.pin,
        number_b(person),
        certificate.public_bytes(Encoding.DER),
        authority.ca.public_bytes(Encoding.DER),
        key,
        card_key,
        surface_file(person, photo_jp2, card_key.public_key(), authority.signer_key),
        basic_file(),
        authority.signer_certificate,
    )


def issue_personas(folder: Path, authority: Authority, photos: Mapping[str, bytes]) -> None:
    """A card folder under `folder` for every persona; `photos` are JP2 by persona, the rest get a drawn silhouette."""
    drawn = silhouette()
    now = datetime.now(UTC)
    for name, fields in personas().items():
        expired = fields.get("certificate") == "expired"
        card = issue_card(
            person_of(fields),
            photos.get(name, drawn),
            authority,
            kind=Kind(fields.get("kind", Kind.MY_NUMBER_CARD)),
            valid=(now - 6 * _YEAR, now - _YEAR) if expired else None,
        )
        card.save(folder / name)
        if "pin_tries" in fields:
            Counters(folder / name / COUNTERS).set(JPKI_AID, AUTHENTICATION_PIN, fields["pin_tries"])


def silhouette(size: tuple[int, int] = (320, 400)) -> bytes:
    """A greyscale JP2 of nobody, for a card whose photo does not matter."""
    width, height = size
    picture = Image.new("L", size, 225)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.1, height * 0.68, width * 0.9, height * 1.4), 120)
    draw.ellipse((width * 0.28, height * 0.16, width * 0.72, height * 0.66), 150)
    file = io.BytesIO()
    picture.save(file, "JPEG2000", quality_mode="rates", quality_layers=[20])
    return file.getvalue()


def personas() -> dict[str, Fields]:
    """The invented card holders, by name of their card."""
    return tomllib.loads(PERSONAS.read_text("utf-8"))


def person_of(fields: Fields) -> Person:
    """The holder that a table of `personas.toml` describes."""
    birth: date = fields["birth"]
    return Person(
        name=fields["name"],
        address=fields["address"],
        birth=birth,
        sex=fields["sex"],
        card_expiry=date(fields["card_expiry_year"], birth.month, birth.day),
        security_code=fields["security_code"],
        pin=fields["pin"],
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m board.sim.card.issue", description="Issue virtual cards")
    parser.add_argument("folder", type=Path, help="new folder for authority/ and cards/")
    parser.add_argument("--photo", type=Path, help="JP2 file for the card of `adult`")
    options = parser.parse_args()
    authority = Authority.create()
    authority.save(options.folder / "authority")
    photos = {"adult": options.photo.read_bytes()} if options.photo else {}
    issue_personas(options.folder / "cards", authority, photos)


if __name__ == "__main__":
    main()
