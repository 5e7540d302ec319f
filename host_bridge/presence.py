"""What can be told of a port over which no connection comes about."""

from typing import TYPE_CHECKING, Final

from firmware.wire.frame import Deframer

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

PATIENCE_MS: Final = 4000
NO_ANSWER: Final = "no_answer"
"""Nothing arrives at all."""
FOREIGN_DEVICE: Final = "foreign_device"
"""Bytes arrive, and no frame of a reader is among them: another device, or an echo of what is sent."""


class Presence:
    """Listens beside the channel."""

    def __init__(self, codec: "Codec") -> None:
        self._codec = codec
        self.start(0)

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._deframer = Deframer(self._codec)
        self._frame_at = now
        self._bytes_at: int | None = None

    def heard(self, data: bytes, now: int) -> None:
        """Bytes from the line."""
        if not data:
            return
        self._bytes_at = now
        if any(not frame.from_host for frame in self._deframer.feed(data)):
            self._frame_at = now

    def served(self, now: int) -> None:
        """A reader has a session: nothing of what it sends need be looked at."""
        self._frame_at = now

    def verdict(self, now: int) -> str:
        """NO_ANSWER, FOREIGN_DEVICE, or "" while it is too early to tell or a reader is there."""
        if now - self._frame_at < PATIENCE_MS:
            return ""
        noisy = self._bytes_at is not None and now - self._bytes_at < PATIENCE_MS
        return FOREIGN_DEVICE if noisy else NO_ANSWER
