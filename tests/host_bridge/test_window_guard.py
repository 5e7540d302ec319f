"""What a hostile page, or a program without the token, may send to the window is refused; what is honest is not."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from bridge_rig import Bridge
from visit_samples import World
from window_rig import PATIENCE_S, TOKEN, Served, served

from host_bridge.web.guard import BODY_CAP

SECRETS = ("\\u898b\\u672c", "snapshot", "TEST-0001", TOKEN)
"""The patient's name as JSON has it, and what else nobody is told."""
HOST = "127.0.0.1:{port}"
BEARER = f"Bearer {TOKEN}"
HONEST = {"Host": HOST, "Authorization": BEARER, "Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
JSON = {"Content-Type": "application/json"}
SOCKET = {
    "Host": HOST,
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def request(start: str = "GET /api/events", body: str = "", *more: str, **changed: str | None) -> str:
    """A request; `changed` replaces headers of an honest one, or leaves them out; `more` are lines that come on top."""
    headers = dict(HONEST)
    for key, value in changed.items():
        name = key.replace("_", "-")
        headers.pop(name, None)
        if value is not None:
            headers[name] = value
    return raw(start, headers, *more, body=body)


def raw(start: str, headers: dict[str, str], *more: str, body: str = "", version: str = "HTTP/1.1") -> str:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{start} {version}", *lines, *more, "", body])


def post(body: str = '{{"call": 1}}', *more: str, **changed: str | None) -> str:
    sent = len(body.format(port=0))
    given = {"Content_Type": "application/json", "Content_Length": str(sent)} | changed
    return request("POST /api/calls/dismiss", body, *more, **given)


OTHER_HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1.nip.io:{port}",
    "127.0.0.1.:{port}",
    "localhost.:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "127.0.0.1:{port}@evil.example",
    "LOCALHOST:{port}",
)
"""Names that lead to 127.0.0.1, or could after DNS rebinding: to the browser the page is then of the same origin."""

HOSTILE = {
    **{f"host {host}": request(Host=host, Origin=f"http://{host}") for host in OTHER_HOSTS},
    **{f"host {host}, no origin": request(Host=host, Origin=None, Sec_Fetch_Site=None) for host in OTHER_HOSTS},
    "empty host": request(Host="", Origin="http://"),
    "no host": request(Host=None, Origin=None),
    "no host, old protocol": raw("GET /api/events", {"Authorization": BEARER}, version="HTTP/1.0"),
    "two hosts": request("GET /api/events", "", "Host: evil.example"),
    "host with a space before the colon": request("GET /api/events", "", f"Host : {HOST}", Host=None),
    "index under another host": request("GET /", Host="evil.example:{port}", Origin=None),
    "style under another host": request("GET /shared/local.css", Host="evil.example:{port}", Origin=None),
    "absolute target of another site": request("GET http://evil.example/api/events"),
    "absolute target of ours": request(f"GET http://{HOST}/api/events", Authorization=None),
    # another page of the same browser
    "origin of another site": request(Origin="https://evil.example"),
    "origin null": request(Origin="null"),
    "empty origin": request(Origin=""),
    "origin with another port": request(Origin="http://127.0.0.1:1"),
    "origin with another scheme": request(Origin=f"https://{HOST}"),
    "origin of the other name of this machine": request(Origin="http://localhost:{port}"),
    "two origins": request("GET /api/events", "", "Origin: https://evil.example"),
    "fetched by another site": request(Sec_Fetch_Site="cross-site"),
    "fetched by a page of another port": request(Sec_Fetch_Site="same-site"),
    "fetched by two sites": request("GET /api/events", "", "Sec-Fetch-Site: cross-site"),
    "script loaded into another site": request("GET /static/window.js", Sec_Fetch_Site="cross-site", Origin=None),
    "framed by another site": request("GET /", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="iframe", Origin=None),
    "preflight": request("OPTIONS /api/events", Access_Control_Request_Method="GET", Origin="https://evil.example"),
    # the token
    "no token": request(Authorization=None),
    "wrong token": request(Authorization="Bearer another-token"),
    "empty token": request(Authorization="Bearer "),
    "beginning of the token": request(Authorization=BEARER[:-1]),
    "token with more after it": request(Authorization=f"{BEARER}x"),
    "token without scheme": request(Authorization=TOKEN),
    "token under another scheme": request(Authorization=f"Basic {TOKEN}"),
    "token twice": request("GET /api/events", "", f"Authorization: {BEARER}"),
    "token in the query": request(f"GET /api/events?token={TOKEN}", Authorization=None),
    "token in a cookie": request(Authorization=None, Cookie=f"token={TOKEN}"),
    "token not in ASCII": request(Authorization="Bearer \u00e9"),
    "path in another case of escaping, no token": request("GET /%61pi/events", Authorization=None),
    "path with a slash too many, no token": request("GET //api/events", Authorization=None),
    "path with dots, no token": request("GET /static/../api/events", Authorization=None),
    "dismissal without token": post(Authorization=None),
    # bodies
    "form": post("call=1", Content_Type="application/x-www-form-urlencoded"),
    "plain text": post(Content_Type="text/plain"),
    "parts": post(Content_Type="multipart/form-data; boundary=x"),
    "JSON by another name": post(Content_Type="text/json"),
    "two content types": post('{{"call": 1}}', "Content-Type: text/plain"),
    "no content type": post(Content_Type=None),
    "body too long": post('{{"call": 1' + " " * BODY_CAP + "}}"),
    "length beyond all measure": post(Content_Length="9" * 18),
    "length below zero": post(Content_Length="-1"),
    "length in another notation": post(Content_Length="0x0b"),
    "length in other digits": post(Content_Length="\u00b2"),
    "two lengths": post('{{"call": 1}}', "Content-Length: 1"),
    "length too short": post(Content_Length="2"),
    "body without length": post('b\r\n{{"call": 1}}\r\n0\r\n\r\n', Content_Length=None, Transfer_Encoding="chunked"),
    "body that outgrows its length": post(
        f"{BODY_CAP * 2:x}\r\n" + '{{"call": 1}}' + " " * (BODY_CAP * 2 - 11) + "\r\n0\r\n\r\n",
        Content_Length="11",
        Transfer_Encoding="chunked",
    ),
    "no JSON": post("call"),
    "another value": post("[1]"),
    "another kind of call": post('{{"call": true}}'),
    "depth beyond measure": post("[" * 60000),
    # methods
    **{
        f"method {method}": request(f"{method} /api/events")
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS")
    },
    "method of nobody": request("STEAL /api/events"),
    "tunnel": request("CONNECT evil.example:443"),
    "events by HEAD": request("HEAD /api/events"),
    "events by POST": request("POST /api/events", **{"Content_Type": "application/json", "Content_Length": "0"}),
    "dismissal by GET": request("GET /api/calls/dismiss"),
    # files
    **{
        f"file {path}": request(f"GET {path}")
        for path in (
            "/static/../page.py",
            "/static/%2e%2e/page.py",
            "/static/..%2fpage.py",
            "/static/..%5cpage.py",
            "/static//etc/passwd",
            "/static/%2fetc/passwd",
            "/shared/../guard.py",
            "/shared/....//guard.py",
            "/static/%00",
            "/window.address",
        )
    },
    # websockets: this page has none
    "websocket without token": raw("GET /api/events", {**SOCKET, "Origin": f"http://{HOST}"}),
    "websocket of another site": raw(
        "GET /api/events", {**SOCKET, "Origin": "https://evil.example", "Sec-WebSocket-Protocol": f"kiosk, {TOKEN}"}
    ),
    "websocket of nobody": raw("GET /api/events", {**SOCKET, "Sec-WebSocket-Protocol": f"kiosk, {TOKEN}"}),
    "websocket with a wrong token": raw(
        "GET /", {**SOCKET, "Origin": f"http://{HOST}", "Sec-WebSocket-Protocol": "kiosk, another-token"}
    ),
    "websocket that knows the token": raw(
        "GET /api/events", {**SOCKET, "Origin": f"http://{HOST}", "Sec-WebSocket-Protocol": f"kiosk, {TOKEN}"}
    ),
    # no HTTP
    "header without end": request(X_Long="x" * 1_000_000),
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "noise": "\x00\x01\x02\x03\r\n\r\n",
}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Served]:
    bridge = Bridge(tmp_path_factory.mktemp("guard"), world)
    bridge.desk.reception_called("TEST-0001")
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    with served(bridge) as window:
        yield window
    bridge.journal.close()


