"""The status light on the simulated chip."""

import pytest

from board.contracts import Light
from board.machine import SimulatedChip, use
from board.peripherals.status_light import COLOURS, StatusLight
from board.profiles import StatusLightProfile

PINS = StatusLightProfile(red=17, green=27, blue=22)


@pytest.fixture
def chip() -> SimulatedChip:
    chip = SimulatedChip()
    use(chip)
    return chip


def lit(chip: SimulatedChip) -> set[str]:
    return {
        colour
        for colour, number in (("red", PINS.red), ("green", PINS.green), ("blue", PINS.blue))
        if chip.line(number).read()
    }


def test_light_is_dark_before_the_first_state(chip: SimulatedChip) -> None:
    chip.line(PINS.red).write(1)
    StatusLight(PINS)
    assert lit(chip) == set()


@pytest.mark.parametrize("before", Light)
@pytest.mark.parametrize("after", Light)
def test_each_state_lights_its_lamps_whatever_was_lit_before(chip: SimulatedChip, before: Light, after: Light) -> None:
    light = StatusLight(PINS)
    light.show(before)
    light.show(after)
    assert lit(chip) == set(COLOURS[after])


def test_every_state_looks_different_and_none_is_red_alone() -> None:
    looks = [frozenset(COLOURS[light]) for light in Light]
    assert len(set(looks)) == len(looks)
    assert frozenset({"red"}) not in looks


def test_pin_the_board_does_not_have_is_refused() -> None:
    use(SimulatedChip(pins=8))
    with pytest.raises(ValueError, match="no pin 17"):
        StatusLight(PINS)
