"""The list of pairs: what it may hold, and what is said where it cannot be used."""

from pathlib import Path

import numpy as np
import pytest

from models.evaluate import comparisons
from models.evaluate_pairs import Pairs, PairsError, read_pairs

HEAD = "path_a,path_b,same,group"


def written(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """A list, with every picture that it names."""
    for name in "abcdef":
        (folder / f"{name}.jpg").touch()
    file = folder / "pairs.csv"
    file.write_text("\n".join(lines) + "\n", encoding)
    return file


def same_person(pairs: Pairs, a: str, b: str) -> bool:
    return bool(pairs.person[pairs.pictures.index(a)] == pairs.person[pairs.pictures.index(b)])


def test_each_picture_is_held_once_and_may_stand_in_both_columns(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, HEAD, "a.jpg,b.jpg,1,x", "b.jpg,c.jpg,0,x", "c.jpg,a.jpg,0,x"))
    assert pairs.pictures == ("a.jpg", "b.jpg", "c.jpg")
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([0, 1, 2], [1, 2, 0])
    assert pairs.same.tolist() == [True, False, False]
    assert pairs.path(0) == tmp_path / "a.jpg"


def test_pictures_joined_over_others_are_of_one_person(tmp_path: Path) -> None:
    pairs = read_pairs(
        written(tmp_path, HEAD, "a.jpg,b.jpg,1,x", "c.jpg,b.jpg,1,x", "d.jpg,a.jpg,0,x", "e.jpg,d.jpg,1,x")
    )
    assert same_person(pairs, "a.jpg", "c.jpg") and same_person(pairs, "d.jpg", "e.jpg")
    assert not same_person(pairs, "a.jpg", "d.jpg")


def test_persons_named_in_the_list_are_believed(tmp_path: Path) -> None:
    head = f"{HEAD},person_a,person_b"
    pairs = read_pairs(written(tmp_path, head, "a.jpg,b.jpg,1,x,P,P", "c.jpg,d.jpg,1,x,P,P", "a.jpg,e.jpg,0,x,P,Q"))
    assert same_person(pairs, "a.jpg", "d.jpg")
    assert not same_person(pairs, "a.jpg", "e.jpg")


def test_list_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    lines = ("path_a, path_b ,same,group,remark", "a.jpg,b.jpg, 1 ,東京,x", "a.jpg,c.jpg,0,東京,")
    pairs = read_pairs(written(tmp_path, *lines, encoding="utf-8-sig"))
    assert pairs.groups == ("東京",)


def test_two_persons_that_other_lines_join_are_found(tmp_path: Path) -> None:
    pairs = read_pairs(
        written(tmp_path, HEAD, "a.jpg,b.jpg,1,x", "b.jpg,c.jpg,1,x", "a.jpg,c.jpg,0,x", "a.jpg,d.jpg,0,x")
    )
    assert pairs.line[pairs.contradictory].tolist() == [4]


def test_comparisons_of_a_group_keep_their_scores_and_persons(tmp_path: Path) -> None:
    rows = ("a.jpg,b.jpg,1,x", "c.jpg,d.jpg,1,y", "b.jpg,c.jpg,0,x", "a.jpg,e.jpg,0,y")
    pairs = read_pairs(written(tmp_path, HEAD, *rows))
    person = {name: int(pairs.person[pairs.pictures.index(f"{name}.jpg")]) for name in "abcde"}
    x = comparisons(pairs, np.array([0.1, 0.2, 0.3, 0.4]), pairs.group == 0)
    assert (x.genuine.tolist(), x.impostor.tolist()) == ([0.1], [0.3])
    assert x.genuine_person.tolist() == [person["a"]]
    assert x.impostor_persons.tolist() == [[person["b"]], [person["c"]]]
    assert comparisons(pairs, np.zeros(4), np.ones(4, np.bool_)).persons == 3


GENUINE, IMPOSTOR = "a.jpg,b.jpg,1,x", "a.jpg,c.jpg,0,x"


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ([""], 1, "no column path_a, path_b, same, group"),
        (["path_a,path_b,same", "a.jpg,b.jpg,1"], 1, "no column group: the first line must name"),
        ([f"{HEAD},person_a", f"{GENUINE},P"], 1, "no column person_b"),
        ([HEAD], 1, "no pair follows"),
        ([HEAD, GENUINE, "a.jpg,c.jpg,no,x"], 3, "same is 'no': write 1 for one person, 0 for two"),
        ([HEAD, GENUINE, "a.jpg,c.jpg,0"], 3, "group is empty: fill it in"),
        ([HEAD, GENUINE, ",c.jpg,0,x"], 3, "path_a is empty"),
        ([HEAD, GENUINE, IMPOSTOR, "a.jpg,b.jpg,1,y"], 4, "group y has no impostor (same = 0) pair"),
        ([HEAD, GENUINE, IMPOSTOR, "a.jpg,d.jpg,0,y"], 4, "group y has no genuine (same = 1) pair"),
        ([HEAD, GENUINE, IMPOSTOR, "z.jpg,d.jpg,0,x", "d.jpg,y.jpg,0,x"], 4, "z.jpg, and 1 others are missing too"),
        ([HEAD, GENUINE, "a.jpg,../z.jpg,0,x"], 3, "z.jpg: paths are relative to the folder of the list"),
        ([f"{HEAD},person_a,person_b", f"{GENUINE},P,Q"], 2, "same is 1, and person_a and person_b say otherwise"),
        ([f"{HEAD},person_a,person_b", f"{IMPOSTOR},P,P"], 2, "same is 0, and person_a and person_b say otherwise"),
        (
            [f"{HEAD},person_a,person_b", f"{GENUINE},P,P", "b.jpg,c.jpg,0,x,Q,P"],
            3,
            "b.jpg is of two persons, 'P' and 'Q': correct person_a",
        ),
    ],
)
def test_list_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], line: int, said: str
) -> None:
    file = written(tmp_path, *lines)
    with pytest.raises(PairsError) as refused:
        read_pairs(file)
    assert str(refused.value).startswith(f"{file}, line {line}: ")
    assert said in str(refused.value)


def test_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="save the list as CSV UTF-8"):
        read_pairs(written(tmp_path, HEAD, GENUINE, "a.jpg,c.jpg,0,東京", encoding="cp932"))


def test_list_with_a_field_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="not CSV"):
        read_pairs(written(tmp_path, HEAD, '"' + "a" * 200_000))
