"""A disk with no room, as link and event log tell of it: once, and as long as it lasts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from session_world import Answer, World, made
from small_disk import Disk, FullDisk, full

from firmware.link.journal import ROOM, Journal, JournalUnavailable
from firmware.link.outbox import AGE_MS, RETRY_MS
from firmware.wire import messages
from firmware.wire.tls import Received

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


def test_a_disk_that_is_full_at_the_start_is_told_before_the_first_visit(disk: Disk, tmp_path: Path) -> None:
    world = World(tmp_path, made(tmp_path))
    disk.refuse()
    world.wait(0)
    assert of_the_journal(world) == ["journal_unavailable"] and not world.reader.keeps
    world.close()


def test_a_full_disk_is_told_once_and_so_is_its_end(world: World, disk: Disk) -> None:
    assert world.reader.keeps
    disk.refuse()
    world.wait(10 * AGE_MS)
    assert of_the_journal(world) == ["journal_unavailable"] and not world.reader.keeps
    disk.recover()
    world.wait(RETRY_MS)
    assert of_the_journal(world) == ["journal_unavailable", "journal_available"] and world.reader.keeps


@pytest.mark.parametrize("free_kb", range(0, 48, 4))
def test_a_disk_with_room_for_less_than_a_record_is_full_and_stays_so(world: World, disk: Disk, free_kb: int) -> None:
    if not isinstance(disk, FullDisk):
        pytest.skip("missing hardware: this user may mount no disk")
    world.keep(TOKEN)
    world.host.lies[messages.DELIVER] = refusal(world)
    disk.refuse(free_kb << 10)
    world.wait(AGE_MS + 30 * RETRY_MS)
    assert of_the_journal(world) == ["journal_unavailable"] and not world.reader.keeps
    disk.recover()
    world.wait(RETRY_MS)
    assert of_the_journal(world) == ["journal_unavailable", "journal_available"] and world.reader.keeps


def test_who_is_told_that_a_record_can_be_kept_can_keep_the_largest(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    with full(tmp_path / "device") as disk:
        if not isinstance(disk, FullDisk):
            pytest.skip("missing hardware: this user may mount no disk")
        journal = Journal.make(disk.folder / "journal.db")
        for free in range(ROOM, 2 * ROOM, 4096):
            disk.refuse(free)
            if journal.has_room():
                journal.put(bytes(16), journal.last()[0] + 1, bytes(32), bytes(messages.MAX_RECORD))
            disk.recover()
        assert journal.undelivered() > 10
        journal.close()


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


def refusal(world: World) -> Answer:
    """Said by a terminal whose clock is wrong."""

    def refuse(question: Received) -> list[tuple[int, int, bytes]]:
        world.host.tokens.append(b"refused")
        return [(messages.RECEIPT, question.request, messages.pack_receipt(TOKEN[:16], False, "nonce_expired"))]

    return refuse


def test_a_refusal_is_told_only_when_the_record_is_erased_and_asked_for_no_second_time(
    world: World, disk: Disk
) -> None:
    world.host.lies[messages.DELIVER] = refusal(world)
    world.keep(TOKEN)
    disk.refuse()
    world.wait(5 * RETRY_MS)
    assert world.host.tokens == [b"refused"] and world.told("token_receipt") == [] and not world.reader.keeps
    disk.recover()
    world.wait(RETRY_MS)
    cti = TOKEN[:16].hex()
    assert world.told("token_receipt") == [{"cti": cti, "accepted": False, "refusal": "nonce_expired"}]
    assert world.journal.oldest() is None and world.host.tokens == [b"refused"]


@pytest.mark.parametrize("comes_back", [World.restart, lambda world: (world.unplug(), world.plug())])
def test_a_refused_record_that_could_not_be_erased_counts_as_what_the_terminal_says_next(
    world: World, disk: Disk, comes_back: Callable[[World], object]
) -> None:
    world.host.lies[messages.DELIVER] = refusal(world)
    world.keep(TOKEN)
    disk.refuse()
    world.until(lambda: world.host.tokens == [b"refused"])
    disk.recover()
    world.host.lies.clear()
    comes_back(world)
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [b"refused", TOKEN]
    assert world.told("token_receipt") == [{"cti": TOKEN[:16].hex(), "accepted": True, "refusal": None}]


def test_a_host_that_takes_half_a_minute_for_each_copy_is_heard_to_the_end(tmp_path: Path) -> None:
    world = World(tmp_path, made(tmp_path))
    waiting: list[int] = []
    world.host.lies[messages.DELIVER] = lambda question: waiting.append(question.request) or []
    world.plug()
    world.until(lambda: world.reader.up)
    world.keep(TOKEN)
    for _ in range(6):
        world.wait(30_000)
        refused = messages.pack_receipt(TOKEN[:16], False, "nonce_expired")
        world.host.line.send(messages.RECEIPT, waiting.pop(0), refused, world.now)
        world.wait(0)
        if world.told("token_receipt"):
            break
    assert len(world.told("token_receipt")) == 1 and world.told("link_down") == []
    world.close()
