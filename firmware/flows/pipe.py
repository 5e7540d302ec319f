"""Messages between the reader's own processes: length-prefixed CBOR maps over a Unix socket pair.

Each message is a 4-byte big-endian length, then one CBOR map. The processes trust each other's intent, not
their health: lengths are capped, and a broken message ends the conversation.
"""

import asyncio
import contextlib
import itertools
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import cbor2

CAP = 8 << 20
"""Largest message in bytes; a camera preview of 1280 x 960 fits."""

Message = dict[str, Any]


class PipeBroken(Exception):
    """The other process is gone, or sent what this protocol does not allow."""


def pack(message: Message) -> bytes:
    """The bytes of one message on the pipe."""
    body = cbor2.dumps(message)
    return struct.pack(">I", len(body)) + body


class Pipe:
    """One end of a pipe in an asyncio process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._length: int | None = None  # of the message whose body is awaited: `receive` may be cancelled there

    @classmethod
    async def over(cls, end: socket.socket) -> "Pipe":
        """Take over one end of `socket.socketpair()`."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: Message) -> None:
        """Send one message; waits while the other side is behind."""
        try:
            self._writer.write(pack(message))
            await self._writer.drain()
        except OSError as error:
            raise PipeBroken("the other process is gone") from error

    async def receive(self) -> Message:
        """The next message. Raises PipeBroken."""
        try:
            if self._length is None:
                (self._length,) = struct.unpack(">I", await self._reader.readexactly(4))
            if self._length > CAP:
                raise PipeBroken(f"message of {self._length} bytes")
            body = await self._reader.readexactly(self._length)
            self._length = None
            message = cbor2.loads(body)
        except (asyncio.IncompleteReadError, OSError, cbor2.CBORDecodeError) as error:
            raise PipeBroken("the other process is gone") from error
        if not isinstance(message, dict):
            raise PipeBroken("not a map")
        return message

    def close(self) -> None:
        self._writer.close()


class BlockingPipe:
    """One end of a pipe in a process that has no event loop."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: Message) -> None:
        try:
            self._end.sendall(pack(message))
        except OSError as error:
            raise PipeBroken("the other process is gone") from error

    def receive(self) -> Message:
        """The next message, however long it takes. Raises PipeBroken."""
        (length,) = struct.unpack(">I", self._exactly(4))
        if length > CAP:
            raise PipeBroken(f"message of {length} bytes")
        try:
            message = cbor2.loads(self._exactly(length))
        except cbor2.CBORDecodeError as error:
            raise PipeBroken("not a message") from error
        if not isinstance(message, dict):
            raise PipeBroken("not a map")
        return message

    def waiting(self, timeout_s: float = 0.0) -> bool:
        """Whether, within `timeout_s`, a message (or the end of the other process) can be received without waiting."""
        return bool(select.select([self._end], [], [], timeout_s)[0])

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._end.recv(min(count - len(parts), 1 << 20))
            except OSError as error:
                raise PipeBroken("the other process is gone") from error
            if not part:
                raise PipeBroken("the other process is gone")
            parts += part
        return bytes(parts)


class Caller:
    """Questions and answers over a pipe: many may be open at once, each answer finds its question."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Message]] = {}

    async def call(self, what: str, **arguments: Any) -> Message:
        """Ask, and wait for the answer. Raises PipeBroken."""
        number = next(self._numbers)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            await self._pipe.send({"call": what, "number": number, **arguments})
            return await answer
        finally:
            self._open.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # `run` may have set it while the question was still being sent

    async def run(self) -> None:
        """Deliver answers until the pipe breaks; then every open question ends in PipeBroken."""
        try:
            while True:
                message = await self._pipe.receive()
                answer = self._open.get(message.get("number", 0))
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except PipeBroken as broken:
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(broken)


async def answer_calls(pipe: Pipe, answer: Callable[[Message], Awaitable[Message]]) -> None:
    """Serve the other side's calls, each in a task of its own, until the pipe breaks; answers that are not ready
    then are nobody's, and cancelled."""

    async def one(question: Message) -> None:
        reply = await answer(question)
        with contextlib.suppress(PipeBroken):
            await pipe.send({**reply, "number": question.get("number", 0)})

    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:
        with contextlib.suppress(PipeBroken):
            while True:
                task = group.create_task(one(await pipe.receive()))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()
