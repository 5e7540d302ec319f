"""The reader's end of a session, with time of its own: deliveries, settings, and hosts that lie."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from session_world import NOW, World, made

from firmware.link.conversation import DELIVERIES
from firmware.link.journal import KEPT_S
from firmware.link.outbox import AGE_MS
from firmware.link.questions import Question
from firmware.wire import messages
from firmware.wire.messages import LIMITS_MS
from firmware.wire.tls import Received

CTI = b"c" * 16


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, made(tmp_path))
    world.plug()
    yield world
    world.close()


def up(world: World) -> None:
    world.until(lambda: world.reader.up)


def token(number: int) -> bytes:
    return bytes([number]) * 700


def test_a_record_is_delivered_by_itself_and_gone_with_its_receipt(world: World) -> None:
    up(world)
    world.keep(token(1))
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [token(1)]
    assert world.told("token_receipt") == [{"cti": token(1)[:16].hex(), "accepted": True, "refusal": None}]


def test_a_host_that_does_not_answer_is_asked_again_in_ten_seconds_and_a_second_receipt_is_no_harm(
    world: World,
) -> None:
    up(world)
    late: list[Received] = []

    def both_at_once(question: Received) -> list[tuple[int, int, bytes]]:
        late.append(question)
        if len(late) == 3:
            return world.host.answer(question)
        return [world.host.answer(one)[0] for one in late] if len(late) > 1 else []

    world.host.lies[messages.DELIVER] = both_at_once
    world.keep(token(1))
    world.keep(token(2))
    world.wait(9_900)
    assert len(late) == 1
    world.until(lambda: world.journal.oldest() is None, 200)
    assert late[0] == late[1] and len(late) == 3
    assert world.host.tokens == [token(1), token(1), token(2)]
    assert world.host.lost == []


def test_a_host_that_never_answers_is_left_after_a_minute_before_repeated_records_pile_up(world: World) -> None:
    up(world)
    world.host.lies[messages.DELIVER] = lambda question: []
    world.keep(token(1))
    world.wait(DELIVERIES * LIMITS_MS[messages.DELIVER] + 1000)
    assert world.host.lost == ["refused_by_other_end"] and world.told("link_down") == [{"reason": "no_receipt"}]
    assert sum(message.kind == messages.DELIVER for message in world.host.heard) == DELIVERIES
    world.host.lies.clear()
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [token(1)]


def test_a_host_that_cannot_take_a_record_is_asked_again_after_a_second(world: World) -> None:
    world.host.lies[messages.DELIVER] = lambda question: [(messages.ERROR, question.request, bytes([messages.CANNOT]))]
    up(world)
    world.keep(token(1))
    world.until(lambda: len(world.host.heard) == 2)  # DONE, DELIVER
    del world.host.lies[messages.DELIVER]
    world.wait(900)
    assert world.host.tokens == []
    world.wait(200)
    assert world.host.tokens == [token(1)]


def test_a_refused_record_is_gone_too_and_the_next_one_follows(world: World) -> None:
    world.host.lies[messages.DELIVER] = lambda question: [
        (messages.RECEIPT, question.request, messages.pack_receipt(bytes(16), False, "record_unreadable"))
    ]
    world.keep(token(1))
    world.keep(token(2))
    world.until(lambda: world.journal.oldest() is None)
    refusals = [(facts["accepted"], facts["refusal"]) for facts in world.told("token_receipt")]
    assert refusals == [(False, "record_unreadable")] * 2


def second_copy_refused(world: World) -> list[Received]:
    """What the host hears; to all but the second it says nothing."""
    asked: list[Received] = []

    def answer(question: Received) -> list[tuple[int, int, bytes]]:
        asked.append(question)
        refused = messages.pack_receipt(bytes(16), False, "nonce_expired")
        return [(messages.RECEIPT, question.request, refused)] if len(asked) == 2 else []

    world.host.lies[messages.DELIVER] = answer
    return asked


@pytest.mark.parametrize("accepted", [False, True])
def test_the_last_receipt_counts_where_a_refused_record_had_been_sent_twice(world: World, accepted: bool) -> None:
    asked = second_copy_refused(world)
    world.keep(token(1))
    world.until(lambda: len(asked) == 2)
    world.wait(2 * LIMITS_MS[messages.DELIVER])
    assert world.told("token_receipt") == [] and len(asked) == 2 and world.journal.oldest() is not None
    receipt = messages.pack_receipt(token(1)[:16], accepted, "" if accepted else "nonce_expired")
    world.host.line.send(messages.RECEIPT, asked[1].request, receipt, world.now)
    world.until(lambda: world.journal.oldest() is None)
    assert [facts["accepted"] for facts in world.told("token_receipt")] == [accepted]


def test_a_host_that_refuses_one_copy_and_is_silent_on_the_other_is_left_after_a_minute(world: World) -> None:
    asked = second_copy_refused(world)
    world.keep(token(1))
    world.until(lambda: len(asked) == 2)
    world.wait(DELIVERIES * LIMITS_MS[messages.DELIVER])
    assert world.told("link_down") == [{"reason": "no_receipt"}] and world.told("token_receipt") == []


def test_after_a_restart_in_the_middle_everything_is_delivered_once_more_at_most(world: World) -> None:
    for number in range(1, 4):
        world.keep(token(number))
    up(world)
    world.restart()
    world.until(lambda: world.journal.oldest() is None)
    assert list(dict.fromkeys(world.host.tokens)) == [token(1), token(2), token(3)]


def test_settings_that_come_again_are_taken_and_nothing_is_interrupted(world: World) -> None:
    up(world)
    assert world.reader.met is not None and not world.reader.met.settings.disaster
    flags = messages.DEMO | messages.DISASTER | messages.STAFF_CHECK
    world.host.line.send(messages.SETTINGS, 0, world.host.settings_body(NOW + 5000, flags), world.now)
    world.wait(100)
    settings = world.reader.met.settings
    assert (settings.disaster, settings.staff_check, settings.prescriptions) == (True, True, False)
    assert world.reader.met.time(world.now) == NOW + 5000
    assert [message.kind for message in world.host.heard] == [messages.DONE, messages.DONE]
    assert len(world.told("link_up")) == 1 and world.host.lost == []


def test_the_hosts_time_is_carried_on_by_the_readers_own_count(world: World) -> None:
    up(world)
    assert world.reader.met is not None
    world.wait(90_500)
    assert world.reader.met.time(world.now) == NOW + 90


def test_a_record_that_waits_a_week_is_wiped_and_told(world: World) -> None:
    world.unplug()
    world.keep(token(1))
    world.tick()
    for _ in range(10):
        world.now += KEPT_S * 100 - 1
        world.tick()
    assert world.journal.undelivered() == 1
    world.now += AGE_MS
    world.tick()
    assert world.journal.oldest() is None
    assert world.told("record_expired") == [{"cti": token(1)[:16].hex()}]


def test_a_question_asked_while_the_cable_is_out_is_put_once_it_is_back(world: World) -> None:
    up(world)
    world.unplug()
    answer = world.ask(messages.OPEN_VISIT)
    world.wait(500)
    assert not answer.done()
    world.plug()
    world.until(answer.done)
    assert answer.result() == bytes(32)


def test_a_question_whose_answer_was_lost_with_the_connection_is_put_again_on_the_next(world: World) -> None:
    up(world)
    world.host.lies[messages.OPEN_VISIT] = lambda question: []
    answer = world.ask(messages.OPEN_VISIT)
    world.until(lambda: world.host.heard[-1].kind == messages.OPEN_VISIT)
    world.unplug()
    world.host.lies.clear()
    world.plug()
    world.until(answer.done)
    assert answer.result() == bytes(32)


def test_a_question_that_nobody_waits_for_any_more_is_not_put(world: World) -> None:
    up(world)
    world.unplug()
    question = Question(messages.OPEN_VISIT, b"")
    world.reader.ask(question)
    world.reader.forget(question)
    world.plug()
    up(world)
    world.wait(1000)
    assert [message.kind for message in world.host.heard] == [messages.DONE, messages.DONE]


def receipt_for_another(question: Received) -> list[tuple[int, int, bytes]]:
    return [(messages.RECEIPT, question.request, messages.pack_receipt(b"x" * 16, True, ""))]


def word(kind: int, body: bytes, ahead: int = 0) -> Callable[[Received], list[tuple[int, int, bytes]]]:
    return lambda question: [(kind, question.request + ahead, body)]


LIES = {
    "a receipt for another token": (messages.DELIVER, receipt_for_another),
    "a nonce for a receipt": (messages.DELIVER, word(messages.NONCE, bytes(32))),
    "a reason that is a sentence": (
        messages.DELIVER,
        lambda question: [(messages.RECEIPT, question.request, messages.pack_receipt(CTI, False, "Hanako Mihon"))],
    ),
    "a receipt cut short": (messages.DELIVER, word(messages.RECEIPT, bytes(10))),
    "an answer to no question": (messages.DELIVER, word(messages.RECEIPT, messages.pack_receipt(CTI, True, ""), 7)),
    "a question of its own": (messages.DELIVER, word(messages.DELIVER, b"record")),
    "settings with a number": (messages.DELIVER, lambda question: [(messages.SETTINGS, question.request, b"")]),
    "settings that are none": (messages.DELIVER, lambda _: [(messages.SETTINGS, 0, b"settings")]),
    "an identity nobody asked for": (messages.DELIVER, word(messages.ISSUED, b"certificate")),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_host_that_lies_is_left_and_the_record_stays(
    world: World, lie: tuple[int, Callable[[Received], list[tuple[int, int, bytes]]]]
) -> None:
    up(world)
    world.host.lies[lie[0]] = lie[1]
    world.keep(token(1))
    world.until(lambda: bool(world.host.lost), 3000)
    assert world.host.lost == ["refused_by_other_end"]
    assert world.told("link_down")[-1] == {"reason": "malformed"}
    assert world.journal.undelivered() == 1 and world.told("token_receipt") == []
    world.host.lies.clear()  # and once it tells the truth
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [token(1)]


@pytest.mark.parametrize(
    "greeting",
    [
        [(messages.NONCE, 1, bytes(32))],
        [(messages.RECEIPT, 1, messages.pack_receipt(CTI, True, ""))],
        [(messages.DONE, 0, b"")],
    ],
    ids=["a nonce", "a receipt", "done"],
)
def test_a_host_that_speaks_before_its_settings_is_left(world: World, greeting: list[tuple[int, int, bytes]]) -> None:
    world.keep(token(1))
    world.host.greeting = greeting
    world.until(lambda: world.host.lost == ["refused_by_other_end"])
    assert not world.reader.up and world.journal.undelivered() == 1


def test_an_answer_to_what_was_asked_on_the_connection_before_is_left(world: World) -> None:
    up(world)
    asked: list[Received] = []
    world.host.lies[messages.DELIVER] = lambda question: asked.append(question) or []  # type: ignore[func-returns-value]
    world.keep(token(1))
    world.until(lambda: bool(asked))
    world.unplug()
    receipt = messages.pack_receipt(token(1)[:16], True, "")
    world.host.greeting = [(messages.RECEIPT, asked[0].request, receipt)]
    world.plug()
    world.until(lambda: world.host.lost == ["port_gone", "refused_by_other_end"])
    assert world.told("token_receipt") == [] and world.journal.undelivered() == 1


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)], ids=["zeros", "of low order"])
def test_a_sealing_key_that_seals_nothing_is_not_taken(world: World, key: bytes) -> None:
    world.host.settings = world.host.settings_body(sealing_key=key)
    world.until(lambda: world.host.lost == ["refused_by_other_end"])
    assert world.reader.met is None


@pytest.mark.parametrize("time", [2**64 - 1, 2**63, 253_370_764_800])
def test_a_time_that_no_calendar_has_is_not_taken(world: World, time: int) -> None:
    world.host.settings = world.host.settings_body(time)
    world.until(lambda: world.host.lost == ["refused_by_other_end"])
    assert world.reader.met is None


def test_a_wrong_answer_to_a_question_that_nobody_waits_for_any_more_is_a_lie_too(world: World) -> None:
    up(world)
    kept: list[Received] = []
    world.host.lies[messages.OPEN_VISIT] = lambda question: kept.append(question) or []  # type: ignore[func-returns-value]
    question = world.ask(messages.OPEN_VISIT)
    world.until(lambda: bool(kept))
    world.reader.forget(next(one for one in world.reader._questions.values() if one.answer is question))
    world.host.line.send(messages.NONCE, kept[0].request, bytes(32), world.now)
    world.wait(100)
    assert world.host.lost == []  # late, and no harm
    world.host.line.send(messages.NONCE, kept[0].request, bytes(32), world.now)
    world.until(lambda: world.host.lost == ["refused_by_other_end"])  # twice


def test_a_flood_of_settings_costs_nothing_but_time(world: World) -> None:
    up(world)
    for number in range(2000):
        world.host.line.send(messages.SETTINGS, 0, world.host.settings_body(NOW + number), world.now)
    world.keep(token(1))
    world.until(lambda: world.journal.oldest() is None, 60_000)
    assert world.host.tokens == [token(1)]


@pytest.mark.parametrize("garbage", [os.urandom(5000), bytes(5000), b"\0" + bytes(range(1, 250)) * 20], ids=len)
def test_garbage_on_the_line_costs_nothing(world: World, garbage: bytes) -> None:
    world.keep(token(1))
    for place in range(0, 5000, 500):
        world.to_reader.append(garbage[place : place + 500])
        world.to_host.append(garbage[place : place + 500])
        world.wait(20)
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [token(1)]
