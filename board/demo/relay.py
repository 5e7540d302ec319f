"""The cable's process: two joined pseudo-terminals that can be pulled and plugged.

`python -m board.demo.relay FOLDER` relays until its standard input ends. While plugged, FOLDER/reader and
FOLDER/terminal lead to the two ends. Commands come over the Unix socket FOLDER/control, one line of JSON each:
{"do": "unplug_after", "bytes": 1500}; each is answered by one line, the cable's state or {"error": ...}.

What a USB gadget shows is imitated (`board.demo.cable_end`): an unplugged end reads as an end of file and writes as EIO
for ever, a cable plugged again has other device names, and bytes wait for whoever opens next.
"""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from board.demo.cable_end import BACKLOG, End
from board.demo.line_faults import KINDS, Line
from firmware.wire import cobs, frame

_READ_SIZE = 4096
_PART_MAX = 2048
_LINE_MAX = 4096
DRAIN_S = 0.5
"""Longest wait for the terminal to read what reached it, before an `unplug_after` pulls the plug."""


class Relay:
    """Joins the two ends, and does to what passes what it is told."""

    def __init__(self, folder: Path, dice: Random) -> None:
        self._folder = folder
        self._devices = {"reader": "", "terminal": ""}
        self._cooked: set[str] = set()
        self._struck: Counter[str] = Counter()
        self._lines = {
            "terminal": Line(self._towards_terminal, self._pass_to_reader, dice, self._struck),
            "reader": Line(self._towards_reader, self._pass_to_terminal, dice, self._struck),
        }
        self._reader: End | None = None
        self._terminal: End | None = None
        self._until_unplug: int | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._holding = False
        self._within_frame = False  # whether what passed towards the reader ends in the middle of a frame
        self._part = b""
        self._held: list[bytes] = []
        self._to_terminal = 0
        self._to_reader = 0

    def plug(self) -> None:
        """Plug in; nothing of an earlier connection passes."""
        if self._reader is None:
            self._within_frame = False
            self._part = b""
            self._held = []
            self._reader = self._end("reader", self._from_reader)
            self._terminal = self._end("terminal", self._from_terminal)
            self._cooked.clear()

    def unplug(self) -> None:
        """Pull the plug; what is held back is lost."""
        self._until_unplug = None
        if self._pulling is not None:  # or it would pull the next connection too
            self._pulling.cancel()
            self._pulling = None
        if self._reader is not None:
            self._struck["unplug"] += 1
        for line in self._lines.values():
            line.end()
        for end in (self._reader, self._terminal):
            if end is not None:
                end.close()
        self._reader = self._terminal = None

    def unplug_after(self, count: int) -> None:
        """Pull the plug once `count` more bytes have reached the terminal."""
        self._until_unplug = count

    def cook(self, end: str) -> None:
        """At the next plug that end is in cooked mode, and echoes, until its opener sets raw mode."""
        self._cooked.add(end)

    def fault(self, kind: str, towards: str, after: int, ms: int) -> None:
        """One fault of `line_faults` in what passes towards an end."""
        self._lines[towards].arm(kind, after, ms)

    def flip_rate(self, per_million: int) -> None:
        """From now on one bit flips in so many of a million bytes, both ways."""
        for line in self._lines.values():
            line.flip_rate = per_million

    def calm(self) -> None:
        """No fault any more but those that have struck."""
        for line in self._lines.values():
            line.calm()

    def hold_answers(self) -> None:
        """From now on only acknowledgements reach the reader; other frames of the terminal wait."""
        self._holding = True

    def release(self) -> None:
        """Let pass what was held back, in order."""
        self._holding = False
        held, self._held = self._held, []
        part, self._part = self._part, b""
        for piece in [*held, part]:
            self._pass_to_reader(piece)

    def noise(self, count: int) -> None:
        """Random bytes towards both ends."""
        for end in (self._reader, self._terminal):
            if end is not None:
                end.write(os.urandom(min(count, BACKLOG)))

    def status(self) -> dict[str, Any]:
        """The cable's state, the bytes passed so far, and how many faults of each kind have struck."""
        return {
            "plugged": self._reader is not None,
            "holding": self._holding,
            "held_frames": len(self._held),
            "to_terminal": self._to_terminal,
            "to_reader": self._to_reader,
            "faults": dict(self._struck),
        }

    def _end(self, name: str, heard: Callable[[bytes], None]) -> End:
        end = End(self._folder / name, heard, former=self._devices[name], cooked=name in self._cooked)
        self._devices[name] = end.device
        return end

    def _from_reader(self, data: bytes) -> None:
        if self._pulling is None:
            self._lines["terminal"].carry(data)
        if self._terminal is not None and self._reader is not None:
            self._terminal.slow(self._reader)

    def _towards_terminal(self, data: bytes) -> None:
        if self._until_unplug is not None:
            data = data[: self._until_unplug]
            self._until_unplug -= len(data)
        self._pass_to_terminal(data)
        if self._until_unplug == 0 and self._pulling is None:
            self._pulling = asyncio.create_task(self._pull())

    def _pass_to_terminal(self, data: bytes) -> None:
        if self._terminal is not None:
            self._to_terminal += len(data)
            self._terminal.write(data)

    async def _pull(self) -> None:
        """Once the terminal has read what reached it: closing a pseudo-terminal throws unread bytes away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.sleep(0.002)  # the kernel moves bytes to the other side a little later
                while self._terminal is not None and self._terminal.unread():
                    await asyncio.sleep(0.002)
        self._pulling = None
        self.unplug()

    def _from_terminal(self, data: bytes) -> None:
        self._lines["reader"].carry(data)
        if self._terminal is not None and self._reader is not None:
            self._reader.slow(self._terminal)

    def _towards_reader(self, data: bytes) -> None:
        if not self._holding:
            self._pass_to_reader(data)
            return
        if self._within_frame:  # it began before the holding did
            head, zero, data = data.partition(b"\0")
            self._pass_to_reader(head + zero)
        *pieces, self._part = (self._part + data).split(b"\0")
        for piece in pieces:
            self._judge(piece + b"\0")
        if len(self._part) > _PART_MAX:  # no frame: noise
            self._part = b""

    def _judge(self, piece: bytes) -> None:
        one = frame.decode(piece[:-1], cobs)
        if one is not None and one.kind != frame.ACK:
            if b"\0" + piece not in self._held:  # sent again because nobody acknowledged it
                self._held.append(b"\0" + piece)
        else:
            self._pass_to_reader(piece)

    def _pass_to_reader(self, data: bytes) -> None:
        if self._reader is not None and data:
            self._within_frame = data[-1] != 0
            self._to_reader += len(data)
            self._reader.write(data)


def obey(relay: Relay, line: bytes) -> dict[str, Any]:
    """Carry out one command; the cable's state afterwards, or an error."""
    try:
        command = json.loads(line)
        match command:
            case {"do": "plug" | "unplug" | "hold_answers" | "release" | "calm" as what}:
                getattr(relay, what)()
            case {"do": "unplug_after" | "noise" as what, "bytes": int(count)} if count > 0:
                getattr(relay, what)(count)
            case {"do": "cook", "end": "reader" | "terminal" as end}:
                relay.cook(end)
            case {"do": "fault", "kind": str(kind), "towards": "reader" | "terminal" as end, "after": int(after)} if (
                kind in KINDS and after >= 0
            ):
                relay.fault(kind, end, after, int(command.get("ms", 0)))
            case {"do": "flip_rate", "per_million": int(count)} if count >= 0:
                relay.flip_rate(count)
            case {"do": "status"}:
                pass
            case _:
                return {"error": "no such command"}
    except ValueError:
        return {"error": "not JSON"}
    except OSError as error:
        return {"error": str(error)}
    return relay.status()


async def run(folder: Path, dice: Random) -> None:
    """Relay until standard input ends; prints one line once the ends are there."""
    folder.mkdir(parents=True, exist_ok=True)
    relay = Relay(folder, dice)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(obey(relay, line)).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError):
            pass  # the other end has gone, or sent a line beyond the cap
        finally:
            writer.close()

    control = folder / "control"
    control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, control, limit=_LINE_MAX)
    relay.plug()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), _READ_SIZE) else ended.set())
    print("plugged", flush=True)
    async with server:
        await ended.wait()
    relay.unplug()
    control.unlink(missing_ok=True)


def main() -> None:
    """Entry point of the cable's process."""
    parser = argparse.ArgumentParser(prog="python -m board.demo.relay", description="Virtual USB cable")
    parser.add_argument("folder", type=Path, help="where the ends and the control socket appear")
    parser.add_argument("--seed", type=int, help="of the faults' dice (default: any)")
    options = parser.parse_args()
    asyncio.run(run(options.folder, Random(options.seed)))


if __name__ == "__main__":
    main()
