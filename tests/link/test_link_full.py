"""A disk with no room, as link and event log tell of it: once, and as long as it lasts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from session_world import World, made
from small_disk import Disk, full

from firmware.link.journal import JournalUnavailable
from firmware.link.outbox import AGE_MS, RETRY_MS

TOKEN = b"t" * 700


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    (tmp_path / "device").mkdir()
    with full(tmp_path / "device") as disk:
        yield disk


@pytest.fixture
def world(disk: Disk, tmp_path: Path) -> Iterator[World]:
    """Connected."""
    world = World(tmp_path, made(tmp_path))
    world.plug()
    world.until(lambda: world.reader.up)
    yield world
    world.close()


def of_the_journal(world: World) -> list[str]:
    return [name for name, _ in world.events if name.startswith("journal")]


def test_a_full_disk_is_told_once_and_so_is_its_end(world: World, disk: Disk) -> None:
    assert world.reader.keeps
    disk.refuse()
    world.wait(10 * AGE_MS)
    assert of_the_journal(world) == ["journal_unavailable"] and not world.reader.keeps
    disk.recover()
    world.wait(RETRY_MS)
    assert of_the_journal(world) == ["journal_unavailable", "journal_available"] and world.reader.keeps


def test_a_visit_that_could_not_be_kept_is_told_at_once_and_the_next_one_is_as_soon_as_there_is_room(
    world: World, disk: Disk
) -> None:
    disk.refuse()
    with pytest.raises(JournalUnavailable) as refused:
        world.keep(TOKEN)
    world.reader.not_kept(refused.value, world.now)
    world.wait(5 * RETRY_MS)
    assert of_the_journal(world) == ["journal_unavailable"] and not world.reader.keeps
    disk.recover()
    world.wait(RETRY_MS)
    assert world.reader.keeps and world.host.tokens == []
    world.keep(TOKEN)
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [TOKEN]
