"""One visitor at the page: what the browser says becomes fingers, keys, and hands in the world.

    {"do": "down", "finger": name, "x": px, "y": px}   {"do": "up", "finger": name}   {"do": "key", "key": Key value}
    {"do": "place" | "unlock", "card": persona}        {"do": "lift" | "turn" | "slip" | "noise" | "connect"}
    {"do": "look", "at": Sight value}                  {"do": "dim" | "plug" | "reader" | "bridge", "on": true | false}

A binary message is a picture behind one byte, a `Sent`. What cannot be done is answered by {"notice": reason}, a finger
that the panel rejects by {"notice": "finger_rejected", "finger": name}.
"""

import asyncio
import json
from enum import Enum, IntEnum
from typing import Any, Final, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from board.contracts import Key
from board.demo.page.viewer import Viewer
from board.demo.world import Refused, Sight, World
from board.sim.dock import Dock

ORDER_CAP: Final = 4096
FINGERS_CAP: Final = 10

E = TypeVar("E", bound=Enum)


class Sent(IntEnum):
    """What a picture is for."""

    STREAM = 1
    """The next one of a clip or webcam."""
    PICTURE = 2
    """Somebody to stand before the camera."""
    PHOTO = 3
    """For the visitor's own card."""


class Visitor:
    """Who sits before the page in one browser tab."""

    def __init__(self, number: int, viewer: Viewer, dock: Dock, world: World) -> None:
        self._number = number
        self._viewer = viewer
        self._dock = dock
        self._world = world
        self._fingers: set[str] = set()
        self._streams = False
        self._doing: set[asyncio.Task[None]] = set()

    async def stay(self, socket: WebSocket) -> None:
        """Serve until the browser has gone; its fingers and its camera go with it."""
        both = [asyncio.create_task(self._viewer.run()), asyncio.create_task(self._listen(socket))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            for finger in self._fingers:
                self._dock.finger_up(finger)
            if self._streams and self._world.state.sight is Sight.STREAM:
                self._world.look_at(Sight.NOBODY)
        for ended in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
                raise ended

    async def _listen(self, socket: WebSocket) -> None:
        """A slow hand holds up no finger, and what it has begun it ends, though the browser may have gone; what does
        not wait is done at once and in order."""
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            task = asyncio.create_task(self._hear(message.get("text"), message.get("bytes")))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def _hear(self, text: str | None, content: bytes | None) -> None:
        try:
            if content is not None:
                await self._show(content)
            else:
                await self._obey(_order(text or ""))
        except Refused as refused:
            self._viewer.tell({"notice": refused.reason})

    async def _show(self, content: bytes) -> None:
        picture = content[1:]
        match _one_of(Sent, int.from_bytes(content[:1])):
            case Sent.STREAM:
                self._world.stream(picture)
            case Sent.PICTURE:
                await self._world.look_at_picture(picture)
            case Sent.PHOTO:
                await self._world.make_card(picture)
                self._viewer.tell({"notice": "card_made"})

    async def _obey(self, order: object) -> None:
        world = self._world
        match order:
            case {"do": "down", "finger": str(finger), "x": int(x), "y": int(y)} if len(self._fingers) < FINGERS_CAP:
                self._touch(finger, x, y)
            case {"do": "up", "finger": str(finger)}:
                self._fingers.discard(self._named(finger))
                self._dock.finger_up(self._named(finger))
            case {"do": "key", "key": str(key)}:
                self._dock.press(_one_of(Key, key))
            case {"do": "place", "card": str(persona)}:
                await world.place(persona)
            case {"do": "unlock", "card": str(persona)}:
                world.unlock(persona)
                self._viewer.tell({"notice": "unlocked"})
            case {"do": "lift"}:
                await world.lift()
            case {"do": "turn"}:
                world.turn()
            case {"do": "slip"}:
                await world.slip()
            case {"do": "noise"}:
                await world.noise()
                self._viewer.tell({"notice": "noise_made"})
            case {"do": "connect"}:
                world.connect_camera()
            case {"do": "look", "at": str(at)}:
                sight = _one_of(Sight, at)
                world.look_at(sight)
                self._streams = sight is Sight.STREAM
            case {"do": "dim", "on": bool(on)}:
                world.dim(on)
            case {"do": "plug", "on": bool(on)}:
                await world.plug(on)
            case {"do": "reader", "on": bool(on)}:
                await world.switch_reader(on)
            case {"do": "bridge", "on": bool(on)}:
                await world.switch_bridge(on)
            case _:
                raise Refused("not_understood")

    def _touch(self, finger: str, x: int, y: int) -> None:
        self._fingers.add(self._named(finger))
        if not self._dock.finger_down(self._named(finger), x, y):
            self._viewer.tell({"notice": "finger_rejected", "finger": finger})

    def _named(self, finger: str) -> str:
        """A finger of this visitor, apart from those of others."""
        return f"{self._number}/{finger}"


def _order(text: str) -> object:
    """A JSON value. Raises Refused."""
    try:
        return json.loads(text) if len(text) <= ORDER_CAP else None
    except (ValueError, RecursionError) as error:
        raise Refused("not_understood") from error


def _one_of(kind: type[E], value: Any) -> E:
    """A member by its value. Raises Refused."""
    try:
        return kind(value)
    except ValueError as error:
        raise Refused("not_understood") from error
