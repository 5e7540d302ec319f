"""The fuzzers' ways in to what the cable brings, for a second or so each and always the same: `make fuzz-link` goes on
for as long as one likes."""

import random
import tracemalloc
from collections.abc import Iterator

import link_seeds as seeds
import pytest
from link_entries import ENTRIES, SEEDS
from link_mutators import MUTATORS, Mutate, der_object, frame

from firmware.token import evidence
from firmware.token.certificate import load_certificate
from firmware.token.claims import Method
from firmware.token.cose import verify_token
from firmware.token.evidence import FaceEvidence
from firmware.token.record import open_record
from firmware.wire import cobs
from firmware.wire.channel import SESSION, Channel
from firmware.wire.frame import Deframer, decode
from host_bridge.certificates import requested_key

LONGEST = 4096


@pytest.fixture
def counted() -> Iterator[None]:
    """With Python's allocations counted, so that the caps are looked at."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def changes(dice: random.Random) -> Mutate:
    """A few bytes replaced, put in, left out or repeated."""

    def mutate(data: bytes, longest: int) -> bytes:
        at, size = dice.randrange(len(data) + 1), dice.randrange(1, 5)
        middle = (dice.randbytes(size), dice.randbytes(size) + data[at:], b"", data[at : at + size] * 2)
        kept = data[at + size :] if (how := dice.randrange(4)) != 1 else b""
        return (data[:at] + middle[how] + kept)[:longest]

    return mutate


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_was_changed_on_the_way_is_refused_or_read_within_its_memory(entry: str) -> None:
    dice = random.Random(2026)
    mutate = changes(dice)
    for seed in SEEDS[entry]:
        ENTRIES[entry](seed)
    mutator = MUTATORS.get(entry)
    for _ in range(1000):
        data = dice.choice(SEEDS[entry])
        for _ in range(dice.randrange(1, 4)):
            mended = mutator is not None and dice.randrange(4)
            data = mutator(data, mutate, LONGEST, dice.getrandbits(32)) if mended else mutate(data, LONGEST)
        ENTRIES[entry](data)
        ENTRIES[entry](dice.randbytes(dice.randrange(64)))


def test_the_fuzzers_begin_with_what_is_believed() -> None:
    for token, method in zip(seeds.TOKENS, (Method.PIN, Method.FACE), strict=True):
        assert verify_token(token, seeds.BRIDGE_ID, seeds.NONCE, seeds.DEVICE).method is method
    for message in seeds.EVIDENCE:
        judge(message)
    assert requested_key(seeds.REQUEST, seeds.DEVICE_ID) == seeds.READER.public_key()
    assert open_record(seeds.SEALING_PRIVATE, seeds.BRIDGE_ID, seeds.RECORD) == (seeds.TOKENS[0], seeds.EVIDENCE[0])


def judge(message: bytes) -> None:
    """Raises TokenRefused."""
    read, anchors = evidence.decode(message), seeds.anchors()
    patient = evidence.verify_authentication_certificate(read.certificate, anchors)
    bound = seeds.bound(evidence.method_of(read))
    if isinstance(read, FaceEvidence):
        photo = (read.group1, read.group2_hash, read.photo_hash, read.photo_signature)
        key = evidence.verify_photo(read.issuer_certificate, *photo, anchors)
        evidence.verify_card_key(key, bound, read.card_signature)
    else:
        evidence.verify_pin_signature(patient, bound, read.signature)


def test_the_lines_that_fuzzing_begins_with_make_a_connection() -> None:
    for host, line in ((False, seeds.LINES[0]), (True, seeds.LINES[1])):
        end = Channel(host, bytes, SESSION, cobs)
        end.start(0)
        end.tick(0)
        assert end.output() or not host
        end.feed(line, 1)
        assert end.output()
        assert len(Deframer(cobs).feed(line)) == line.count(b"\0") // 2


def test_a_changed_frame_has_its_checksum_made_right_and_a_changed_certificate_its_lengths() -> None:
    dice = random.Random(2026)
    mutate = changes(dice)
    lines = [frame(seeds.LINES[0], mutate, LONGEST, dice.getrandbits(32)) for _ in range(100)]
    pieces = [piece for line in lines for piece in line.split(b"\0") if piece]
    assert sum(decode(piece, cobs) is not None for piece in pieces) > len(pieces) * 0.8
    read = 0
    for _ in range(100):
        try:
            load_certificate(der_object(seeds.DEVICE, mutate, LONGEST, dice.getrandbits(32)))
        except ValueError:
            continue
        read += 1
    assert read > 10


def test_a_finding_can_be_played_again() -> None:
    for der in (seeds.DEVICE, seeds.PATIENT):
        contents = load_certificate(der).tbs_certificate_bytes
        algorithm = der[der.index(contents) + len(contents) :]
        assert der in seeds.reissued(contents, algorithm[: 2 + algorithm[1]])
