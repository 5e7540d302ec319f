"""Somebody on the cable, who sees every frame and repairs every CRC: TLS finds what a checksum cannot."""

import os
from collections.abc import Callable

import pytest
from attack_line import Line
from attack_rig import Scene, Talking

from firmware.cobs import codec
from firmware.wire import frame
from firmware.wire.frame import Deframer, Frame

BAD_RECORD = "tls: DECRYPTION_FAILED_OR_BAD_RECORD_MAC"


class Cable:
    """A session that is up, with somebody on its cable."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.talking: Talking = scene.conversation()
        self.line = Line(scene.session(), self.talking.end)
        self.line.run(300)
        assert self.talking.end.up
        self.nonce = scene.desk.open_visit("READER-0001")

    def frames(self, whom: str) -> list[Frame]:
        """All that has gone to one end."""
        cut = Deframer(codec())
        return [one for to, data in self.line.seen if to == whom for one in cut.feed(data)]

    def id(self) -> int:
        """Of the connection: it is there for everybody to read."""
        return [one.connection for one in self.frames("host") if one.kind == frame.DATA][-1]

    def sequence(self, whom: str) -> int:
        """What that end expects next."""
        return len(
            {one.sequence for one in self.frames(whom) if one.kind == frame.DATA and one.connection == self.id()}
        )

    def down(self, whom: str) -> list[str]:
        """Why that end has hung up, oldest first."""
        return [one["reason"] for one in self.scene.heard("link_down")] if whom == "host" else self.talking.down_for()

    def sealed(self, whom: str) -> bytes:
        """The last record of TLS that went to that end (RFC 8446 section 5.1)."""
        loads = {
            one.sequence: one.payload
            for one in self.frames(whom)
            if one.connection == self.id() and one.kind == frame.DATA
        }
        stream, record = b"".join(loads[number] for number in sorted(loads)), b""
        while stream:
            size = 5 + int.from_bytes(stream[3:5], "big")
            record, stream = stream[:size], stream[size:]
        return record

    def untouched(self) -> bool:
        return self.down("host") == self.down("reader") == []

    def goes_on(self) -> None:
        """The next visit is stored once, whatever was done to the line."""
        self.line.to_host = self.line.to_reader = lambda data: [data]
        cti = self.talking.keep(self.scene, self.nonce)
        self.line.run(8000)
        assert self.talking.heard("token_receipt") == [{"cti": cti.hex(), "accepted": True, "refusal": None}]
        assert self.scene.stored() == {cti}


@pytest.fixture
def cable(scene: Scene) -> Cable:
    return Cable(scene)


def test_an_untouched_session_goes_on(cable: Cable) -> None:
    cable.goes_on()
    assert cable.untouched()


def changed(change: Callable[[bytes], bytes]) -> Callable[[bytes], list[bytes]]:
    """A line that changes the payload of DATA frames, and repairs their CRC."""
    cut = Deframer(codec())

    def tamper(data: bytes) -> list[bytes]:
        out = []
        for one in cut.feed(data):
            if one.kind == frame.DATA and len(one.payload) > 30:
                one.payload = change(one.payload)
            out.append(one.encode(codec()))
        return out

    return tamper


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte changed": lambda payload: payload[:20] + bytes([payload[20] ^ 1]) + payload[21:],
    "the last byte changed": lambda payload: payload[:-1] + bytes([payload[-1] ^ 0x80]),
    "a byte inside left out": lambda payload: payload[:20] + payload[21:] + b"\0",
    "two bytes exchanged": lambda payload: (
        payload[:10] + payload[11:12] + payload[10:11] + payload[12:]
        if payload[10] != payload[11]
        else payload[:-1] + bytes([payload[-1] ^ 1])
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_frame_changed_with_its_crc_repaired_ends_the_session(cable: Cable, whom: str, change: str) -> None:
    """A record on its way to the bridge, a receipt on its way back."""
    if whom == "host":
        cable.line.to_host = changed(CHANGES[change])
    else:
        cable.line.to_reader = changed(CHANGES[change])
    cti = cable.talking.keep(cable.scene, cable.nonce)
    cable.line.run(50)
    assert cable.down(whom)[0] == BAD_RECORD
    cable.line.to_host = cable.line.to_reader = lambda data: [data]
    cable.line.run(8000)
    assert cable.talking.heard("token_receipt") == [{"cti": cti.hex(), "accepted": True, "refusal": None}]
    assert cable.scene.stored() == {cti}


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_frame_cut_with_its_crc_repaired_ends_the_session(cable: Cable, whom: str) -> None:
    """What is missing is made up from the record that follows, which then is none."""
    cut = changed(lambda payload: payload[:-5])
    if whom == "host":
        cable.line.to_host = cut
    else:
        cable.line.to_reader = cut
    cti = cable.talking.keep(cable.scene, cable.nonce)
    cable.line.run(25_000, until=lambda: cable.down(whom))
    assert cable.down(whom)[0] == BAD_RECORD
    cable.line.to_host = cable.line.to_reader = lambda data: [data]
    cable.line.run(15_000)
    assert cable.talking.heard("token_receipt")[-1] == {"cti": cti.hex(), "accepted": True, "refusal": None}
    assert cable.scene.stored() == {cti}


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_data_of_ones_own_under_the_right_id_and_number_ends_the_session(cable: Cable, whom: str) -> None:
    forged = Frame(frame.DATA, whom == "reader", cable.id(), cable.sequence(whom), b"\x17\x03\x03\x00\x20" + bytes(32))
    cable.line.inject(whom, forged.encode(codec()))
    assert cable.down(whom)[0] == BAD_RECORD
    cable.goes_on()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_data_in_clear_within_a_session_ends_it(cable: Cable, whom: str) -> None:
    """A message of the catalogue, as if there were no TLS."""
    forged = Frame(frame.DATA, whom == "reader", cable.id(), cable.sequence(whom), b"\x44\0\0\0\0\0\0")
    cable.line.inject(whom, forged.encode(codec()))
    assert cable.down(whom)[0] == "tls: WRONG_VERSION_NUMBER"
    cable.goes_on()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_frame_of_this_session_said_again_under_the_next_number_ends_it(cable: Cable, whom: str) -> None:
    again = Frame(frame.DATA, whom == "reader", cable.id(), cable.sequence(whom), cable.sealed(whom))
    cable.line.inject(whom, again.encode(codec()))
    assert cable.down(whom)[0] == BAD_RECORD
    cable.goes_on()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_frame_of_an_earlier_session_within_this_one_ends_it(cable: Cable, whom: str) -> None:
    """Its own keys are gone with it."""
    old = cable.sealed(whom)
    cable.line.host.start(cable.line.now)
    cable.line.run(300)
    assert cable.talking.end.up
    spliced = Frame(frame.DATA, whom == "reader", cable.id(), cable.sequence(whom), old)
    cable.line.inject(whom, spliced.encode(codec()))
    assert cable.down(whom)[-1] == BAD_RECORD
    cable.goes_on()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_an_ends_own_frame_sent_back_to_it_as_if_from_the_other_ends_the_session(cable: Cable, whom: str) -> None:
    """Reflected by somebody who sets the direction bit right: each direction has its own key."""
    other = "reader" if whom == "host" else "host"
    back = Frame(frame.DATA, whom == "reader", cable.id(), cable.sequence(whom), cable.sealed(other))
    cable.line.inject(whom, back.encode(codec()))
    assert cable.down(whom)[0] == BAD_RECORD
    cable.goes_on()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_an_echo_is_not_heard(cable: Cable, whom: str) -> None:
    """Everything that an end has ever sent comes back to it as it was."""
    other = "reader" if whom == "host" else "host"
    cable.line.inject(whom, b"".join(data for to, data in cable.line.seen if to == other))
    assert cable.untouched()
    cable.goes_on()
    assert cable.untouched()


@pytest.mark.parametrize("whom", ["host", "reader"])
@pytest.mark.parametrize("kind", [frame.RESET, frame.DATA, frame.ACK, frame.OPENED])
def test_frames_with_a_guessed_id_are_not_heard(cable: Cable, whom: str, kind: int) -> None:
    for guess in (0, 1, cable.id() ^ 1, *(int.from_bytes(os.urandom(4), "big") for _ in range(50))):
        forged = Frame(
            kind, whom == "reader", guess, cable.sequence(whom), b"\x02" if kind == frame.RESET else bytes(4)
        )
        cable.line.inject(whom, forged.encode(codec()))
    assert cable.untouched()
    cable.goes_on()
    assert cable.untouched()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_reset_with_the_id_read_off_the_line_costs_a_connection_and_no_record(cable: Cable, whom: str) -> None:
    """Who can write to the cable can always cut it; nothing is lost by it, and nothing twice."""
    cti = cable.talking.keep(cable.scene, cable.nonce)
    cable.line.inject(whom, Frame(frame.RESET, whom == "reader", cable.id(), 0, b"\x02").encode(codec()))
    assert cable.down(whom)[0] == "restarted"
    cable.line.run(8000)
    assert cable.talking.heard("token_receipt")[-1] == {"cti": cti.hex(), "accepted": True, "refusal": None}
    assert cable.scene.stored() == {cti}


def test_an_open_of_ones_own_replaces_the_connection_and_gets_nothing(cable: Cable) -> None:
    """The reader answers whoever opens; without the terminal's key that is all."""
    forged = Frame(frame.OPEN, True, 0x12345678, 0, b"\x01")
    cable.line.inject("reader", forged.encode(codec()))
    assert cable.down("reader")[0] == "replaced"
    assert not cable.talking.end.up
    cable.goes_on()
    assert all(one.connection != 0x12345678 for one in cable.frames("host") if one.kind == frame.DATA)


def test_an_open_for_pairing_within_a_session_is_refused_and_costs_nothing(cable: Cable) -> None:
    cable.line.inject("reader", Frame(frame.OPEN, True, 0x12345678, 0, b"\x02").encode(codec()))
    assert cable.untouched()
    assert cable.talking.end.up
    cable.goes_on()
    assert cable.untouched()


@pytest.mark.parametrize("whom", ["host", "reader"])
def test_a_flood_of_noise_costs_nothing(cable: Cable, whom: str) -> None:
    for _ in range(50):
        cable.line.inject(whom, os.urandom(4096))
    assert cable.untouched()
    cable.goes_on()
