"""The local identity is renewed inside the link, when it is time and nobody is being served."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from link_bench import local
from session_world import NOW, SERIAL, World, made
from small_disk import full, limited

from firmware.link.renewal import AGAIN_MS
from firmware.wire import messages
from firmware.wire.tls import Received
from host_bridge.identity import create_bridge

DAY = 86400
Said = list[tuple[int, int, bytes]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A terminal whose clock says that ten days and a bit are left."""
    world = World(tmp_path, made(tmp_path))
    world.host.settings = world.host.settings_body(NOW + 21 * DAY)
    world.host.lies[messages.RENEW] = issue(world)
    world.plug()
    yield world
    world.close()


def refuse_once(world: World) -> Callable[[Received], Said]:
    def answer(question: Received) -> Said:
        del world.host.lies[messages.DELIVER]
        return [(messages.RECEIPT, question.request, messages.pack_receipt(bytes(16), False, "nonce_expired"))]

    return answer


def issue(world: World) -> Callable[[Received], Said]:
    def answer(question: Received) -> Said:
        return [(messages.ISSUED, question.request, world.host.identity.devices.renew(SERIAL, question.body, now()))]

    return answer


def now() -> datetime:
    return datetime.now(UTC)


def in_use(world: World) -> bytes:
    return local(world.keys).chain()[0]


def asked(world: World) -> int:
    return sum(message.kind == messages.RENEW for message in world.host.heard)


def token(number: int) -> bytes:
    return bytes([number]) * 700


def test_an_identity_with_less_than_ten_days_left_is_renewed_and_the_new_one_used_at_once(world: World) -> None:
    before = in_use(world)
    world.until(lambda: len(world.host.certificates) == 2)
    after = in_use(world)
    assert world.host.certificates == [before, after] and before != after
    assert world.told("identity_renewed") == [{}]
    assert world.host.identity.devices.serving(after) == SERIAL
    world.until(lambda: world.reader.up)
    world.keep(token(1))
    world.until(lambda: world.journal.oldest() is None)
    assert asked(world) == 1


def test_settings_right_behind_the_new_identity_are_not_those_of_a_connection(world: World) -> None:
    settings = (messages.SETTINGS, 0, world.host.settings)

    def between_settings(question: Received) -> Said:
        return [settings, *issue(world)(question), settings]  # the last two travel in one frame

    world.host.lies[messages.RENEW] = between_settings
    world.until(lambda: bool(world.told("identity_renewed")))
    assert not world.reader.up and world.events[-1] == ("link_down", {"reason": "renewed"})
    nonce = world.ask(messages.OPEN_VISIT)  # were the link taken for up, this went nowhere
    world.until(nonce.done)
    assert len(world.told("link_up")) == 2


def test_an_identity_with_more_than_ten_days_left_is_not_renewed(world: World) -> None:
    world.host.settings = world.host.settings_body(NOW + 19 * DAY)
    world.wait(60_000)
    assert asked(world) == 0


def test_the_day_comes_while_the_connection_lasts(world: World) -> None:
    world.host.settings = world.host.settings_body(NOW + 19 * DAY)
    world.wait(60_000)
    assert world.reader.up and asked(world) == 0
    world.host.line.send(messages.SETTINGS, 0, world.host.settings_body(NOW + 21 * DAY), world.now)
    world.until(lambda: bool(world.told("identity_renewed")))


def test_no_identity_is_asked_for_before_the_journal_is_empty(world: World) -> None:
    world.host.lies[messages.DELIVER] = lambda question: [(messages.ERROR, question.request, bytes([messages.CANNOT]))]
    world.keep(token(1))
    world.wait(30_000)
    assert asked(world) == 0
    del world.host.lies[messages.DELIVER]
    world.until(lambda: bool(world.told("identity_renewed")))
    assert world.host.tokens == [token(1)]


def test_no_identity_is_asked_for_while_a_visit_waits_for_an_answer(world: World) -> None:
    world.host.lies[messages.OPEN_VISIT] = lambda question: []
    world.ask(messages.OPEN_VISIT)
    world.wait(30_000)
    assert world.reader.up and asked(world) == 0


