"""Every screen in every language and size, drawn once for all tests."""

from itertools import product

import pytest

from firmware.screens.drawn import Drawn
from firmware.screens.look import Look
from firmware.screens.samples import SAMPLES, looks

LOOKS = dict(looks())


@pytest.fixture(scope="session", params=[f"{name}.{look}" for name, look in product(SAMPLES, LOOKS)])
def shown(request: pytest.FixtureRequest) -> tuple[Look, Drawn]:
    """One screen in one look."""
    name, look = request.param.split(".")
    return LOOKS[look], SAMPLES[name].draw(LOOKS[look])
