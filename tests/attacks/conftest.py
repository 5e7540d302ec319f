import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in ("token", "stateful"):  # the same made-up cards, the same reader and bridge without a cable
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from attack_rig import Scene  # noqa: E402


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.journal.close()
