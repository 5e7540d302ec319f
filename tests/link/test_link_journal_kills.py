"""A reader killed at any moment: no number is used twice, none is left out, and no token is lost."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from link_bench import pair

from board.sim.keystore import make_device
from firmware.link.journal import Journal
from firmware.link.state import journal_file, open_keys
from firmware.token.claims import FIRST
from firmware.token.cose import verify_token
from firmware.token.record import new_sealing_key, open_record
from host_bridge.identity import create_bridge

PRIVATE, PUBLIC = new_sealing_key()
READER = Path(__file__).with_name("killed_reader.py")


@pytest.fixture
def state() -> Iterator[Path]:
    """In memory, where there is room for it: what counts is the order of things, and a disk takes minutes."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        make_device(Path(folder) / "device" / "identity", "READER-0001")
        pair(create_bridge(Path(folder) / "bridge"), Path(folder) / "device")
        yield Path(folder) / "device"


def start(state: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "SEALING_KEY": PUBLIC.hex(), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(READER), str(state), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def assert_every_number_is_one_token(state: Path, told: bytes) -> int:
    """What left the reader, and what it still keeps, are one chain; returns its length."""
    tokens: dict[int, bytes] = {}
    journal = Journal(journal_file(state))
    records = [(int(line.split()[0]), bytes.fromhex(line.split()[1].decode())) for line in told.splitlines()]
    while record := journal.oldest():
        records.append((record.counter, record.sealed))
        journal.delivered(record.counter)
    for counter, sealed in records:
        token = open_record(PRIVATE, b"b" * 16, sealed)[0]
        assert tokens.setdefault(counter, token) == token, "a number used for two tokens"
    last, digest = journal.last()
    journal.close()
    assert sorted(tokens) == list(range(1, last + 1)), "a number left out"
    identity = open_keys(state).local()
    assert identity is not None
    previous = FIRST
    for counter in range(1, last + 1):
        claims = verify_token(tokens[counter], b"b" * 16, b"n" * 32, identity.chain()[0])
        assert (claims.counter, claims.previous) == (counter, previous)
        previous = hashlib.sha256(tokens[counter]).digest()
    assert digest == previous
    return last


def test_a_reader_killed_before_each_line_of_signing_keeping_and_erasing_loses_nothing(state: Path) -> None:
    told, lines = start(state, "lines").communicate()
    assert int(lines) > 60
    assert assert_every_number_is_one_token(state, told) > 20


def test_a_reader_killed_again_and_again_at_any_time_loses_nothing(state: Path) -> None:
    luck, told = random.Random(11), b""
    for _ in range(12):
        reader = start(state)
        assert reader.stdout is not None
        told += reader.stdout.readline()
        time.sleep(luck.random() * 0.1)
        reader.send_signal(signal.SIGKILL)
        told += reader.stdout.read()
        reader.wait()
    assert assert_every_number_is_one_token(state, told) > 24
