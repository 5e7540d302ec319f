"""PROTOCOL.md says the numbers that the code has."""

import re
from pathlib import Path

import pytest

import firmware.wire
from firmware.link.enrolment import TRY_MS
from firmware.wire import channel, enrolment, frame, messages

PAGE = (Path(firmware.wire.__file__).parent / "PROTOCOL.md").read_text()
VECTORS = Path(firmware.wire.__file__).parent / "vectors"


def rows(pattern: str) -> list[tuple[str, ...]]:
    found = re.findall(rf"^\| {pattern}", PAGE, re.MULTILINE)
    assert found
    return found


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_every_message_stands_in_the_catalogue_with_its_number() -> None:
    listed = {int(kind, 16): name for kind, name in rows(r"([0-4][0-9A-F]) ([A-Z_]+)[ ,]")}
    assert set(listed) == set(messages.CAPS)
    assert all(getattr(messages, name) == kind for kind, name in listed.items())


def test_every_question_stands_there_with_its_limit() -> None:
    limits = {int(kind, 16): int(limit) * 1000 for kind, limit in rows(r"(0\d) .*\| (\d+) s\b")}
    assert limits == messages.LIMITS_MS


def test_every_kind_of_frame_stands_there() -> None:
    kinds = {name: int(kind) for kind, name in rows(r"(\d) ([A-Z]+) \| (?:host|reader|both) \| H")}
    kinds |= {name: int(kind) for kind, name in rows(r"(\d) (RESET) \|")}
    assert kinds == {name: getattr(frame, name) for name in ("OPEN", "OPENED", "DATA", "ACK", "RESET")}


def test_every_reason_of_a_reset_stands_there() -> None:
    reasons = {name: int(reason) for reason, name in rows(r"(\d) \| ([A-Z]+) \|")}
    assert len(reasons) == 7
    assert all(getattr(channel, name) == reason for name, reason in reasons.items())


def test_every_step_of_pairing_stands_there_with_its_limit() -> None:
    steps = {name: (int(step), limit) for step, name, limit in rows(r"(\d) ([A-Z]+) \| .*\| (\d+ s|-) \|$")}
    assert {name: step for name, (step, _) in steps.items()} == {
        name: getattr(enrolment, name) for name in ("HELLO", "IDENTITY", "REVEAL", "PROOF", "ISSUED", "DONE", "REFUSED")
    }
    assert {limit for _, limit in steps.values()} == {
        "-",
        f"{enrolment.STEP_MS // 1000} s",
        f"{enrolment.HAND_MS // 1000} s",
    }


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (r"DATA is repeated after \| (\d+) ms, then 100, 200, (\d+),", (channel.RETRY_MS, channel.RETRY_MAX_MS)),
        (r"OPEN is repeated after \| (\d+) ms", (2 * channel.RETRY_MS,)),
        (r"DATA without ACK is given up after \| ([\d,]+) ms", (channel.GIVE_UP_MS,)),
        (r"a host that has heard nothing .* \| ([\d,]+) ms", (channel.KEEPALIVE_MS,)),
        (r"a reader that has heard nothing .* \| ([\d,]+) ms", (channel.SILENCE_MS,)),
        (r"pause of the host .* \| (\d+) ms; .*: ([\d,]+) ms", (channel.REOPEN_MS, channel.REFUSED_MS)),
        (r"bytes that may wait for their turn.* \| ([\d,]+): six DELIVER", (channel.QUEUE_MAX,)),
        (r"8 \| n \| payload, n <= ([\d,]+) ", (frame.MAX_PAYLOAD,)),
    ],
)
def test_a_parameter_has_the_value_of_the_code(row: str, values: tuple[int, ...]) -> None:
    (found,) = rows(row)
    assert tuple(map(number, [found] if isinstance(found, str) else found)) == values


def test_every_file_of_vectors_stands_there() -> None:
    assert set(rows(r"`(\w+\.json)` \|")) == {file.name for file in VECTORS.iterdir()}


def test_a_reader_s_pause_between_two_nonces_stands_there_and_the_host_waits_for_it() -> None:
    (seconds,) = re.findall(r"IDENTITY, (\d+) s after the one before at the earliest", PAGE)
    assert int(seconds) * 1000 == TRY_MS < enrolment.STEP_MS
