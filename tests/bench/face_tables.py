"""Lines of the face benchmark: error rates with 95 % bounds by Clopper and Pearson, each beside its goal."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from face_degraded import AS_IT_IS, MOST_LIVES
from face_rates import OURS, PEER, TOLERANCE, Compared

from firmware.face.manifest import Thresholds
from firmware.flows.face_worker import FRAMES_FUSED
from models.evaluate_rates import NOMINAL
from models.figures import Rate, Scores, false_matches, false_non_matches, threshold_at

GOALS = {"lfw_ea": {"1e-3": 4.0, "1e-4": 10.0}, "lfw": {"1e-3": 2.5, "1e-4": 6.0}, "nuaa": {"1e-3": 0.5, "1e-4": 1.5}}
"""Most FNMR in per cent, at the group's own threshold."""
SHIPPED_GOALS = {"lfw_ea": {"1e-3": 6.0}}
"""Likewise, at the shipped threshold."""
MOST_TIMES = 3
"""The nominal FMR, at the shipped threshold."""
FUSED_GOAL = 3.0
"""Per cent at 1e-4: what FIDO asks of biometric components."""
SETS = 50
"""Sets of camera pictures drawn from each session."""


def accuracy_lines(compared: Compared, shipped: Thresholds) -> Iterator[str]:
    """By group, at the group's own thresholds, then with ours as shipped and face_recognition's default."""
    yield "error rates, full cross of each group; ours against cohorts that do not know the pair's persons"
    for group in compared.pairs.groups:
        both = {who: compared.of(who, group) for who in (OURS, PEER)}
        genuine, impostor = both[OURS]
        yield f"{group}: {genuine.size} genuine, {impostor.size:,} impostor pairs; " + ", ".join(
            f"{who} sees no face in {np.isneginf(one[0]).sum()} and {np.isneginf(one[1]).sum():,}"
            for who, one in both.items()
        )
        for nominal, rate in NOMINAL.items():
            found = {who: own(*scores, rate) for who, scores in both.items()}
            few = " (too few impostors for it)" if impostor.size * rate < 1 else ""
            yield _row(f"FNMR % at FMR {nominal}{few}", found, 100, GOALS.get(group, {}).get(nominal))
        for nominal, threshold in {"1e-3": shipped.fmr_1e3, "1e-4": shipped.fmr_1e4}.items():
            given = {OURS: threshold, PEER: -TOLERANCE}
            found = {who: false_matches(both[who][1], given[who]) for who in both}
            yield _row(f"FMR per 1,000, as shipped for {nominal}", found, 1000, 1000 * NOMINAL[nominal] * MOST_TIMES)
            found = {who: false_non_matches(both[who][0], given[who]) for who in both}
            yield _row(f"FNMR %, as shipped for {nominal}", found, 100, SHIPPED_GOALS.get(group, {}).get(nominal))


def fused_lines(compared: Compared, group: str) -> Iterator[str]:
    """Ours, one camera picture against the mean over several of one session."""
    one, several = compared.of(OURS, group), fused(compared, group)
    yield (
        f"{group}: {FRAMES_FUSED} pictures of one session fused, {SETS} sets drawn of each, which overlap:"
        f" {several[0].size:,} genuine, {several[1].size:,} impostor sets of {one[0].size} and {one[1].size:,} pairs"
    )
    for nominal, rate in NOMINAL.items():
        few = " (too few impostors for it)" if one[1].size * rate < 1 else ""
        found = {"fused": own(*several, rate), "single": own(*one, rate)}
        yield _row(f"FNMR % at FMR {nominal}{few}", found, 100, FUSED_GOAL if nominal == "1e-4" else None)


def fused(compared: Compared, group: str) -> tuple[Scores, Scores]:
    """Means of the scores of each reference with sets of camera pictures: genuine, impostor."""
    pairs, scores = compared.pairs, compared.scores[OURS]
    inside = np.flatnonzero(pairs.group == pairs.groups.index(group))
    sessions = np.array([Path(pairs.pictures[picture]).stem.rpartition("_")[0] for picture in pairs.right[inside]])
    generator = np.random.default_rng(5)
    found: dict[bool, list[float]] = {True: [], False: []}
    for reference, session in product(np.unique(pairs.left[inside]), np.unique(sessions)):
        chosen = inside[(pairs.left[inside] == reference) & (sessions == session)]
        if chosen.size < FRAMES_FUSED:
            continue
        for _ in range(SETS):
            drawn = generator.choice(chosen, FRAMES_FUSED, replace=False)
            found[bool(pairs.same[drawn[0]])].append(float(scores[drawn].mean()))
    return np.array(found[True]), np.array(found[False])


def degraded_lines(compared: Compared, shipped: Thresholds) -> Iterator[str]:
    """By group and degradation, at FMR 1e-3: of the group so degraded, and ours with the shipped threshold."""
    most = ", ".join(f"{group} {count}" for group, count in MOST_LIVES.items())
    yield f"FNMR % of degraded pictures at FMR 1e-3 (camera pictures used, at most: {most}); no face: genuine pairs"
    yield f"{'':<30} {OURS:>22} {PEER:>22} {'no face':>9} {'ours as delivered':>22} {'FMR/1000':>9}"
    for name in compared.pairs.groups:
        group, how = name.split(": ")
        (genuine, impostor), theirs = compared.of(OURS, name), compared.of(PEER, name)
        if how == AS_IT_IS:
            yield f"{group}: {genuine.size} genuine, {impostor.size:,} impostor pairs"
        cells = (
            own(genuine, impostor, 1e-3).bounded(100),
            own(*theirs, 1e-3).bounded(100),
            f"{np.isneginf(genuine).sum()}, {np.isneginf(theirs[0]).sum()}",
            false_non_matches(genuine, shipped.fmr_1e3).bounded(100),
            f"{false_matches(impostor, shipped.fmr_1e3).value * 1000:.2f}",
        )
        yield f"  {how:<28} {cells[0]:>22} {cells[1]:>22} {cells[2]:>9} {cells[3]:>22} {cells[4]:>9}"


def own(genuine: Scores, impostor: Scores, rate: float) -> Rate:
    """FNMR at the threshold at which so many of these impostors match."""
    return false_non_matches(genuine, threshold_at(impostor, rate))


def _row(name: str, found: dict[str, Rate], unit: int, goal: float | None) -> str:
    """The first one is held to the goal."""
    cells = "   ".join(f"{who} {rate.bounded(unit):<24}" for who, rate in found.items())
    line = f"  {name:<46} {cells}"
    if goal is None:
        return line.rstrip()
    value = next(iter(found.values())).value * unit
    return f"{line}   goal <= {goal:g}: {'met' if value <= goal else 'NOT MET'}"
