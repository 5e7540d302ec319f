"""Keeps a page on 127.0.0.1 to the browser of this machine that knows its token.

A page of anybody's in the same browser can send requests here. What stops it: an exact list of hosts (a name that was
rebound to 127.0.0.1 is none of them), `Origin` and `Sec-Fetch-Site` (Fetch Metadata, W3C), and for everything under
/api/ a bearer token (RFC 6750 section 2.1) that only the printed address holds. A websocket, which can carry no such
header, names the token as its second subprotocol (RFC 6455 section 1.9).
"""

import hmac
from collections.abc import Mapping
from typing import Final

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROTOCOL: Final = "kiosk"
"""The subprotocol that a websocket speaks here; the token stands beside it."""
HELLO: Final = "/api/hello"
"""Answered to whoever knows the token, and to nobody else."""
BODY_CAP: Final = 65536
"""Bytes in the body of a request."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: refuses what does not come from this page, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, port: int, token: str, *, camera: bool = False) -> None:
        """`camera`: whether this page may ask for the webcam."""
        self._app = app
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._token = token
        camera_for = "(self)" if camera else "()"
        policy = {"Permissions-Policy": f"camera={camera_for}, microphone=(), geolocation=()"}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in (_HEADERS | policy).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                return await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
            return await self._app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        if refusal is not None:
            status, why = refusal
            return await PlainTextResponse(f"{why}\n", status)(scope, receive, send_guarded)
        if scope["path"] == HELLO:
            return await Response(status_code=204)(scope, receive, send_guarded)
        await self._app(scope, _capped(receive), send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, where the request is not one of our page's."""
        headers = _headers_of(scope)
        if headers is None:
            return 400, "a header is given twice"
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, "no such host here"
        websocket = scope["type"] == "websocket"
        if headers.get("origin", None if websocket else f"http://{host}") != f"http://{host}":
            return 403, "not from this page"
        link = not websocket and headers.get("sec-fetch-dest") == "document"  # from the other page: an empty page yet
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not link:
            return 403, "not from this page"
        if not websocket and scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "no such method here"
        if not websocket and scope["method"] == "POST":
            if headers.get("content-type") != "application/json":
                return 415, "only application/json"
            if not headers.get("content-length", "").isdecimal():
                return 411, "how long is it?"
            if int(headers["content-length"]) > BODY_CAP:
                return 413, "too long"
        if (websocket or scope["path"].startswith("/api/")) and not self._knows_token(headers, websocket):
            return 401, "open the address that was printed when this page started: it holds the token"
        return None

    def _knows_token(self, headers: Mapping[str, str], websocket: bool) -> bool:
        if websocket:
            protocol, _, shown = headers.get("sec-websocket-protocol", "").partition(", ")
            if protocol != PROTOCOL:
                return False
        else:
            scheme, _, shown = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return False
        return hmac.compare_digest(shown.encode("latin-1", "replace"), self._token.encode())


_SINGLE: Final = frozenset({"authorization", "content-length", "content-type", "host", "origin", "sec-fetch-site"})


def _headers_of(scope: Scope) -> dict[str, str] | None:
    """The headers that are looked at; None where one that may come once comes twice."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        if key in found and key in _SINGLE:
            return None
        found[key] = value.decode("latin-1")
    return found


def _capped(receive: Receive) -> Receive:
    """A body that grows beyond what it said ends there."""
    read = 0

    async def receive_capped() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if read > BODY_CAP else message

    return receive_capped
