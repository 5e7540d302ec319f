"""Several camera pictures of one person, as the face benchmark fuses them."""

from pathlib import Path

import numpy as np
from face_rates import OURS, Compared
from face_tables import SETS, fused

from models.evaluate_pairs import Pairs

SESSIONS = {"anna_1": 6, "anna_2": 4, "berta_1": 5}
"""Camera pictures of each: the second has too few for a set."""


def test_only_pictures_of_one_session_are_fused_and_too_few_are_not() -> None:
    lives = [f"{session}_{number}.jpg" for session, count in SESSIONS.items() for number in range(count)]
    count, numbers = len(lives), np.arange(len(lives))
    same = np.array([name.startswith("anna") for name in lives])
    pairs = Pairs(
        file=Path("list.csv"),
        pictures=("card.jp2", *lives),
        left=np.zeros(count, np.intp),
        right=numbers + 1,
        same=same,
        groups=("nuaa",),
        group=np.zeros(count, np.intp),
        person=np.array([0, *np.where(same, 0, 1)]),
        line=numbers,
    )
    scores = np.array([{"anna_1": 1.0, "anna_2": 50.0, "berta_1": -1.0}[name[:-6]] for name in lives])
    scores[0] = 6.0  # one picture of the first session, which five of the six drawn hold mostly
    genuine, impostor = fused(Compared(pairs, {OURS: scores}), "nuaa")
    assert sorted(set(genuine.tolist())) == [1.0, 2.0] and genuine.size == SETS
    assert set(impostor.tolist()) == {-1.0} and impostor.size == SETS
