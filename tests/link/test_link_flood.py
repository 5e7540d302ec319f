"""A terminal that makes the reader say more than it lets it send."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from session_world import World, made

from firmware.wire import cobs, frame, messages
from firmware.wire.channel import GIVE_UP_MS
from firmware.wire.frame import MAX_PAYLOAD, Deframer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Connected."""
    world = World(tmp_path, made(tmp_path))
    world.plug()
    world.until(lambda: world.reader.up)
    yield world
    world.close()


def test_a_flood_of_settings_without_acknowledgement_ends_the_connection_and_the_next_terminal_is_served(
    world: World,
) -> None:
    """The host acknowledges nothing: it never hears the reader's DATA."""
    ear, began = Deframer(cobs), world.now
    while world.reader.up and world.now < began + GIVE_UP_MS:
        while world.host.line.unsent() < MAX_PAYLOAD:
            world.host.line.send(messages.SETTINGS, 0, world.host.settings, world.now)
        world.reader.feed(world.host.line.output(), world.now)
        world.reader.tick(world.now)
        for one in ear.feed(world.reader.output()):
            if one.kind != frame.DATA:
                world.host.follow(world.host.line.feed(one.encode(cobs), world.now), world.now)
        world.now += 1
    assert world.host.lost == ["broken_protocol"] and world.told("link_down") == [{"reason": "broken_protocol"}]
    world.unplug()
    world.plug()
    world.keep(b"t" * 700)
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [b"t" * 700]
