"""A contact sheet of the worst errors of an evaluation. It shows the people on the pictures: not to be passed on."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from models.evaluate_pairs import Indices, Pairs

FONT = Path("/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Regular.ttf")
_WORST = 6
"""Comparisons of each kind and group; of the same two people only the worst one."""
_SIDE = 130
_CELL = (2 * _SIDE + 10, _SIDE + 58)
_GAP = 12
_SMALL, _LARGE, _WARNING = 13, 15, 26
"""Pixels of type. At 12, 16 to 20 and 27 the font loses its underscore, which file names have."""
_TOP, _TITLE = 84, 32
_RED, _BLACK, _GREY, _BACK = "#b00020", "#101010", "#505050", "#eeeeee"


def draw_sheet(folder: Path, pairs: Pairs, scores: NDArray[np.float64], shipped: Mapping[str, float]) -> None:
    """Writes errors.png: by group the genuine comparisons with the lowest scores, the impostor ones with the highest.

    `shipped`: the manifest's thresholds by nominal false match rate.
    """
    rows = list(_rows(pairs, scores))
    step = _CELL[0] + _GAP, _TITLE + _CELL[1] + _GAP
    sheet = Image.new("RGB", (_WORST * step[0] + _GAP, _TOP + len(rows) * step[1]), "white")
    draw = ImageDraw.Draw(sheet)
    warning = "個人の顔写真です。外部に渡さないこと。 / Shows people's faces: not to be passed on."
    draw.text((_GAP, 10), warning, _RED, ImageFont.truetype(FONT, _WARNING))
    limits = "、".join(f"{threshold:.4f}（FMR {nominal}）" for nominal, threshold in shipped.items())
    explained = (
        f"群ごとに最も悪い照合。同じ人どうしは1組だけ。赤：{limits}のいずれかのしきい値で誤り / "
        "Worst comparisons by group, one for each two people; red: wrong at a shipped threshold"
    )
    draw.text((_GAP, 52), explained, _GREY, ImageFont.truetype(FONT, _LARGE))
    for row, (title, chosen) in enumerate(rows):
        top = _TOP + row * step[1]
        draw.text((_GAP, top + 6), title, _BLACK, ImageFont.truetype(FONT, _LARGE))
        for column, pair in enumerate(chosen):
            wrong = any(pairs.same[pair] != (scores[pair] >= threshold) for threshold in shipped.values())
            cell = _cell(pairs, pair, scores[pair], _RED if wrong else _BLACK)
            sheet.paste(cell, (_GAP + column * step[0], top + _TITLE))
    sheet.save(folder / "errors.png")


def _rows(pairs: Pairs, scores: NDArray[np.float64]) -> Iterator[tuple[str, list[int]]]:
    order = np.argsort(scores, kind="stable")
    for number, name in enumerate(pairs.groups):
        inside = order[pairs.group[order] == number]
        lowest, highest = inside[pairs.same[inside]], inside[~pairs.same[inside]][::-1]
        yield f"{name}：本人でスコアが最も低い組 / genuine, lowest scores", _one_of_each(pairs, lowest)
        yield f"{name}：他人でスコアが最も高い組 / impostor, highest scores", _one_of_each(pairs, highest)


def _one_of_each(pairs: Pairs, order: Indices) -> list[int]:
    """The first pairs of different people."""
    chosen: dict[frozenset[int], int] = {}
    for pair in order:
        people = frozenset(int(pairs.person[side[pair]]) for side in (pairs.left, pairs.right))
        chosen.setdefault(people, int(pair))
        if len(chosen) == _WORST:
            break
    return list(chosen.values())


def _cell(pairs: Pairs, pair: int, score: float, colour: str) -> Image.Image:
    cell = Image.new("RGB", _CELL, _BACK)
    draw = ImageDraw.Draw(cell)
    words = f"{score:+.4f}" if np.isfinite(score) else "顔なし / no face"
    draw.text((4, _SIDE + 6), words, colour, ImageFont.truetype(FONT, _LARGE))
    small = ImageFont.truetype(FONT, _SMALL)
    for number, picture in enumerate((int(pairs.left[pair]), int(pairs.right[pair]))):
        with Image.open(pairs.path(picture)) as opened:
            shown = ImageOps.pad(ImageOps.exif_transpose(opened).convert("RGB"), (_SIDE, _SIDE), color=_BACK)
        cell.paste(shown, (4 + number * (_SIDE + 2), 4))
        draw.text((4, _SIDE + 26 + number * 15), _shortened(pairs.pictures[picture], small), _GREY, small)
    return cell


def _shortened(name: str, font: ImageFont.FreeTypeFont) -> str:
    """The end of a name that is too long: folders matter least."""
    while font.getlength(name) > _CELL[0] - 12:
        name = "…" + name.removeprefix("…")[1:]
    return name
