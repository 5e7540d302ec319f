"""Thresholds, bounds, statistics and the manifest's values."""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware.face.cohort import Cohort, Statistics
from firmware.face.decide import scores
from firmware.face.engine import FaceEngine
from firmware.face.manifest import CohortRule, PinnedFile, load_manifest
from models.build import MANIFEST
from models.calibrate import with_settings
from models.crossfit import FACTORS, CalibrationError, Members, statistics
from models.evaluate_pairs import read_pairs
from models.evaluate_scores import embed_pictures
from models.figures import Rate, false_matches, false_non_matches, threshold_at

BUILT = Path(__file__).parents[2] / "build/models"


def test_bounds_are_those_of_the_published_tables() -> None:
    low, high = Rate(3, 100).bounds()
    assert (low, high) == pytest.approx((0.00623, 0.08518), abs=1e-5)
    assert Rate(0, 51).bounds() == pytest.approx((0, 0.06978), abs=1e-5)
    assert Rate(51, 51).bounds() == pytest.approx((0.93022, 1), abs=1e-5)


def test_bounds_hold_for_very_many_trials() -> None:
    low, high = Rate(132, 301_401).bounds()
    assert (low, high) == pytest.approx((132 / 301_401 - 7.1e-5, 132 / 301_401 + 8.1e-5), abs=1e-5)


def test_threshold_lets_no_more_impostors_through_than_allowed() -> None:
    impostors = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    threshold = threshold_at(impostors, 1e-3)
    assert false_matches(impostors, threshold).errors == 5


def test_score_at_the_threshold_is_a_match() -> None:
    values = np.array([0.1, 0.2, 0.3], np.float32)
    assert false_matches(values, float(values[1])).errors == 2
    assert false_non_matches(values, float(values[1])).errors == 1


def members(vectors: np.ndarray, persons: Sequence[int] | np.ndarray) -> Members:
    return Members(np.asarray(vectors, np.float32), np.asarray(persons, np.intp))


def test_every_person_counts_the_same_in_the_statistics() -> None:
    group = statistics(members(np.array([[1, 0], [1, 0], [1, 0], [0, 1]]), [5, 5, 5, 9]))
    assert group.mean == pytest.approx([0.5, 0.5])


def test_statistics_keep_main_directions_and_every_variance() -> None:
    size, faces = FACTORS + 40, 300
    drawn = np.random.default_rng(1).standard_normal((faces, size)) * np.linspace(3, 1, size)
    group = statistics(members(drawn, np.arange(faces)))
    covariance = np.cov(drawn.T)
    assert group.factors.shape == (FACTORS, size)
    modelled = group.factors.T @ group.factors + np.diag(group.rest**2)
    assert np.diag(modelled) == pytest.approx(np.diag(covariance), rel=1e-3)
    main = np.linalg.eigh(covariance)[1][:, -1]
    assert main @ modelled @ main == pytest.approx(main @ covariance @ main, rel=0.1)


def rule(draws: dict[str, int], sizes: tuple[int, ...] = (8,), shares: tuple[float, ...] = (1.0,)) -> CohortRule:
    return CohortRule(PinnedFile("none", ""), draws, dict.fromkeys(draws, 0.0), 1, 10, sizes, shares)


def round_group(mean: np.ndarray, spread: float) -> Statistics:
    """A group that varies alike in all directions."""
    size = len(mean)
    return Statistics(mean.astype(np.float32), np.zeros((0, size), np.float32), np.full(size, spread, np.float32))


def varied_group(generator: np.random.Generator, size: int) -> Statistics:
    """A group that varies along a few directions, and a little along all."""
    mean, factors = generator.normal(0, 0.1, size), generator.normal(0, 0.05, (6, size))
    return Statistics(*(part.astype(np.float32) for part in (mean, factors, generator.uniform(0.02, 0.04, size))))


def covariance(group: Statistics) -> np.ndarray:
    return group.factors.T @ group.factors + np.diag(group.rest**2)


def test_nearness_is_that_of_strangers_drawn_number_by_number() -> None:
    generator = np.random.default_rng(1)
    groups = {"general": varied_group(generator, 500), "others": varied_group(generator, 500)}
    described = replace(rule({"general": 20_000, "others": 10_000}, (200, 300), (0.7, 0.3)), nearest=3000)
    described.shrinkage["others"] = 0.5
    cohort = Cohort(described, groups)
    mixed = 0.5 * covariance(groups["others"]) + 0.5 * covariance(groups["general"])
    strangers = np.concatenate(
        [
            generator.multivariate_normal(groups["general"].mean, covariance(groups["general"]), 20_000),
            generator.multivariate_normal(groups["others"].mean, mixed, 10_000),
        ]
    )
    faces = cohort.centred(strangers[::3000].astype(np.float32))
    similarities = np.delete(faces @ cohort.centred(strangers.astype(np.float32)).T, np.s_[::3000], axis=1)
    expected = np.sort(similarities, axis=1)[:, -3000:].mean(1)
    assert cohort.nearness(faces) == pytest.approx(expected, abs=0.02)


