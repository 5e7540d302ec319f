"""Cards of one authority for the whole run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from board.sim.card.authority import Authority
from board.sim.card.chip import VirtualCard
from board.sim.card.data import CardData
from board.sim.card.files import Counters
from board.sim.card.issue import issue_personas
from board.sim.card.trace import Trace


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="session")
def cards(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("issued") / "cards"
    issue_personas(folder, authority, {})
    return folder


@pytest.fixture
def fresh(cards: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Call it with a persona's name: a copy of that card folder, tries as issued."""
    return lambda name: Path(shutil.copytree(cards / name, tmp_path / name))


@pytest.fixture
def lines() -> list[str]:
    """The chip's trace."""
    return []


@pytest.fixture
def chip(cards: Path, lines: list[str]) -> VirtualCard:
    """The card of `adult`, powered, with counters of its own."""
    card = VirtualCard(CardData.load(cards / "adult"), Counters(), Trace(lines.append))
    card.power_on()
    return card
