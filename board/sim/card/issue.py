"""Issue virtual cards: an authority, and a card for every persona.

FOLDER/authority/        what a verifier trusts, and the keys behind it
FOLDER/cards/<persona>/  one card each, see `board.sim.card.data`
"""

import io
import secrets
import string
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image, ImageDraw

from board.sim.card.applications import AUTHENTICATION_PIN, JPKI_AID
from board.sim.card.authority import Authority, new_key, new_next_key
from board.sim.card.data import COUNTERS, CardData, Kind, Manner
from board.sim.card.files import Counters
from board.sim.card.surface import Person, basic_file, number_b, surface_file

PERSONAS = Path(__file__).with_name("personas.toml")
Fields = Mapping[str, Any]
"""One table of it."""
_COMMON_NAME_SIZE = 23
_DAY = timedelta(days=1)
_YEAR = 365 * _DAY
_ENDS = {
    "valid": 4 * _YEAR,
    "ending": 30 * _DAY,
    "ended": -30 * _DAY,
    "expired": -_YEAR,
    "revoked": 4 * _YEAR,
}
"""When a certificate ends, from the day of issue on. The patient is told from three months before, and for three months
after insurance can still be confirmed."""
_LIFE = 5 * _YEAR
_PHOTO_SIZE = (320, 400)
_USUAL = Manner()


def issue_card(
    person: Person,
    photo_jp2: bytes,
    authority: Authority,
    *,
    kind: Kind = Kind.MY_NUMBER_CARD,
    ends: timedelta = _ENDS["valid"],
    next_generation: bool = False,
    manner: Manner = _USUAL,
) -> CardData:
    """Make a card; `photo_jp2` may be nothing. Its certificate ends so long from now.

    Raises ValueError for a photo that does not fit.
    """
    end = datetime.now(UTC) + ends
    key, card_key = new_next_key() if next_generation else new_key(), new_key()
    common_name = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(_COMMON_NAME_SIZE))
    certificate = authority.certify(key.public_key(), common_name, (end - _LIFE, end))
    return CardData(
        kind,
        person.pin,
        number_b(person),
        certificate.public_bytes(Encoding.DER),
        authority.ca_for(key.public_key()).public_bytes(Encoding.DER),
        key,
        card_key,
        surface_file(person, photo_jp2, card_key.public_key(), authority.signer_key),
        basic_file(),
        authority.signer_certificate,
        manner,
    )


def issue_personas(folder: Path, authority: Authority, photos: Mapping[str, bytes]) -> None:
    """A card folder under `folder` for every persona; `photos` are JP2 by persona, the rest get a drawn silhouette."""
    with ThreadPoolExecutor() as threads:  # making an RSA key, most of the work, leaves the interpreter to others
        list(threads.map(lambda name: issue_persona(folder, name, authority, photos.get(name)), personas()))


def issue_persona(folder: Path, name: str, authority: Authority, photo: bytes | None = None) -> None:
    """The card folder `folder/name` of one persona, with this photo or a drawn silhouette. Raises KeyError."""
    fields = personas()[name]
    drawn = fields.get("photo", {})
    if photo is None:
        size = tuple(drawn.get("size", _PHOTO_SIZE))
        photo = b"" if drawn.get("none") else silhouette(size, colour=drawn.get("colour", False))
        photo = _filled(photo, drawn.get("bytes", len(photo)))
    card = issue_card(
        person_of(fields),
        photo,
        authority,
        kind=Kind(fields.get("kind", Kind.MY_NUMBER_CARD)),
        ends=_ENDS[fields.get("certificate", "valid")],
        next_generation=fields.get("next_generation", False),
        manner=Manner(**fields.get("manner", {})),
    )
    card.save(folder / name)
    if "pin_tries" in fields:
        Counters(folder / name / COUNTERS).set(JPKI_AID, AUTHENTICATION_PIN, fields["pin_tries"])


def silhouette(size: tuple[int, int] = _PHOTO_SIZE, *, colour: bool = False) -> bytes:
    """A JP2 of nobody, grey or in colour, for a card whose photo does not matter."""
    width, height = size
    picture = Image.new("RGB", size, (212, 226, 235))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.1, height * 0.68, width * 0.9, height * 1.4), (84, 120, 132))
    draw.ellipse((width * 0.28, height * 0.16, width * 0.72, height * 0.66), (196, 148, 120))
    file = io.BytesIO()
    picture.convert("RGB" if colour else "L").save(file, "JPEG2000", quality_mode="rates", quality_layers=[20])
    return file.getvalue()


def _filled(photo: bytes, size: int) -> bytes:
    """The same JP2 in `size` bytes: a box of free space after it (ISO/IEC 15444-1 annex I.2.2 lets readers skip it)."""
    space = size - len(photo)
    if space == 0:
        return photo
    if space < 8:
        raise ValueError(f"a photo of {len(photo)} bytes cannot be filled to {size}")
    return photo + space.to_bytes(4, "big") + b"free" + bytes(space - 8)


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
