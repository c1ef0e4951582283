"""Faithfulness of heatmaps: scores of methods and their curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .axes import Axis, Plot
from .drawing import Drawing, breadth, legend, mark, rectangle, segment, text
from .probabilities import percent
from .style import plain

__all__ = [
    "checks",
    "curves",
    "dots",
    "words",
]

SCORES = {
    "insertion": ("insertion ↑", "Area under p as pixels are inserted; high is good."),
    "deletion": ("deletion ↓", "Area under p as pixels are removed; low is good."),
    "infidelity": ("infidelity ↓", "Share of the output's changes it does not predict."),
    "sensitivity": ("max-sensitivity ↓", "Largest relative change under noise of 0.02; a constant "
                    "map has 0, so do not use it alone."),
    "gap": ("gap ↓", "Completeness error of complete methods, as a share of the change."),
    "sparsity": ("sparsity", "Gini index of the map: 0 all pixels equal, 1 a single pixel."),
    "randomisation": ("randomised model ↓", "Rank correlation with the map of the same network "
                      "with random weights: near 0 if it reads what was learned."),
    "class_sensitivity": ("other class ↓", "Rank correlation with the map for the second best "
                          "class: near 0 if it answers the question asked."),
}  # fmt: skip
"""Columns of the table: name and meaning."""
_CONTROLS = {"random": "dot", "edges": "dash"}
"""Maps that ignore the model, and how their lines are drawn."""
DOTS, CHECKS, CURVES, ROW, ICON = 440, 720, 480, 22, 48
"""Widths of the charts, height of a method's row, and width of a check's column."""


def words(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Write the scores with their 95 % intervals, a dash where one is not defined.

    Args:
        table: Table with columns such as insertion, insertion_low and insertion_high.
        titles: Names of the methods, by their keys.
    """
    known = table["method"].isin(list(_CONTROLS)).to_numpy()
    verdict = ["no check failed" if ok else f"do not trust: {why}"
               for ok, why in zip(table["trusted"], table["reasons"], strict=True)]  # fmt: skip
    blind = [
        f"control (ignores the model){', fails no check either' if ok else ''}"
        for ok in table["trusted"]
    ]
    shown = {
        "method": [titles[name] for name in table["method"]],
        "verdict": np.where(known, blind, verdict),
    }
    for name, (title, _) in SCORES.items():
        shown[title] = np.array(
            [
                "-" if np.isnan(m) else f"{m:.2f}  [{low:.2f}, {high:.2f}]"
                for m, low, high in table[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
            ]
        )
    return pd.DataFrame(shown | {"seconds": table["seconds"].to_numpy()})


def dots(worth: Mapping[str, Number], titles: Mapping[str, str], *, emphasised: str) -> Drawing:
    """Draw insertion minus deletion of each method as a dot; the controls are lines.

    Args:
        worth: Insertion minus deletion by method; "random" and "edges" are the controls.
        titles: Names of the methods, by their keys.
        emphasised: The method drawn with emphasis.
    """
    listed = sorted((n for n in worth if n not in _CONTROLS), key=worth.__getitem__, reverse=True)
    controls = [n for n in _CONTROLS if n in worth]
    values = [*worth.values()] or [0, 1]
    plot = _ranking([titles[n] for n in listed], len(controls), values, DOTS - 10)
    parts = plot.axes()
    for k, n in enumerate(controls):
        parts += _control(plot, k, n, titles[n], worth[n], plot.at(worth[n], 0)[0])
    for k, n in enumerate(listed):
        chosen = n == emphasised
        colour = theme.CATEGORIES[2 if chosen else 0]
        title = f"{titles[n]}: {plain(worth[n])}"
        parts.append(mark(*plot.at(worth[n], k + 0.5), title, size=6.5 if chosen else 4.5,
                          colour=colour))  # fmt: skip
    return Drawing.of(
        (DOTS, plot.box[1] + plot.box[3] + 44),
        parts,
        columns=("method", "insertion \N{MINUS SIGN} deletion"),
        rows=[(titles[n], plain(worth[n])) for n in [*listed, *controls]],
    )


def checks(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    named: Mapping[str, str],
    *,
    emphasised: str,
) -> Drawing:
    """Draw insertion minus deletion of each method over images, and which checks it passes.

    A filled dot is the mean where the model fills removed pixels, with its 95 % interval; a ring
    the mean where the mean train image fills them. The intervals of the controls are bands.

    Args:
        table: Table with the columns merit, merit_low, merit_high, neutral_merit, passed, failed.
        titles: Names of the methods, by their keys.
        named: A few words on each check, by its key.
        emphasised: The method drawn with emphasis.
    """
    known = table["method"].isin(list(_CONTROLS))
    listed = table[~known].sort_values("merit", ascending=False).to_dict("records")
    controls = table[known].to_dict("records")
    values = table[["merit_low", "merit_high", "neutral_merit"]].to_numpy().ravel()
    names = [titles[row["method"]] for row in listed]
    plot = _ranking(names, len(controls), values, CHECKS - ICON * len(named) - 10)
    left, top = plot.box[:2]
    right, bottom = plot.box[0] + plot.box[2], top + plot.box[3]
    parts = plot.axes()
    for k, row in enumerate(controls):
        (start, _), (end, _) = plot.at(row["merit_low"], 0), plot.at(row["merit_high"], 0)
        title = f"{titles[row['method']]}: {_with_interval(row)}"
        band = (start, top, max(end - start, 1), plot.box[3])
        name = row["method"]
        parts.append(rectangle(band, "currentColor", title, opacity=0.14))
        parts += _control(plot, k, name, titles[name], row["merit"], (start + end) / 2)
    for k, row in enumerate(listed):
        chosen = row["method"] == emphasised
        colour, middle = theme.CATEGORIES[2 if chosen else 0], k + 0.5
        ends = [plot.at(row[name], middle) for name in ("merit_low", "merit_high")]
        title = f"{titles[row['method']]}: {_with_interval(row)}"
        other = f"{titles[row['method']]}, mean image fills: {plain(row['neutral_merit'])}"
        parts += [
            segment(ends, colour=colour, width=2, opacity=0.6),
            mark(*plot.at(row["neutral_merit"], middle), other, size=4.5, colour="transparent",
                 edge=colour),
            mark(*plot.at(row["merit"], middle), title, size=6.5 if chosen else 4.5,
                 colour=colour),
        ]  # fmt: skip
        for n, check in enumerate(named):
            words = _icon(row, check)
            place = right + 14 + ICON * (n + 0.5)
            parts.append(text(words, place, plot.at(row["merit"], middle)[1], anchor="middle"))
    parts += [
        text(check, right + 14 + ICON * (n + 0.5), bottom + 12, anchor="middle")
        for n, check in enumerate(named)
    ]
    samples = [
        (mark(0, 0, size=4.5, colour=theme.CATEGORIES[0]), "model fills removed pixels"),
        (mark(0, 0, size=4.5, colour="transparent", edge=theme.CATEGORIES[0]),
         "mean image fills them"),
    ]  # fmt: skip
    entries, more = legend(samples, left, bottom + 44, CHECKS - left)
    return Drawing.of(
        (CHECKS, bottom + 48 + more),
        [*parts, *entries],
        columns=("method", "model fills", "mean image fills", *named.values()),
        rows=[
            (titles[row["method"]], _with_interval(row), plain(row["neutral_merit"]),
             *(_icon(row, check) for check in named))
            for row in [*listed, *controls]
        ],
    )  # fmt: skip


def _ranking(
    names: Sequence[str], controls: int, values: Sequence[Number] | NDArray[np.floating],
    right: Number,
) -> Plot:  # fmt: skip
    """Return a plot with a row per method, and room above it for the names of controls."""
    left, low, high = breadth(names, 190) + 10, float(min(values)), float(max(values))
    pad = 0.06 * max(high - low, 1e-3)
    rows = max(len(names), 1)
    return Plot(
        box=(left, 18 * controls + 6, right - left, ROW * rows),
        x=Axis.numbers(
            low - pad, high + pad, "insertion \N{MINUS SIGN} deletion, higher is better"
        ),
        y=Axis(low=rows, high=0, ticks=[(k + 0.5, name) for k, name in enumerate(names)]),
    )


def _control(
    plot: Plot, number: int, method: str, title: str, value: Number, place: Number
) -> list[str]:
    """Draw the line of a control, and its name above the plot."""
    left, top, width, _ = plot.box
    side = "start" if place < left + 50 else "end" if place > left + width - 50 else "middle"
    return [
        plot.upright(value, dash=_CONTROLS[method]),
        text(title.lower(), place, top - 10 - 18 * number, anchor=side),
    ]


def _with_interval(row: Mapping[str, Any]) -> str:
    return f"{plain(row['merit'])} [{plain(row['merit_low'])}, {plain(row['merit_high'])}]"


def _icon(row: Mapping[str, Any], check: str) -> str:
    """Return whether a method passes a check; a dash where it does not apply."""
    if check in row["failed"].split():
        return "\N{BALLOT X}"
    return "\N{CHECK MARK}" if check in row["passed"].split() else "\N{EN DASH}"


def curves(
    by_method: Mapping[str, NDArray[np.floating]],
    shares: Sequence[Number],
    titles: Mapping[str, str],
    *,
    emphasised: str,
    axis: str,
) -> Drawing:
    """Draw p over the share of pixels: one method thick, the controls dashed, others faint.

    Args:
        by_method: Mean curves.
        shares: Shares of the pixels, rising from 0 to 1.
        titles: Names of the methods, by their keys.
        emphasised: The method drawn with emphasis.
        axis: Label of the axis of pixels.
    """
    along = np.asarray(shares, float)
    plot = Plot(
        box=(60, 4, CURVES - 70, 230),
        x=Axis.shares(axis),
        y=Axis.shares("p of the decision", pad=0.04),
    )
    parts, entries = plot.axes(), []
    for name in sorted(by_method, key=lambda n: (n == emphasised, n in _CONTROLS)):
        chosen, dash = name == emphasised, _CONTROLS.get(name, "")
        colour = theme.CATEGORIES[2] if chosen else "currentColor"
        width, opacity = (3, 1) if chosen else (1.5, 1 if dash else 0.22)
        how: dict[str, Any] = {"colour": colour, "width": width, "dash": dash}
        parts.append(plot.line(along, by_method[name], titles[name], opacity=opacity, **how))
        if chosen or dash:
            entries.append((segment([(-10, 0), (10, 0)], **how), titles[name]))
    listed, high = legend(entries, 60, 278, CURVES - 70)
    return Drawing.of(
        (CURVES, 278 + high),
        [*parts, *listed],
        columns=("pixels", *(titles[n] for n in by_method)),
        rows=[
            (f"{100 * x:.0f} %", *(percent(curve[k]) for curve in by_method.values()))
            for k, x in enumerate(along)
        ],
    )
