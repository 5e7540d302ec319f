"""Who of a list of pairs, and of a folder, serves for what in a calibration."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from firmware.face.manifest import CohortRule, PinnedFile
from models.calibrate import Plan, check_number, read_plan
from models.calibrate_cohort import members_of, namesakes, read_folder
from models.crossfit import CalibrationError, Members, crossfit_scores
from models.evaluate_pairs import Pairs, read_pairs

HEAD = "path_a,path_b,same,group"
PEOPLE, SIZE = 24, 16


def listed(folder: Path, rows: Iterable[str]) -> Pairs:
    """Pairs of files that are there, but show nothing."""
    (folder / "pairs.csv").write_text("\n".join([HEAD, *rows]), "utf-8")
    for row in rows:
        for path in row.split(",")[:2]:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).touch()
    return read_pairs(folder / "pairs.csv")


def all_against_all(group: str) -> list[str]:
    """References and live pictures of all people: pictures 0, 2, 4... and 1, 3, 5..."""
    people = range(PEOPLE)
    mates = [f"{group}/{one}.jp2,{group}/{one}.png,1,{group}" for one in people]
    return mates + [f"{group}/{a}.jp2,{group}/{b}.png,0,{group}" for a in people for b in people if a != b]


def described(folder: Path, cohort: str, decision: str) -> Path:
    file = folder / "manifest.toml"
    file.write_text(f"[cohort]\ngroups = [{cohort}]\n[decision]\nuse = 'fmr_1e3'\n{decision}", "utf-8")
    return file


def test_pairs_are_scored_by_cohorts_that_know_neither_person(tmp_path: Path) -> None:
    pairs = listed(tmp_path, all_against_all("x"))
    generator = np.random.default_rng(1)
    faces = generator.standard_normal((2 * PEOPLE, SIZE)).astype(np.float32)
    others = generator.standard_normal((40, SIZE)).astype(np.float32)
    rule = CohortRule(PinnedFile("", ""), {"all": 200}, {"all": 0.0}, 1, 5, (SIZE,), (1.0,))
    vectors = dict(enumerate(faces))
    found = []
    for factor in (1.0, 3.0):  # the cohort's faces of person 7 change, and what is compared does not
        crowd = np.concatenate([faces * np.where(pairs.person == 7, np.float32(factor), 1)[:, None], others])
        members = Members(crowd.astype(np.float32), np.concatenate([pairs.person, PEOPLE + np.arange(40)]))
        found.append(crossfit_scores(pairs, vectors, {"all": members}, rule))
    with_7 = (pairs.person[pairs.left] == 7) | (pairs.person[pairs.right] == 7)
    assert np.array_equal(found[0][with_7], found[1][with_7])
    assert (found[0] != found[1]).any()


def test_pair_with_a_picture_without_a_face_has_no_score(tmp_path: Path) -> None:
    pairs = listed(tmp_path, all_against_all("x"))
    faces = np.random.default_rng(1).standard_normal((2 * PEOPLE, SIZE)).astype(np.float32)
    rule = CohortRule(PinnedFile("", ""), {"all": 50}, {"all": 0.0}, 1, 5, (SIZE,), (1.0,))
    vectors = {picture: face for picture, face in enumerate(faces) if picture != 4}
    found = crossfit_scores(pairs, vectors, {"all": Members(faces, pairs.person)}, rule)
    assert np.array_equal(np.isneginf(found), (pairs.left == 4) | (pairs.right == 4))


def test_persons_of_a_folder_are_told_by_its_file_names_unless_the_list_knows_them(tmp_path: Path) -> None:
    pairs = listed(tmp_path, ["people/Ann_Lee_1.png,b.png,1,x", "people/Ann_Lee_1.png,c.png,0,x"])
    for name in ("Ann_Lee_2.png", "Bo_1.png", "Bo_2.png", "Cy.png", "more/Bo_1.png", ".hidden"):
        (tmp_path / "people" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "people" / name).touch()
    folder = read_folder(tmp_path / "people", pairs)
    names = [str(path.relative_to(tmp_path / "people")) for path in folder.others]
    assert names == ["Ann_Lee_2.png", "Bo_1.png", "Bo_2.png", "Cy.png", "more/Bo_1.png"]
    ann, bo, again, cy, elsewhere = folder.persons.tolist()
    assert ann == pairs.person[0]
    assert bo == again and len({ann, bo, cy, elsewhere, *pairs.person.tolist()}) == 2 + 3
    assert folder.pictures.tolist() == [0, 3, 4, 5, 6, 7]


def test_person_who_may_be_in_both_by_the_names_is_told(tmp_path: Path) -> None:
    pairs = listed(tmp_path, ["Ann_1.png,Bo_1.png,0,x", "Ann_1.png,Ann_2.png,1,x", "people/Di_1.png,Ann_2.png,0,x"])
    for name in ("Bo_2.png", "Cy_1.png", "Di_2.png"):
        (tmp_path / "people" / name).touch()
    assert namesakes(read_folder(tmp_path / "people", pairs), pairs) == ["Bo"]


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    pairs = listed(tmp_path, all_against_all("x"))
    with pytest.raises(CalibrationError, match=r"no pictures in .*nowhere"):
        read_folder(tmp_path / "nowhere", pairs)


def test_groups_of_the_cohort_have_the_faces_that_the_manifest_gives_them(tmp_path: Path) -> None:
    pairs = listed(tmp_path, all_against_all("x") + all_against_all("y"))
    (tmp_path / "people").mkdir()
    for number in range(30):
        (tmp_path / f"people/{number}.png").touch()
    folder = read_folder(tmp_path / "people", pairs)
    vectors = {picture: np.full(SIZE, picture, np.float32) for picture in range(4 * PEOPLE + 30) if picture != 3}
    members = members_of({"general": [], "special": ["x"]}, pairs, folder, vectors)
    assert members["general"].vectors[:, 0].tolist() == list(range(4 * PEOPLE, 4 * PEOPLE + 30))
    assert members["special"].vectors[:, 0].tolist() == [number for number in range(2 * PEOPLE) if number != 3]
    assert np.intersect1d(members["general"].persons, pairs.person).size == 0
    with pytest.raises(CalibrationError, match="group special of the cohort has faces of 0 people and needs 20"):
        members_of({"general": [], "special": []}, pairs, folder, vectors)


def test_without_a_choice_impostors_of_all_groups_set_the_thresholds(tmp_path: Path) -> None:
    pairs = listed(tmp_path, all_against_all("x") + all_against_all("y"))
    one, other = "{ name = 'general' }", "{ name = 'special', pairs = ['y'] }"
    plan = read_plan(described(tmp_path, f"{one}, {other}", ""), pairs)
    assert plan == Plan({"general": (), "special": ("y",)}, ("x", "y"), "threshold_fmr_1e3")
    assert read_plan(described(tmp_path, one, "impostors = ['x']"), pairs).impostors == ("x",)


@pytest.mark.parametrize(
    ("cohort", "decision", "where"),
    [
        ("{ name = 'general', pairs = ['x', 'z'] }", "", "group general in .cohort."),
        ("{ name = 'general' }", "impostors = ['z']", "`impostors` in .decision."),
    ],
)
def test_group_that_the_list_lacks_is_named_with_those_it_has(
    tmp_path: Path, cohort: str, decision: str, where: str
) -> None:
    pairs = listed(tmp_path, all_against_all("x") + all_against_all("y"))
    with pytest.raises(CalibrationError, match=f"{where} of .*manifest.toml names z, and .*pairs.csv has .* x, y"):
        read_plan(described(tmp_path, cohort, decision), pairs)


def test_too_few_impostors_for_the_threshold_in_use_are_refused_and_for_another_told() -> None:
    plan = Plan({}, ("x",), "threshold_fmr_1e3")
    with pytest.raises(CalibrationError, match=r"only 999 impostor pairs \(x\) .* 10,000 are enough \(101 people"):
        check_number(999, plan, print)
    said: list[str] = []
    check_number(1000, plan, said.append)
    check_number(100_000, plan, said.append)
    assert [line.split(" is unsure")[0] for line in said] == [
        "warning: threshold_fmr_1e3",
        "warning: threshold_fmr_1e4",
    ]
