import pytest
from visit_samples import World, make_world


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()