def answer(window: Served, request: str) -> tuple[int, str]:
    """Status and the beginning of the answer; 0 where the connection is closed without any."""
    with window.connect() as line:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            line.sendall(request.format(port=window.window.port).encode("latin-1"))
        got = b""
        with suppress(ConnectionResetError):
            while b"\r\n\r\n" not in got and (more := line.recv(4096)):
                got += more
            line.settimeout(0.02)
            with suppress(TimeoutError):
                got += line.recv(65536)
    return int(got.split(b" ", 2)[1]) if got else 0, got.decode()


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused_and_learns_nothing(window: Served, name: str) -> None:
    status, said = answer(window, HOSTILE[name])
    assert status == 0 or 400 <= status < 500, said
    assert not [secret for secret in SECRETS if secret in said]
    assert "access-control-allow-origin" not in said.lower()


def test_no_hostile_request_dismissed_the_call(window: Served) -> None:
    with window.events() as stream:
        state = stream.until("snapshot")
    assert state["calls"] != []
    assert SECRETS[0] in json.dumps(state)


@pytest.mark.parametrize(
    "request_",
    [
        request(),
        request(Origin=None, Sec_Fetch_Site=None),
        request(Host="localhost:{port}", Origin="http://localhost:{port}"),
        request(Authorization=f"bearer {TOKEN}"),
        request("GET /", Authorization=None, Origin=None, Sec_Fetch_Site="none"),
        request("GET /", Authorization=None, Origin=None, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document"),
        request("HEAD /", Authorization=None),
        request("GET /static/window.js", Authorization=None),
        request("GET /shared/local.css", Authorization=None),
        post('{{"call": 99}}'),
    ],
)
def test_an_honest_request_is_answered(window: Served, request_: str) -> None:
    status, said = answer(window, request_)
    assert status in (200, 204)
    assert "content-security-policy: default-src 'none'" in said
    assert "cache-control: no-store" in said


def test_a_connection_that_says_nothing_holds_up_nobody(window: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", window.window.port), PATIENCE_S) for _ in range(30)]
    try:
        assert answer(window, request())[0] == 200
    finally:
        for line in silent:
            line.close()
