"""The reader's side of pairing: who gets to give it an identity, and who does not."""

import os
from pathlib import Path

import pytest
from enrolment_rig import DEVICE, Forged, Line, Reader, issued, makers, met
from small_disk import limited

from board.demo.pair import NotPaired, pair
from board.sim.keystore import make_device
from firmware.link.enrolment import TRY_MS, Comparing, Failed, Paired
from firmware.link.state import open_keys
from firmware.link.trust import paired_bridge
from firmware.wire import cobs, enrolment
from firmware.wire.channel import CONNECTED, SESSION, Channel
from firmware.wire.enrolment import HAND_MS, Steps
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.pairing import Pairing, Phase


def test_staff_type_the_code_and_touch_the_button_and_the_reader_is_paired(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    line, host = met(reader, bridge)
    assert host.type_code(reader.code, line.now)
    line.wait(1000)
    assert host.phase is Phase.TOUCH and not reader.is_paired()
    reader.end.confirm(line.now)
    line.wait(1000)
    assert host.phase is Phase.PAIRED
    assert reader.news[-1] == Paired(bridge.bridge_id.hex())
    local = open_keys(reader.state).local()
    assert local is not None
    assert paired_bridge(local) == bridge.bridge_id.hex()
    assert bridge.devices.serving(local.chain()[0]) == DEVICE


def test_the_button_may_be_touched_before_the_code_is_typed(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    reader.end.confirm(line.now)
    line.wait(5000)
    assert not reader.is_paired()
    assert host.type_code(reader.news[0].code, line.now)  # type: ignore[union-attr]
    line.wait(1000)
    assert host.phase is Phase.PAIRED and reader.is_paired()


def test_a_code_that_was_typed_wrong_pairs_nobody(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    wrong = f"{(int(reader.code) + 1) % 1_000_000:06d}"
    reader.end.confirm(line.now)
    for _ in range(3):
        assert not host.type_code(wrong, line.now)
    line.wait(1000)
    assert reader.news[-1] == Failed("terminal_refused")
    assert not reader.is_paired()


def test_a_button_that_nobody_touches_pairs_nobody(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    assert host.type_code(reader.code, line.now)
    line.wait(HAND_MS + 1000)
    assert isinstance(reader.news[-1], Failed)
    reader.end.confirm(line.now)
    line.wait(1000)
    assert host.phase is Phase.REFUSED and not reader.is_paired()


def test_a_person_at_the_reader_can_stop_it(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    reader.end.stop(line.now)
    line.wait(100)
    assert host.phase is Phase.REFUSED and host.refused is not None and "stopped at the reader" in str(host.refused)
    assert not reader.is_paired()


def test_a_stolen_reader_on_its_makers_list_is_refused(bridge: BridgeIdentity, tmp_path: Path) -> None:
    make_device(tmp_path / "stolen" / "identity", DEVICE, revoked=True)
    with pytest.raises(NotPaired, match="revoked"):
        pair(bridge, tmp_path / "stolen")
    assert open_keys(tmp_path / "stolen").local() is None


def test_a_reader_of_a_maker_nobody_knows_is_refused(bridge: BridgeIdentity, state: Path, tmp_path: Path) -> None:
    make_device(tmp_path / "other" / "identity", DEVICE)
    with pytest.raises(NotPaired):
        pair(bridge, state, makers=makers(tmp_path / "other"))
    assert open_keys(state).local() is None


def test_somebody_between_reader_and_terminal_is_seen_by_two_codes(
    reader: Reader, bridge: BridgeIdentity, tmp_path: Path
) -> None:
    """Somebody with an authority of their own relays each step, and swaps what they must."""
    stranger = create_bridge(tmp_path / "stranger")
    make_device(tmp_path / "second" / "identity", "READER-0002")
    thief = Reader(tmp_path / "second")  # a genuine reader in the stranger's hands
    terminal = Line(thief, Pairing(bridge, makers(thief.state), cobs))
    terminal.wait(100)
    line, _ = met(reader, stranger)
    assert reader.code != thief.code
    assert not terminal.host.type_code(reader.code, line.now)  # type: ignore[union-attr]
    thief.journal.close()


def test_a_reader_gives_a_new_nonce_every_eight_seconds_at_most_and_keeps_the_honest_host_waiting(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    """Whoever sits on the cable could try nonces until one gives the code that the terminal shows."""
    host = Forged(bridge)
    line = Line(reader, host.steps)
    for _ in range(20):  # in four seconds
        host.greet(line)
        line.wait(200)
        host.steps.start(line.now)
    assert sum(step == enrolment.IDENTITY for _, step, _ in line.heard) == 1
    honest = Pairing(bridge, makers(reader.state), cobs)
    line.host = honest
    honest.start(line.now)
    line.wait(TRY_MS)
    assert honest.phase is Phase.CODE
    assert honest.type_code(reader.code, line.now)


def test_a_touch_meant_for_a_code_that_has_just_failed_does_not_fall_on_another_one(
    reader: Reader, bridge: BridgeIdentity, tmp_path: Path
) -> None:
    """Staff have typed the code, look at the terminal, and touch; whoever sits on the cable has cut in between."""
    line, host = met(reader, bridge)
    line.wait(30_000)
    assert host.type_code(reader.code, line.now)
    forged = Forged(create_bridge(tmp_path / "forged"))
    line.host = forged.steps
    forged.steps.start(line.now)
    forged.greet(line)
    line.wait(TRY_MS - 500)
    reader.end.confirm(line.now)
    assert reader.news[1:] == [Failed("connection_lost")] and line.heard[1:] == []
    line.wait(500)  # the next try is not lost, only late
    forged.say(line, enrolment.REVEAL, forged.nonce)
    assert isinstance(reader.news[-1], Comparing)


@pytest.mark.parametrize("stage", ["greeted", "code", "issued", "confirmed"])
def test_a_cable_that_is_pulled_at_any_stage_leaves_the_reader_unpaired_and_ready_for_the_next_try(
    reader: Reader, bridge: BridgeIdentity, stage: str
) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    if stage != "greeted":
        host.say(line, enrolment.REVEAL, host.nonce)
    if stage == "issued":
        host.say(line, enrolment.ISSUED, issued(bridge, host.request(line)))
    if stage == "confirmed":
        reader.end.confirm(line.now)
    line.cut()
    reader.end.confirm(line.now)
    assert reader.news[-1] == Failed("port_gone") and not reader.is_paired()
    again, host_again = met(reader, bridge, line.now + TRY_MS)
    host_again.type_code(reader.code, again.now)
    again.wait(100)
    reader.end.confirm(again.now)
    again.wait(1000)
    assert reader.is_paired()


def test_a_disk_that_takes_nothing_leaves_the_reader_unpaired_and_says_so(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    line, host = met(reader, bridge)
    host.type_code(reader.code, line.now)
    line.wait(100)
    with limited(reader.state) as disk:
        disk.refuse()
        reader.end.confirm(line.now)
    line.wait(1000)
    assert reader.news[-1] == Failed("the reader cannot keep it") and not reader.is_paired()
    assert host.phase is Phase.REFUSED


def test_records_of_a_pairing_before_are_wiped_when_the_next_one_is_made(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    reader.journal.put(b"c" * 16, 1, bytes(32), b"sealed to somebody else")
    line, host = met(reader, bridge)
    host.type_code(reader.code, line.now)
    reader.end.confirm(line.now)
    line.wait(1000)
    assert reader.is_paired()
    assert (reader.journal.undelivered(), reader.journal.last()[0]) == (0, 1)


def test_a_session_is_not_begun_with_a_reader_that_is_to_be_paired(reader: Reader, bridge: BridgeIdentity) -> None:
    line = Line(reader, Steps(Channel(True, os.urandom, SESSION, cobs)))
    line.wait(5000)
    assert not any(kind == CONNECTED for kind, _, _ in line.heard)
    assert reader.news == []
