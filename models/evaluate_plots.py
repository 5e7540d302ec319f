"""Plots of an evaluation: detection error trade-off (DET, ISO/IEC 19795-1) and score histograms, by group."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.evaluate_rates import Comparisons
from models.evaluate_sheet import FONT
from models.figures import false_matches, false_non_matches

_FLOOR = 1e-3
"""FNMR below it, none at all too, is drawn at it: a logarithmic axis has no 0."""
_LEFT = 1e-5
"""The same for FMR."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart with any colour vision (Okabe and Ito)."""
_MARKS = {"1e-3": "o", "1e-4": "s"}
_DASHES = {"1e-3": (0, (6, 3)), "1e-4": (0, (1, 2))}
"""Of the shipped thresholds, by nominal false match rate."""
_BINS = 80


def draw_plots(folder: Path, groups: Mapping[str, Comparisons], shipped: Mapping[str, float]) -> None:
    """Writes det.png and scores.png. `shipped`: the manifest's thresholds by nominal false match rate."""
    font_manager.fontManager.addfont(FONT)
    family = font_manager.FontProperties(fname=FONT).get_name()
    # Hinted, the font loses its underscore at many sizes.
    with matplotlib.rc_context({"font.family": family, "text.hinting": "none"}):
        _det(groups, shipped).savefig(folder / "det.png", dpi=120)
        _histograms(groups, shipped).savefig(folder / "scores.png", dpi=120)


def _det(groups: Mapping[str, Comparisons], shipped: Mapping[str, float]) -> Figure:
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, group) in enumerate(groups.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        impostor = np.sort(group.impostor)[::-1]
        taken = np.unique(np.geomspace(1, impostor.size, 500).astype(int))
        rates = [_rates(group, float(impostor[count - 1])) for count in taken]
        label = f"{name}（本人 genuine {group.genuine.size:,}・他人 impostor {group.impostor.size:,}）"
        axes.plot(*zip(*rates, strict=True), label=label, color=colour)
        for nominal, threshold in shipped.items():
            fmr, fnmr = _rates(group, threshold)
            axes.plot(max(fmr, _LEFT), fnmr, _MARKS[nominal], color=colour, markersize=8)
    axes.set(xscale="log", yscale="log", xlim=(_LEFT * 0.8, 1), ylim=(_FLOOR * 0.85, 1))
    axes.set_xlabel(
        "誤一致率（FMR、他人を本人とする割合） / False match rate\n"
        "左端の印は誤一致なし、下端は誤不一致率0.1 %以下 / Left edge: no false match; bottom: FNMR of 0.1 % or less"
    )
    axes.set_ylabel("誤不一致率（FNMR、本人を他人とする割合） / False non-match rate")
    axes.set_title("DET曲線：群ごとの誤一致率と誤不一致率 / Detection error trade-off by group", fontsize=13)
    axes.grid(which="major", alpha=0.4)
    for nominal in shipped:
        text = f"出荷時のしきい値（FMR {nominal}） / shipped threshold"
        axes.plot([], [], _MARKS[nominal], color="grey", label=text)
    axes.legend(loc="upper right", fontsize=9)
    return figure


def _rates(group: Comparisons, threshold: float) -> tuple[float, float]:
    """FMR and FNMR, as they are drawn."""
    missed = false_non_matches(group.genuine, threshold).value
    return false_matches(group.impostor, threshold).value, max(missed, _FLOOR)


def _histograms(groups: Mapping[str, Comparisons], shipped: Mapping[str, float]) -> Figure:
    figure = Figure(figsize=(9, 0.9 + 2.4 * len(groups)), layout="constrained")
    figure.suptitle("照合スコアの分布 / Distribution of scores", fontsize=13)
    everything = np.concatenate([scores for group in groups.values() for scores in (group.genuine, group.impostor)])
    seen = everything[np.isfinite(everything)]
    edges = np.linspace(seen.min(), seen.max(), _BINS + 1).tolist() if seen.size else [0.0, 1.0]
    rows = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, group) in zip(rows, groups.items(), strict=True):
        _histogram(axes, name, group, edges)
        for nominal, threshold in shipped.items():
            axes.axvline(threshold, color="black", linestyle=_DASHES[nominal], linewidth=1.2)
    rows[-1].set_xlabel("スコア / Score")
    handles = [
        Line2D([], [], color=_COLOURS[0], linewidth=6, alpha=0.6, label="本人 / genuine"),
        Line2D([], [], color=_COLOURS[1], linewidth=6, alpha=0.6, label="他人 / impostor"),
    ]
    for nominal, threshold in shipped.items():
        text = f"出荷時のしきい値 / shipped threshold, FMR {nominal}: {threshold:.4f}"
        handles.append(Line2D([], [], color="black", linestyle=_DASHES[nominal], label=text))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _histogram(axes: Axes, name: str, group: Comparisons, edges: list[float]) -> None:
    """Per cent of the comparisons in each bin; those without a face are in none."""
    for scores, colour in ((group.genuine, _COLOURS[0]), (group.impostor, _COLOURS[1])):
        shares = np.full(scores.size, 100 / scores.size)
        axes.hist(scores, edges, weights=shares, color=colour, alpha=0.6)
    axes.set_yscale("log")
    axes.set_ylabel("割合 / Share, %")
    axes.set_title(f"{name}　本人 genuine {group.genuine.size:,}・他人 impostor {group.impostor.size:,}", fontsize=10)
    axes.grid(alpha=0.3)
