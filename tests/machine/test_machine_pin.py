"""`machine.Pin` on the simulated chip: the levels, pulls, edges and errors a real one shows."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.machine import Pin, ShortCircuit, SimulatedChip, unique_id, use


@pytest.fixture
def chip() -> Iterator[SimulatedChip]:
    chip = SimulatedChip(pins=8, unique_id=b"board 7")
    use(chip)
    yield chip
    use(SimulatedChip())


def test_unique_id_is_the_chips(chip: SimulatedChip) -> None:
    assert unique_id() == b"board 7"


def test_new_output_starts_at_the_level_it_was_given(chip: SimulatedChip) -> None:
    assert Pin(1, Pin.OUT, value=1).value() == 1
    assert Pin(2, Pin.OUT, value=0)() == 0


def test_new_output_never_shows_its_old_level(chip: SimulatedChip) -> None:
    pin = Pin(1, Pin.OUT, value=0)
    levels: list[int] = []
    pin.irq(lambda changed: levels.append(changed.value()))
    pin.init(Pin.OUT, value=1)
    assert levels == [1]


def test_on_off_and_toggle_change_the_wire(chip: SimulatedChip) -> None:
    pin = Pin(1, Pin.OUT)
    seen = []
    for act in (pin.on, pin.off, pin.toggle, pin.toggle):
        act()
        seen.append(chip.line(1).read())
    assert seen == [1, 0, 1, 0]


def test_two_pins_of_one_number_are_one_wire(chip: SimulatedChip) -> None:
    Pin(3, Pin.OUT).on()
    again = Pin(3)
    assert (again.mode(), again.value()) == (Pin.OUT, 1)


@pytest.mark.parametrize(("pull", "level"), [(Pin.PULL_UP, 1), (Pin.PULL_DOWN, 0)])
def test_pull_decides_while_nobody_drives(chip: SimulatedChip, pull: int, level: int) -> None:
    pin = Pin(4, Pin.IN, pull)
    chip.line(4).drive(1 - level)
    assert pin.value() == 1 - level
    chip.line(4).drive(None)
    assert pin.value() == level


def test_floating_input_keeps_its_last_level(chip: SimulatedChip) -> None:
    pin = Pin(4, Pin.IN, None)
    chip.line(4).drive(1)
    chip.line(4).drive(None)
    assert pin.value() == 1


def test_value_written_to_an_input_waits_until_it_is_an_output(chip: SimulatedChip) -> None:
    pin = Pin(4, Pin.IN, Pin.PULL_DOWN)
    pin.value(1)
    assert pin.value() == 0
    pin.mode(Pin.OUT)
    assert pin.value() == 1


def test_open_drain_pulls_low_and_otherwise_lets_go(chip: SimulatedChip) -> None:
    pin = Pin(5, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    chip.line(5).drive(0)
    assert pin.value() == 0
    chip.line(5).drive(None)
    assert pin.value() == 1
    pin.off()
    assert pin.value() == 0


def test_output_against_an_outside_driver_is_a_short_circuit(chip: SimulatedChip) -> None:
    Pin(6, Pin.OUT, value=1)
    with pytest.raises(ShortCircuit) as short:
        chip.line(6).drive(0)
    assert short.value.number == 6


def test_handler_is_called_at_the_edges_it_asked_for_only(chip: SimulatedChip) -> None:
    pin = Pin(2, Pin.IN, Pin.PULL_UP)
    levels: list[int] = []
    irq = pin.irq(lambda changed: levels.append(changed.value()), Pin.IRQ_FALLING, hard=True)
    assert irq.flags() == 0
    for level in (0, 1, 1, 0, 0, None):
        chip.line(2).drive(level)
    assert levels == [0, 0]
    assert (irq.flags(), irq.trigger()) == (Pin.IRQ_FALLING, Pin.IRQ_FALLING)


def test_later_handler_replaces_the_earlier_and_none_stops_it(chip: SimulatedChip) -> None:
    pin = Pin(2, Pin.IN, Pin.PULL_DOWN)
    calls: list[str] = []
    pin.irq(lambda _: calls.append("first"))
    pin.irq(lambda _: calls.append("second"))
    chip.line(2).drive(1)
    stopped = pin.irq(None)
    chip.line(2).drive(0)
    assert (calls, stopped.flags()) == (["second"], 0)


def test_calling_the_irq_runs_the_handler_by_hand(chip: SimulatedChip) -> None:
    pin = Pin(2, Pin.IN)
    calls: list[Pin] = []
    pin.irq(calls.append)()
    assert calls == [pin]


@pytest.mark.parametrize("trigger", [0, 1, 16, 4 | 32])
def test_trigger_the_chip_cannot_watch_is_refused(chip: SimulatedChip, trigger: int) -> None:
    with pytest.raises(ValueError, match="IRQ_FALLING"):
        Pin(2).irq(lambda _: None, trigger)


@pytest.mark.parametrize("number", [-1, 8])
def test_pin_the_chip_does_not_have_is_refused(chip: SimulatedChip, number: int) -> None:
    with pytest.raises(ValueError, match="pins are 0 to 7"):
        Pin(number)


def test_mode_and_pull_that_do_not_exist_are_refused(chip: SimulatedChip) -> None:
    with pytest.raises(ValueError, match="9 is not a valid Mode"):
        Pin(1, 9)
    with pytest.raises(ValueError, match="9 is not a valid Pull"):
        Pin(1, Pin.IN, 9)


def test_pull_can_be_read_and_changed(chip: SimulatedChip) -> None:
    pin = Pin(1, Pin.IN, Pin.PULL_UP)
    assert pin.pull() == Pin.PULL_UP
    pin.pull(None)
    assert pin.pull() == 0


@given(st.lists(st.sampled_from([0, 1, None])))
def test_handler_sees_each_change_once_and_nothing_else(drives: list[int | None]) -> None:
    chip = SimulatedChip()
    use(chip)
    pin = Pin(0, Pin.IN, Pin.PULL_DOWN)
    seen: list[int] = []
    pin.irq(lambda changed: seen.append(changed.value()))
    level, expected = 0, []
    for drive in drives:
        chip.line(0).drive(drive)
        if (now := drive or 0) != level:
            expected.append(now)
            level = now
    assert seen == expected
