"""The demo listens to its programs, whatever else fails."""

import asyncio
import json
from pathlib import Path

from board.demo.program_log import Event, ProgramLog
from board.sim.card.trace import Trace


async def test_a_log_file_on_a_full_disk_does_not_keep_events_from_being_heard() -> None:
    log, heard = ProgramLog(Path("/dev/full")), list[Event]()
    log.on_event = heard.append
    stream = asyncio.StreamReader()
    for number in range(3):
        stream.feed_data(json.dumps({"event": "link_up", "number": number}).encode() + b"\n")
    stream.feed_eof()
    await log.follow(stream)
    assert [event["number"] for event in heard] == [0, 1, 2]


def test_a_trace_on_a_full_disk_lets_the_card_go_on() -> None:
    tried = list[str]()

    def write(line: str) -> None:
        tried.append(line)
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(line.encode())

    Trace(write).event("placed")
    assert len(tried) == 1
