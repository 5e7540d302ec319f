"""One visitor at the page: what the browser says becomes fingers, keys, and hands in the world.

    {"do": "down", "finger": name, "x": px, "y": px}   {"do": "up", "finger": name}   {"do": "key", "key": Key value}
    {"do": "place" | "unlock", "card": persona}        {"do": "lift" | "turn" | "slip" | "noise" | "stream_ended"}
    {"do": "look", "at": Sight value}                  {"do": "dim" | "plug" | "reader" | "bridge", "on": true | false}

A binary message is a picture behind one byte, a `Sent`. What cannot be done is answered by
{"notice": reason}, a finger that the panel rejects by {"notice": "finger_rejected"}.
"""

import asyncio
import json
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from board.contracts import Key
from board.demo.page.viewer import Viewer
from board.demo.program import StageFault
from board.demo.wallet import Wallet
from board.demo.world import Refused, Sight, World
from board.sim.dock import Dock

ORDER_CAP: Final = 4096
FINGERS_CAP: Final = 10


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

    def __init__(self, number: int, viewer: Viewer, dock: Dock, world: World, wallet: Wallet) -> None:
        self._number = number
        self._viewer = viewer
        self._dock = dock
        self._world = world
        self._wallet = wallet
        self._fingers: set[str] = set()
        self._streams = False
        self._doing: set[asyncio.Task[None]] = set()

    async def stay(self, socket: WebSocket) -> None:
        """Serve until the browser has gone; its fingers and its camera go with it."""
        watching = asyncio.create_task(self._viewer.run())
        try:
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                self._start(self._hear(message.get("text"), message.get("bytes")))
        finally:
            watching.cancel()
            for finger in self._fingers:
                self._dock.finger_up(finger)
            if self._streams:
                self._world.end_stream()
            for ended in await asyncio.gather(watching, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect | RuntimeError):
                    raise ended

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """A slow hand holds up no finger; what does not wait is done at once and in order."""
        task = asyncio.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _hear(self, text: str | None, content: bytes | None) -> None:
        try:
            if content is not None:
                await self._show(content)
            elif text is not None and len(text) <= ORDER_CAP:
                await self._obey(json.loads(text))
        except Refused as refused:
            self._viewer.tell({"notice": refused.reason})
        except (StageFault, OSError):
            self._viewer.tell({"notice": "did_not_start"})
        except (AttributeError, ValueError, TypeError):
            self._viewer.tell({"notice": "not_understood"})

    async def _show(self, content: bytes) -> None:
        picture = content[1:]
        match Sent(int.from_bytes(content[:1])):
            case Sent.STREAM:
                self._world.look_at_stream(picture)
                self._streams = True
            case Sent.PICTURE:
                await self._world.look_at_picture(picture)
            case Sent.PHOTO:
                await self._world.make_card(picture)
                self._viewer.tell({"cards": self._wallet.shown(), "notice": "card_made"})

    async def _obey(self, order: dict[str, Any]) -> None:
        world = self._world
        match order:
            case {"do": "down", "finger": str(finger), "x": int(x), "y": int(y)} if len(self._fingers) < FINGERS_CAP:
                self._touch(f"{self._number}/{finger}", x, y)
            case {"do": "up", "finger": str(finger)}:
                self._fingers.discard(f"{self._number}/{finger}")
                self._dock.finger_up(f"{self._number}/{finger}")
            case {"do": "key", "key": str(key)}:
                self._dock.press(Key(key))
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
            case {"do": "stream_ended"}:
                world.end_stream()
            case {"do": "look", "at": str(sight)}:
                world.look_at(Sight(sight))
            case {"do": "dim", "on": bool(on)}:
                world.dim(on)
            case {"do": "plug", "on": bool(on)}:
                await world.plug(on)
            case {"do": "reader", "on": bool(on)}:
                await world.switch_reader(on)
            case {"do": "bridge", "on": bool(on)}:
                await world.switch_bridge(on)
            case _:
                raise ValueError

    def _touch(self, finger: str, x: int, y: int) -> None:
        self._fingers.add(finger)
        if not self._dock.finger_down(finger, x, y):
            self._viewer.tell({"notice": "finger_rejected"})
