"""Whoever connects to a page's server and asks for nothing cannot use up what the rest of the program needs."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_OPEN: Final = 64
"""So many connections are open at once; a browser uses six. Others are closed as they come."""
MOST_COMING: Final = 32
"""So many more are taken before the first of them is closed: asyncio accepts them in one go."""
REQUEST_S: Final = 5.0
"""A request, its body too, is whole within this time from the connection's, or its own, beginning; and so long may
nothing be taken of its answer."""


class Requests(H11Protocol):
    """One connection of uvicorn's, with an end to its patience."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST_OPEN:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_more()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Called with every piece of a request, and for the next one that lay behind it."""
        super().handle_events()
        self._follow()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._follow()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # a close would wait until everything is taken

    def _follow(self) -> None:
        upgraded = self not in self.connections
        served = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if upgraded or (served and not self.flow.write_paused):
            self._expect_no_more()
        else:
            self._expect()

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _expect_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def quiet_where_nothing_can_be_accepted(loop: asyncio.AbstractEventLoop) -> None:
    """A process without a file descriptor left accepts again a second later by itself: no traceback each time."""

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        if not str(context.get("message")).startswith("socket.accept() "):
            loop.default_exception_handler(context)

    loop.set_exception_handler(tell)
