"""Messages between the reader's processes: whole or not at all."""

import asyncio
import gc
import socket
import struct

import pytest

from firmware.flows.pipe import CAP, BlockingPipe, Caller, Message, Pipe, PipeBroken, answer_calls, pack


async def test_a_receive_that_was_cancelled_in_a_message_does_not_tear_the_next_one() -> None:
    ours, theirs = socket.socketpair()
    pipe = await Pipe.over(ours)
    message = pack({"photo": b"x" * 1000})
    theirs.sendall(message[:10])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pipe.receive(), 0.05)
    theirs.sendall(message[10:] + pack({"next": 1}))
    assert await pipe.receive() == {"photo": b"x" * 1000}
    assert await pipe.receive() == {"next": 1}
    pipe.close()
    theirs.close()


@pytest.mark.parametrize(
    "sent",
    [struct.pack(">I", CAP + 1), b"\0\0", pack({})[:4] + b"\xff", struct.pack(">I", 1) + b"\x01"],
    ids=["too long", "torn", "no CBOR", "no map"],
)
async def test_what_is_no_message_ends_the_conversation_on_either_kind_of_end(sent: bytes) -> None:
    for blocking in (False, True):
        ours, theirs = socket.socketpair()
        theirs.sendall(sent)
        theirs.close()
        if blocking:
            with ours, pytest.raises(PipeBroken):
                BlockingPipe(ours).receive()
        else:
            pipe = await Pipe.over(ours)
            with pytest.raises(PipeBroken):
                await pipe.receive()
            pipe.close()


async def test_answers_find_their_questions_in_whatever_order_they_come() -> None:
    ours, theirs = socket.socketpair()
    caller, server = Caller(await Pipe.over(ours)), await Pipe.over(theirs)
    second_asked = asyncio.Event()

    async def answer(question: Message) -> Message:
        if question["call"] == "first":
            await second_asked.wait()
        else:
            second_asked.set()
        return {"echo": question["call"]}

    tasks = [asyncio.create_task(caller.run()), asyncio.create_task(answer_calls(server, answer))]
    first, second = await asyncio.gather(caller.call("first"), caller.call("second"))
    assert (first["echo"], second["echo"]) == ("first", "second")
    for task in tasks:
        task.cancel()


async def test_a_question_to_a_process_that_ends_is_not_left_waiting() -> None:
    ours, theirs = socket.socketpair()
    caller = Caller(await Pipe.over(ours))
    running = asyncio.create_task(caller.run())
    asked = asyncio.create_task(caller.call("anything"))
    await asyncio.get_running_loop().run_in_executor(None, theirs.recv, 4)
    theirs.close()
    with pytest.raises(PipeBroken):
        await asked
    await running


def test_a_process_that_ends_while_a_question_is_being_sent_leaves_no_complaint() -> None:
    complaints: list[dict[str, object]] = []

    async def ask() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        ours, theirs = socket.socketpair()
        caller = Caller(await Pipe.over(ours))
        running = asyncio.create_task(caller.run())
        asked = asyncio.create_task(caller.call("anything", picture=bytes(4 << 20)))  # more than the pipe holds
        await asyncio.get_running_loop().run_in_executor(None, theirs.recv, 4)
        theirs.close()
        with pytest.raises(PipeBroken):
            await asked
        await running

    asyncio.run(ask())
    gc.collect()
    assert complaints == []


async def test_an_answer_that_is_not_ready_does_not_hold_up_whoever_serves_the_next_process() -> None:
    ours, theirs = socket.socketpair()
    server = await Pipe.over(ours)
    asked = asyncio.Event()

    async def answer(question: Message) -> Message:
        asked.set()
        await asyncio.Event().wait()
        return {}

    serving = asyncio.create_task(answer_calls(server, answer))
    theirs.sendall(pack({"call": "deliver", "number": 1}))
    await asked.wait()
    theirs.close()
    await asyncio.wait_for(serving, 5)
