"""For tests that MicroPython runs too: no pytest, no hypothesis, nothing that it lacks."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def raises(exception: "type[Exception]", function: "Callable[..., object]", *arguments: object) -> str:
    """Fails unless `function(*arguments)` raises `exception`, and says why; returns what it says."""
    try:
        result = function(*arguments)
    except exception as error:
        assert str(error) not in ("", "None")
        return str(error)
    raise AssertionError(f"{exception.__name__} expected, and {result!r} came")


class Luck:
    """Random bytes that are the same in every run: a linear congruential generator."""

    def __init__(self, seed: int) -> None:
        self._state = seed & 0x7FFFFFFF

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        out = bytearray()
        for _ in range(size):
            self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
            out.append(self._state >> 16 & 0xFF)
        return bytes(out)
