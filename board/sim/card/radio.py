"""How long a card of ISO/IEC 14443 type B takes: a model of the radio, not a measurement.

Elementary time unit 128/fc at 106 kbit/s, half of that at each doubling. A frame: SOF 12 units, 10 for each byte, EOF
10. The reader's frame is followed by TR0 (64/fs) and TR1 (80/fs), the card's by TR2 (10 units and 32/fs). Frames hold
256 bytes both ways; three of them are block number and CRC, and every chained block but the last is answered by R(ACK).
"""

from dataclasses import dataclass
from typing import Final

RATES: Final = (106, 212, 424)
"""kbit/s that the card's ATR names."""

_FC_HZ: Final = 13_560_000
_FS_HZ: Final = _FC_HZ / 16
_PROLOGUE_AND_CRC: Final = 3
_BLOCK: Final = 256 - _PROLOGUE_AND_CRC


@dataclass(frozen=True)
class Radio:
    """One rate, both ways."""

    kbit_s: int

    def __post_init__(self) -> None:
        if self.kbit_s not in RATES:
            raise ValueError(f"{self.kbit_s} kbit/s: one of {RATES} expected")

    def exchange_s(self, command: int, response: int) -> float:
        """Seconds on air of a command and a response of so many bytes."""
        etu = 128 / _FC_HZ / (self.kbit_s // 106)
        sent, given = _blocks(command), _blocks(response)
        acknowledged = [0] * (len(given) - 1), [0] * (len(sent) - 1)
        reader_frames, card_frames = sent + acknowledged[0], acknowledged[1] + given
        on_air = sum(_frame_units(size) for size in reader_frames + card_frames) * etu
        before_card = (64 + 80) / _FS_HZ
        after_card = 10 * etu + 32 / _FS_HZ
        return on_air + len(card_frames) * (before_card + after_card)


def _blocks(size: int) -> list[int]:
    """Bytes in each block that carries a part of `size` bytes."""
    whole, rest = divmod(size, _BLOCK)
    return [_BLOCK] * whole + ([rest] if rest else [])


def _frame_units(size: int) -> int:
    return 12 + 10 * (size + _PROLOGUE_AND_CRC) + 10