def test_a_visit_that_is_signed_meanwhile_is_delivered_first_under_the_old_identity(world: World) -> None:
    before = in_use(world)

    def slow(question: Received) -> Said:
        world.keep(token(1))  # signed while the terminal was issuing
        return issue(world)(question)

    world.host.lies[messages.RENEW] = slow
    world.until(lambda: world.journal.undelivered() == 0 and asked(world) == 1)
    assert in_use(world) == before
    assert world.host.tokens == [token(1)] and world.host.certificates == [before]
    assert world.told("renewal_failed") == [{"reason": "a visit came between"}]
    world.host.lies[messages.RENEW] = issue(world)
    world.until(lambda: bool(world.told("identity_renewed")), AGAIN_MS + 70_000)
    assert in_use(world) != before


@pytest.mark.parametrize("lie", ["another authority", "an earlier one", "the bridge itself", "garbage"])
def test_an_identity_that_is_not_for_this_reader_is_not_taken(world: World, tmp_path: Path, lie: str) -> None:
    before = in_use(world)
    stranger = create_bridge(tmp_path / "stranger")

    def answer(question: Received) -> Said:
        body = {
            "another authority": stranger.authority,
            "an earlier one": before,
            "the bridge itself": world.host.identity.authority,
            "garbage": b"certificate",
        }[lie]
        return [(messages.ISSUED, question.request, body)]

    world.host.lies[messages.RENEW] = answer
    world.until(lambda: world.host.lost == ["refused_by_other_end"])
    assert in_use(world) == before and len(world.told("renewal_failed")) == 1
    world.until(lambda: world.reader.up)  # and it is still served with the one it has
    world.wait(60_000)
    assert asked(world) == 1


def test_a_terminal_that_cannot_issue_is_asked_again_ten_minutes_later(world: World) -> None:
    world.host.lies[messages.RENEW] = lambda question: [(messages.ERROR, question.request, bytes([messages.CANNOT]))]
    world.wait(AGAIN_MS - 10_000)
    assert asked(world) == 1 and world.told("renewal_failed") == [{"reason": "the terminal cannot"}]
    world.wait(70_000)
    assert asked(world) == 2
    assert world.reader.up and world.host.lost == []


def test_a_terminal_that_lies_about_the_time_gets_one_request_in_ten_minutes(world: World) -> None:
    world.host.settings = world.host.settings_body(NOW + 3650 * DAY)
    world.wait(AGAIN_MS - 10_000)
    assert asked(world) == 1


def test_an_identity_lost_on_its_way_leaves_the_old_one_and_the_next_try_succeeds(world: World) -> None:
    """The bridge has issued one, and the reader never got it."""
    before = in_use(world)

    def lost(question: Received) -> Said:
        issue(world)(question)
        return []

    world.host.lies[messages.RENEW] = lost
    world.until(lambda: asked(world) == 1)
    world.unplug()
    world.restart()
    assert in_use(world) == before
    world.host.lies[messages.RENEW] = issue(world)
    world.plug()
    world.until(lambda: bool(world.told("identity_renewed")))
    world.until(lambda: world.reader.up)
    assert world.host.identity.devices.serving(in_use(world)) == SERIAL


def test_records_that_wait_go_before_the_renewal_though_the_first_of_them_was_refused(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    with full(tmp_path / "device") as disk:
        world = World(tmp_path, made(tmp_path))
        world.host.lies[messages.DELIVER] = refuse_once(world)
        world.host.lies[messages.RENEW] = issue(world)
        world.plug()
        world.until(lambda: world.reader.up)
        world.keep(bytes([1]) * 700)
        world.keep(bytes([2]) * 700)
        disk.refuse()
        world.wait(2000)  # refused, and it cannot be erased
        world.host.line.send(messages.SETTINGS, 0, world.host.settings_body(NOW + 21 * DAY), world.now)
        world.wait(100)
        world.host.heard.clear()
        disk.recover()
        world.until(lambda: bool(world.told("identity_renewed")))
        asked = [one.kind for one in world.host.heard if one.kind in (messages.DELIVER, messages.RENEW)]
        assert asked == [messages.DELIVER, messages.RENEW]
        world.close()


def test_a_disk_that_takes_no_key_leaves_the_identity_as_it_is(world: World) -> None:
    before = in_use(world)
    world.tick()  # the journal, which is written at the start, still may be
    with limited(world.state) as disk:
        disk.refuse()
        world.wait(5000)
    assert world.reader.up and in_use(world) == before and len(world.told("renewal_failed")) == 1
    world.until(lambda: bool(world.told("identity_renewed")), AGAIN_MS + 70_000)
