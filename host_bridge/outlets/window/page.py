"""The window's page: its files, one stream of what the reception sees, and the dismissing of calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from host_bridge.news import Subscription
from host_bridge.reception import Reception
from host_bridge.web.server import SHARED

STATIC: Final = Path(__file__).with_name("static")
HEARTBEAT_S: Final = 5.0
"""A comment is sent after so long a silence; a page that hears nothing for longer takes the bridge for gone."""


def window_page(reception: Reception, demo: bool) -> Starlette:
    """The application, to be put behind a guard."""

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def dismiss(request: Request) -> Response:
        try:
            call = (await request.json())["call"]
        except (ClientDisconnect, ValueError, TypeError, KeyError, RecursionError):
            call = None
        if type(call) is not int:
            return PlainTextResponse("which call?\n", 400)
        reception.dismiss(call)
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/api/events", Events(reception, demo)),
            Route("/api/calls/dismiss", dismiss, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/shared", StaticFiles(directory=SHARED)),
        ]
    )


class Events:
    """ASGI application: server-sent events (HTML Living Standard, 9.2), each one JSON value."""

    def __init__(self, reception: Reception, demo: bool) -> None:
        self._reception = reception
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            return await PlainTextResponse("no such method here\n", 405)(scope, receive, send)
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        with self._reception.watched(wake) as subscription:
            stream = self._stream(subscription, news)
            await StreamingResponse(stream, media_type="text/event-stream")(scope, receive, send)

    async def _stream(self, subscription: Subscription, news: asyncio.Event) -> AsyncIterator[str]:
        yield _event({"demo": self._demo})
        while True:
            news.clear()
            for change in subscription.take():
                yield _event(change)
            if subscription.ended:
                return
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield ":\n\n"


def _event(value: object) -> str:
    return f"data:{json.dumps(value)}\n\n"
