"""The desk's work beside the line: a desk that takes long costs neither connection nor another's answer."""

import threading
from pathlib import Path

import pytest
from session_rig import SessionWorld

from firmware.wire import messages
from firmware.wire.channel import GIVE_UP_MS
from host_bridge.clerk import Answer, Aside, Done, Job

PATIENCE_S = 15.0


class SlowClerk:
    """Does a job when it is told to. Implements Clerk."""

    def __init__(self) -> None:
        self.given: list[tuple[Job, Done]] = []

    def do(self, job: Job, done: Done) -> None:
        self.given.append((job, done))

    def finish(self) -> None:
        job, done = self.given.pop(0)
        done(job())


@pytest.fixture
def clerk() -> SlowClerk:
    return SlowClerk()


@pytest.fixture
def world(tmp_path: Path, clerk: SlowClerk) -> SessionWorld:
    return SessionWorld(tmp_path, clerk=clerk).connected()


def send(world: SessionWorld, kind: int, request: int, body: bytes = b"") -> None:
    world.reader.line.send(kind, request, body, world.now)
    world.pass_time(100)


def test_a_desk_that_takes_longer_than_the_line_waits_costs_no_connection(
    world: SessionWorld, clerk: SlowClerk
) -> None:
    send(world, messages.IDENTIFY, 7, b"certificate")
    send(world, messages.OPEN_VISIT, 8)
    world.pass_time(3 * GIVE_UP_MS)
    assert world.reader.answers == []
    assert len(clerk.given) == 1  # one at a time, and in their order
    clerk.finish()
    world.pass_time(100)
    clerk.finish()
    world.pass_time(100)
    assert [(one.kind, one.request) for one in world.reader.answers] == [(messages.STANDING, 7), (messages.NONCE, 8)]
    assert world.events("link_down") == []
    assert world.reader.lost == []


def test_an_answer_to_a_connection_that_is_over_is_nobodys(world: SessionWorld, clerk: SlowClerk) -> None:
    send(world, messages.IDENTIFY, 7, b"certificate")
    world.session.start(world.now)
    while world.reader.secured < 2:
        world.pass_time(10)
    send(world, messages.OPEN_VISIT, 7)
    assert len(clerk.given) == 1
    clerk.finish()
    world.pass_time(100)
    assert world.reader.answers == []
    clerk.finish()
    world.pass_time(100)
    assert [(one.kind, one.request) for one in world.reader.answers] == [(messages.NONCE, 7)]


def test_jobs_are_done_aside_in_their_order_and_handed_on_where_they_were_asked() -> None:
    woken = threading.Semaphore(0)
    where: list[threading.Thread] = []
    got: list[tuple[Answer, threading.Thread]] = []

    def job(number: int) -> Answer:
        where.append(threading.current_thread())
        return number, b""

    with Aside(lambda: woken.release()) as clerk:
        for number in range(5):
            clerk.do(lambda number=number: job(number), lambda answer: got.append((answer, threading.current_thread())))
        for _ in range(5):
            assert woken.acquire(timeout=PATIENCE_S)
        assert got == []
        clerk.collect()
    assert [answer for answer, _ in got] == [(number, b"") for number in range(5)]
    assert {thread for _, thread in got} == {threading.current_thread()}
    assert threading.current_thread() not in where


def test_the_end_waits_for_the_job_under_way() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def job() -> Answer:
        begun.set()
        assert may_end.wait(PATIENCE_S)
        done.set()
        return 0, b""

    with Aside(lambda: None) as clerk:
        clerk.do(job, lambda answer: None)
        assert begun.wait(PATIENCE_S)
        may_end.set()
    assert done.is_set()
