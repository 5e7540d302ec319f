"""The light beside the tray: a three-colour lamp on three pins."""

from board.contracts import Indicator, Light
from board.machine import Pin
from board.profiles import StatusLightProfile

COLOURS = {
    Light.READY: ("green", "blue"),
    Light.BUSY: ("blue",),
    Light.GOOD: ("green",),
    Light.CARE: ("red", "green"),
}
"""Lamps that are lit for each state: teal, blue, green, amber. Never red alone: to a patient it says alarm."""


class StatusLight(Indicator):
    """Dark until the first `show`."""

    def __init__(self, profile: StatusLightProfile) -> None:
        """Take the pins of `profile` as outputs. Raises ValueError for a pin that the board does not have."""
        self._lamps = {
            colour: Pin(number, Pin.OUT, value=0)
            for colour, number in (("red", profile.red), ("green", profile.green), ("blue", profile.blue))
        }

    def show(self, light: Light) -> None:
        """Light exactly the lamps of `light`."""
        for colour, lamp in self._lamps.items():
            lamp.value(colour in COLOURS[light])
