"""One run of the whole demo, for all who look at what it left."""

import pytest
from demo_run import Run, run_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_demo(tmp_path_factory.mktemp("demo") / "out")
