"""The fuzzers' ways in, for a few seconds each and always the same: `make fuzz-card` goes on for an hour."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from card_entries import SEEDS, USES, Choices, Whimsical, answers, objects
from card_seeds import cv_certificate, photos
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.card.face_ap import NumberBOk
from firmware.card.jpki import PinOk
from firmware.face.photo import open_photo
from firmware.token.cv import CvCertificate

quick = settings(max_examples=1000, deadline=2000, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""Milliseconds before one input counts as a hang."""

ALONE = """
import random, sys
from card_entries import SEEDS, photo
dice = random.Random(2026)
for data in SEEDS["photo"]:
    photo(data)
for _ in range(1000):
    photo(dice.choice(SEEDS["photo"]) + dice.randbytes(dice.randrange(40)))
"""


def counted(entry: Callable[[bytes], None], data: bytes) -> None:
    """With Python's allocations counted, so that the caps are looked at."""
    tracemalloc.start()
    try:
        entry(data)
    finally:
        tracemalloc.stop()


def near(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Anything, or a seed with a few bytes changed and its end cut off."""

    def changed(seed: bytes, edits: list[tuple[int, bytes]], kept: int) -> bytes:
        for at, noise in edits:
            at %= len(seed)
            seed = seed[:at] + noise + seed[at + len(noise) :]
        return seed[: kept or None]

    edits = st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=3)), max_size=4)
    return st.binary(max_size=400) | st.builds(changed, st.sampled_from(seeds), edits, st.integers(0, 400))


def whims(seed: bytes, right: int, whim: bytes, rest: bytes) -> bytes:
    """For the answers to a use of the card: the first ones right, then one that is nonsense in itself, then any."""
    return seed + bytes(right) + whim + rest


status_words = st.sampled_from([bytes.fromhex(sw) for sw in ("6100", "6C04", "63C0", "9000", "6F00")])
one_whim = st.builds(bytes.__add__, st.sampled_from([b"\x01", b"\x02"]), status_words)


@quick
@given(near(SEEDS["objects"]))
def test_objects_come_apart_or_are_refused_within_their_memory(data: bytes) -> None:
    counted(objects, data)


@quick
@given(st.builds(whims, st.sampled_from(SEEDS["answers"]), st.integers(0, 5), one_whim, st.binary(max_size=200)))
def test_a_card_of_whims_gets_a_declared_exception_at_worst_and_no_pin_twice(data: bytes) -> None:
    counted(answers, data)


def test_edited_photos_open_or_are_refused_within_their_memory() -> None:
    """In a process of its own: the memory that was ever mapped cannot be set back."""
    path = os.pathsep.join((".", str(Path(__file__).parent)))
    argv = (sys.executable, "-W", "ignore::Warning", "-c", ALONE)
    done = subprocess.run(argv, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_fuzzers_begin_with_what_is_taken_for_good() -> None:
    assert CvCertificate.parse(cv_certificate()).signature == b"\x5a" * 256
    assert {open_photo(photo).mode for photo in photos()} == {"RGB"}
    results = [use(Whimsical(Choices(b""))) for use in USES]
    assert PinOk() in results and NumberBOk() in results
