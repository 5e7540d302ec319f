"""Error rates of a group of people, against direct calculations of the definitions."""

from itertools import islice

import numpy as np
import pytest

from models.evaluate_rates import NOMINAL, RESAMPLES, Comparisons, group_report, person_draws, resample
from models.figures import Rate, threshold_at

SHIPPED = {"1e-3": 2.0, "1e-4": 2.5}


def comparisons(
    genuine: list[float] | np.ndarray, impostor: list[float] | np.ndarray, persons: int = 30
) -> Comparisons:
    genuine, impostor = np.array(genuine, np.float64), np.array(impostor, np.float64)
    first = np.arange(impostor.size) % persons
    second = (first + 1 + np.arange(impostor.size) // persons % (persons - 1)) % persons
    return Comparisons(genuine, impostor, np.arange(genuine.size) % persons, np.stack([first, second]))


def drawn(seed: int, genuine: int, impostor: int, decimals: int = 2) -> Comparisons:
    """Rounded, so that many scores are equal."""
    generator = np.random.default_rng(seed)
    return comparisons(
        (generator.standard_normal(genuine) + 3).round(decimals), generator.standard_normal(impostor).round(decimals)
    )


@pytest.mark.parametrize("decimals", [0, 1, 2, 9])
@pytest.mark.parametrize("impostor", [100, 1_000, 20_000])
def test_rates_are_those_counted_at_every_threshold(decimals: int, impostor: int) -> None:
    group = drawn(decimals, 400, impostor, decimals)
    report = group_report(group, SHIPPED)
    thresholds = np.nextafter(np.unique(np.concatenate([group.genuine, group.impostor])), np.inf)
    fmr = np.array([(group.impostor >= threshold).mean() for threshold in thresholds])
    for name, nominal in NOMINAL.items():
        own, shipped = report["fnmr_at_fmr"][name], report["shipped"][name]
        smallest = thresholds[fmr <= nominal].min()
        assert own["fnmr"] == (group.genuine < smallest).mean()
        assert own["fmr"] == (group.impostor >= own["threshold"]).mean() <= nominal
        assert shipped["fmr"] == (group.impostor >= SHIPPED[name]).mean()
        assert shipped["fnmr"] == (group.genuine < SHIPPED[name]).mean()


def test_score_at_the_shipped_threshold_matches() -> None:
    report = group_report(comparisons([2.0, 1.9], [2.0, 1.9, 0.0, 0.0]), SHIPPED)
    assert (report["shipped"]["1e-3"]["fnmr"], report["shipped"]["1e-3"]["fmr"]) == (0.5, 0.25)


def test_equal_scores_of_impostors_stay_below_the_threshold_together() -> None:
    report = group_report(comparisons([0.5, 0.7], [0.5] * 3 + [0.0] * 1997), SHIPPED)
    own = report["fnmr_at_fmr"]["1e-3"]
    assert (own["fmr"], own["fnmr"]) == (0, 0.5)


def test_bounds_are_exact_where_nothing_and_where_everything_is_refused() -> None:
    for genuine, missed in ((9.0, 0), (-9.0, 51)):
        own = group_report(comparisons([genuine] * 51, np.zeros(2000)), SHIPPED)["fnmr_at_fmr"]["1e-3"]
        assert (own["low"], own["high"]) == Rate(missed, 51).bounds()
        assert own["fnmr"] == own["bootstrap_low"] == own["bootstrap_high"] == missed / 51


def test_all_impostors_matching_are_counted_in_little_time() -> None:
    shipped = group_report(comparisons([9.0] * 50, np.full(200_000, 9.0)), SHIPPED)["shipped"]["1e-3"]
    assert (shipped["fmr"], shipped["fmr_high"]) == (1, 1)
    assert shipped["fmr_low"] > 0.9999
    low, high = Rate(100_000, 200_000).bounds()
    assert (low, high) == pytest.approx((0.49781, 0.50219), abs=1e-5)


def test_a_hundred_impostors_give_figures_that_say_how_little_they_show() -> None:
    report = group_report(drawn(1, 100, 100), SHIPPED)["fnmr_at_fmr"]
    group = drawn(1, 100, 100)
    for own in report.values():
        assert own["too_few_impostors"]
        assert own["fmr"] == 0
        assert own["fmr_high"] == pytest.approx(0.0362, abs=1e-4)
        assert own["fnmr"] == (group.genuine <= group.impostor.max()).mean()
    assert not group_report(drawn(1, 100, 1000), SHIPPED)["fnmr_at_fmr"]["1e-3"]["too_few_impostors"]


def test_without_a_face_the_genuine_are_refused_and_the_impostors_counted() -> None:
    none = -np.inf
    report = group_report(comparisons([9.0, none, 9.0, none], [none, *[0.0] * 1999]), SHIPPED)
    assert (report["genuine"], report["impostor"], report["no_face"]) == (4, 2000, 3)
    assert all(own["fnmr"] == 0.5 for own in report["fnmr_at_fmr"].values())
    assert all(shipped["fnmr"] == 0.5 for shipped in report["shipped"].values())


def test_without_any_face_everybody_is_refused() -> None:
    report = group_report(comparisons([-np.inf] * 3, [-np.inf] * 3), SHIPPED)
    assert report["fnmr_at_fmr"]["1e-3"]["fnmr"] == report["shipped"]["1e-3"]["fnmr"] == 1
    assert report["shipped"]["1e-3"]["fmr"] == 0


@pytest.mark.parametrize(("persons", "decimals"), [(30, 2), (2, 9)])
def test_persons_drawn_twice_count_as_if_their_comparisons_stood_there_twice(persons: int, decimals: int) -> None:
    scores = drawn(2, 300, 5000, decimals)
    group = comparisons(scores.genuine, scores.impostor, persons)
    within_one = np.arange(5000) < 1000 * (persons > 2)  # labels that contradict each other
    group.impostor_persons[1, within_one] = group.impostor_persons[0, within_one]
    result = resample(group, SHIPPED)
    for number, times in enumerate(islice(person_draws(persons), 25)):
        first, second = times[group.impostor_persons]
        genuine = np.repeat(group.genuine, times[group.genuine_person])
        impostor = np.repeat(group.impostor, np.where(within_one, first, first * second))
        for name, nominal in NOMINAL.items():
            if impostor.size:
                assert result.own_fnmr[name][number] == (genuine < threshold_at(impostor, nominal)).mean()
                assert result.shipped_fmr[name][number] == (impostor >= SHIPPED[name]).mean()
                assert result.shipped_fnmr[name][number] == (genuine < SHIPPED[name]).mean()
            else:
                assert np.isnan(result.own_fnmr[name][number])


def test_as_many_false_matches_as_allowed_are_allowed_in_a_draw_too() -> None:
    draws = resample(comparisons([7.5, 7.5], [9.0, 8.0, 7.0] + [0.0] * 1997, persons=2), SHIPPED).own_fnmr["1e-3"]
    assert set(draws[~np.isnan(draws)]) == {0.0}


def test_few_persons_in_many_comparisons_widen_the_bounds_by_person_alone() -> None:
    scores = np.repeat([9.0, 9.0, 9.0, -9.0], 100)
    people = np.repeat(np.arange(4), 100)
    impostors = np.zeros(2000), np.stack([np.arange(2000) % 4, (np.arange(2000) + 1) % 4])
    own = group_report(Comparisons(scores, impostors[0], people, impostors[1]), SHIPPED)["fnmr_at_fmr"]["1e-3"]
    assert own["high"] - own["low"] < 0.1
    assert own["bootstrap_low"] == 0 and own["bootstrap_high"] >= 0.75


def test_one_person_alone_has_genuine_comparisons_and_no_bounds_by_person_where_none_can_be_drawn() -> None:
    people = np.array([[0], [1]])
    draws = resample(Comparisons(np.array([9.0]), np.array([0.0]), np.array([0]), people), SHIPPED)
    values = draws.own_fnmr["1e-3"]
    assert values.size == RESAMPLES
    assert set(values[~np.isnan(values)]) == {0.0}
    assert 0.4 < np.isnan(values).mean() < 0.6  # both persons are drawn in half of the draws
