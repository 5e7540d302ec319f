"""BER-TLV objects as the card's files hold them (ISO/IEC 7816-4 section 5.2.2): tags of one or two bytes."""

from collections.abc import Iterator
from typing import NamedTuple


class Element(NamedTuple):
    """One object."""

    tag: int
    value: bytes
    encoded: bytes
    """Tag, length and value: what the card's signatures cover."""


def object_size(start: bytes) -> int:
    """Bytes of the whole object that begins with `start`, of which five are enough. Raises ValueError if none does."""
    _, head, length = _header(start)
    return head + length


def elements(encoded: bytes) -> Iterator[Element]:
    """The objects in a row of them. Raises ValueError where one is cut short or no object begins."""
    while encoded:
        tag, head, length = _header(encoded)
        if len(encoded) < head + length:
            raise ValueError("object cut short")
        yield Element(tag, encoded[head : head + length], encoded[: head + length])
        encoded = encoded[head + length :]


def by_tag(encoded: bytes) -> dict[int, Element]:
    """The objects in a row of them. Raises ValueError also where a tag comes twice."""
    parts: dict[int, Element] = {}
    for part in elements(encoded):
        if parts.setdefault(part.tag, part) is not part:
            raise ValueError(f"{part.tag:X} twice")
    return parts


def _header(start: bytes) -> tuple[int, int, int]:
    """Tag, size of tag and length field, length of the value."""
    tag_size = 2 if start[:1] and start[0] & 0x1F == 0x1F else 1
    form = start[tag_size : tag_size + 1]
    if not form:
        raise ValueError("header cut short")
    tag = int.from_bytes(start[:tag_size], "big")
    if form[0] < 0x80:
        return tag, tag_size + 1, form[0]
    head = tag_size + 1 + (form[0] & 0x7F)
    if form[0] not in (0x81, 0x82) or len(start) < head:
        raise ValueError("no length of at most two bytes")
    return tag, head, int.from_bytes(start[tag_size + 1 : head], "big")
