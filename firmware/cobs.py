"""The one place that knows whether the C package `cobs` is installed. Without it the link works, only slower."""

from typing import TYPE_CHECKING

from firmware.wire import cobs as _ours

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

try:
    from cobs import cobs as _package
except ImportError:
    _package = None


class _Package:
    """The package as the link's Codec: the same bytes, and None where it raises."""

    def encode(self, data: bytes) -> bytes:
        encoded: bytes = _package.encode(data)
        return encoded

    def decode(self, data: bytes) -> bytes | None:
        try:
            decoded: bytes = _package.decode(data)
        except _package.DecodeError:
            return None
        return decoded


def codec() -> "Codec":
    """The fastest COBS at hand."""
    return _ours if _package is None else _Package()