def test_score_of_two_lookalikes_in_a_crowd_is_lower_than_in_a_desert() -> None:
    groups = {"general": round_group(np.zeros(8), 1.0), "crowd": round_group(np.eye(8)[0] * 4, 0.4)}
    cohort = Cohort(rule({"general": 500, "crowd": 500}), groups)
    in_crowd, in_desert = np.eye(8, dtype=np.float32)[:1], -np.eye(8, dtype=np.float32)[1:2]
    assert scores(cohort, in_crowd, in_crowd)[0, 0] < scores(cohort, in_desert, in_desert)[0, 0] - 0.1


def test_same_statistics_give_the_same_strangers() -> None:
    groups = {"general": round_group(np.zeros(8), 1.0)}
    face = np.eye(8, dtype=np.float32)
    first, again = (Cohort(rule({"general": 50}), groups).nearness(face) for _ in range(2))
    assert np.array_equal(first, again)


def test_each_recogniser_has_its_share_in_a_similarity() -> None:
    mean = np.array([0.6, 0.0, 0.0, 0.0, 0.8], np.float32)
    cohort = Cohort(rule({"general": 50}, (2, 3), (0.8, 0.2)), {"general": round_group(mean, 1.0)})
    face, same_to_the_first = np.array([[1, 0, 0, 1, 0], [1, 0, 0, 0, -1]], np.float32)
    left, right = cohort.centred(np.stack([face, same_to_the_first]))
    assert left @ left == pytest.approx(1)
    assert left[:2] @ right[:2] == pytest.approx(0.8)
    assert left[2:] @ left[2:] == pytest.approx(0.2)
    assert left[:2] == pytest.approx(np.sqrt(0.8) * np.array([1, 0]))


def test_settings_replace_values_and_nothing_else() -> None:
    text = '# [b]\n[a]\nx = 1 # why\n[b] # x = 0\ny = "old one" # x\nx = 2\n[c]\nx = 4\n'
    changed = '# [b]\n[a]\nx = 1 # why\n[b] # x = 0\ny = "new" # x\nx = 3\n[c]\nx = 4\n'
    assert with_settings(text, {"b": {"x": "3", "y": '"new"'}}) == changed


def test_setting_that_the_manifest_has_elsewhere_only_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"no z in \[a\]"):
        with_settings("[a]\nx = 1\n[b]\nz = 1\n", {"a": {"z": "1"}})


def test_manifest_decides_by_the_threshold_it_names() -> None:
    decision = tomllib.loads(MANIFEST.read_text())["decision"]
    thresholds = load_manifest(MANIFEST).thresholds
    assert thresholds.used == decision[f"threshold_{decision['use']}"]
    assert thresholds.fmr_1e3 < thresholds.fmr_1e4


@pytest.mark.skipif("READER_FACE_DATA" not in os.environ, reason="READER_FACE_DATA names no evaluation pictures")
@pytest.mark.parametrize("name", ["lfw", "lfw_ea", "london"])
def test_shipped_threshold_tells_people_apart_on_real_pictures(name: str) -> None:
    pairs = read_pairs(Path(os.environ["READER_FACE_DATA"]) / "pairs.csv")
    mates = np.flatnonzero((pairs.group == pairs.groups.index(name)) & pairs.same)
    chosen = mates[:: max(1, mates.size // 30)]
    sides = pairs.left[chosen], pairs.right[chosen]
    engine = FaceEngine.load(BUILT, MANIFEST)
    paths = [pairs.path(int(picture)) for side in sides for picture in side]
    found = embed_pictures(paths, MANIFEST, BUILT, print)
    references, lives = (np.stack([found[at + number] for number in range(chosen.size)]) for at in (0, chosen.size))
    match = scores(engine.cohort, references, lives) >= load_manifest(MANIFEST).thresholds.used
    same = np.equal.outer(*(pairs.person[side] for side in sides))
    assert (~same).sum() > 300
    assert match[same].mean() > 0.75
    assert match[~same].mean() < 0.01
