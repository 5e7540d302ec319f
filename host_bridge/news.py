"""News for whoever watches: a snapshot first, then what changes. Who does not keep up is dropped, and nobody waits."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

WAITING_CAP: Final = 256
"""Changes that may wait for one subscriber."""

Change = dict[str, Any]
"""Values of JSON."""


class Subscription:
    """One who watches. `offer` and `end` belong to the publisher's thread, `take` to the subscriber's."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called when there is something to take, in the publisher's thread."""
        self.ended = False
        """Nothing comes any more: the publisher has ended, or this subscriber was too slow and has to begin anew."""
        self._wake = wake
        self._waiting: deque[Change] = deque()

    def offer(self, change: Change) -> None:
        if self.ended:
            return
        if len(self._waiting) >= WAITING_CAP:
            self.end()
            return
        self._waiting.append(change)
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def take(self) -> Iterator[Change]:
        """What waits, oldest first; nothing once this has ended."""
        while self._waiting and not self.ended:
            yield self._waiting.popleft()
