"""The reader's page: its files, and the websocket that everything else goes through."""

from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from board.demo.page.viewer import Screen, Viewer
from board.demo.page.visitor import Visitor
from board.demo.wallet import Wallet
from board.demo.world import World
from board.sim.dock import Dock
from host_bridge.web.guard import PROTOCOL
from host_bridge.web.server import SHARED

STATIC: Final = Path(__file__).with_name("static")


def reader_page(dock: Dock, screen: Screen, world: World, wallet: Wallet, *, window: str, portraits: bool) -> Starlette:
    """The application, to be put behind a guard. `window`: address of the bridge's staff page; `portraits`: the faces
    are those of `board.demo.portraits`."""
    numbers = count(1)

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def serve(socket: WebSocket) -> None:
        await socket.accept(PROTOCOL)
        viewer = Viewer(screen, socket)
        size = screen.picture.size
        viewer.tell({"cards": wallet.shown(), "size": size, "window": window, "portraits": portraits})
        viewer.tell({"state": asdict(world.state)})
        await Visitor(next(numbers), viewer, dock, world).stay(socket)

    return Starlette(
        routes=[
            Route("/", index),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/shared", StaticFiles(directory=SHARED)),
            WebSocketRoute("/reader", serve),
        ]
    )
