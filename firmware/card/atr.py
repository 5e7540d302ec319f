"""What a contactless card says of its radio, as PC/SC hands it on in the ATR (PC/SC part 3 section 3.1.3.2.3.1)."""

from dataclasses import dataclass
from typing import Final

_TYPE_B_HEAD: Final = bytes.fromhex("3b888001")
"""Eight historical bytes: the ATQB's application data (4), protocol info (3), and the length of ATTRIB's answer (1)."""
_FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_RATES: Final = ((0x11, 212), (0x22, 424), (0x44, 847))
"""Bits of one rate, towards the card and from it."""
_FC_HZ: Final = 13_560_000
_SHORTEST_WAIT: Final = 4096
"""Carrier periods; the card's FWI doubles it."""


@dataclass(frozen=True)
class Radio:
    """A card of ISO/IEC 14443 type B."""

    kbit_s: tuple[int, ...]
    """Rates that it takes both ways."""
    frame: int
    """Largest frame it takes, in bytes."""
    wait_ms: int
    """Longest time it may take to answer a block."""


def radio_of(atr: bytes) -> Radio | None:
    """What the ATR of a type B card tells (ISO/IEC 14443-3 section 7.9.4); None for any other card."""
    if len(atr) != 13 or not atr.startswith(_TYPE_B_HEAD):
        return None
    rates, frame, wait = atr[8:11]
    size = frame >> 4
    return Radio(
        (106, *(kbit_s for bits, kbit_s in _RATES if rates & bits == bits)),
        _FRAME_SIZES[size] if size < len(_FRAME_SIZES) else _FRAME_SIZES[-1],
        round(1000 * _SHORTEST_WAIT * 2 ** (wait >> 4) / _FC_HZ),
    )
