"""Reads the event log of a program of ours: JSON lines on its standard output."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class ProgramLog:
    """The events of one program, in order, also kept in a file."""

    def __init__(self, file: Path) -> None:
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda event: None
        """Called with each event as it comes."""
        self._file = file
        self._more = asyncio.Event()

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Read `stream` to its end."""
        with self._file.open("ab", buffering=0) as kept:
            while line := await stream.readline():
                try:
                    kept.write(line)
                except OSError as error:  # a full disk costs the file, not the program that is listened to
                    print(f"demo: {self._file}: {error.strerror}", file=sys.stderr)
                event = json.loads(line)
                self.events.append(event)
                self.on_event(event)
                self._more.set()

    async def wait(self, event: str, since: int = 0, **facts: Any) -> Event:
        """The first event of that name with these facts, at or after position `since`."""
        while True:
            for found in self.events[since:]:
                if found["event"] == event and all(found.get(name) == value for name, value in facts.items()):
                    return found
            self._more.clear()
            await self._more.wait()
