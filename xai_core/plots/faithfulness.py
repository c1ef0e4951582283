"""Faithfulness of heatmaps: scores of methods and their curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .axes import Axis, Plot
from .drawing import Drawing, breadth, legend, mark, segment, text
from .probabilities import percent
from .style import plain

__all__ = [
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
DOTS, CURVES, ROW = 440, 480, 22
"""Widths of both charts, and height of a method's row."""


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
    left, top = breadth([titles[n] for n in listed], 190) + 10, 18 * len(controls) + 6
    low, high = min(worth.values(), default=0), max(worth.values(), default=1)
    pad, rows = 0.06 * max(high - low, 1e-3), [(k + 0.5, titles[n]) for k, n in enumerate(listed)]
    plot = Plot(
        box=(left, top, DOTS - left - 10, ROW * max(len(listed), 1)),
        x=Axis.numbers(
            low - pad, high + pad, "insertion \N{MINUS SIGN} deletion, higher is better"
        ),
        y=Axis(low=max(len(listed), 1), high=0, ticks=rows),
    )
    parts = plot.axes()
    for k, n in enumerate(controls):
        x, _ = plot.at(worth[n], 0)
        side = "start" if x < left + 50 else "end" if x > DOTS - 60 else "middle"
        parts += [
            plot.upright(worth[n], dash=_CONTROLS[n]),
            text(titles[n].lower(), x, top - 10 - 18 * k, anchor=side),
        ]
    for k, n in enumerate(listed):
        chosen = n == emphasised
        colour = theme.CATEGORIES[2 if chosen else 0]
        title = f"{titles[n]}: {plain(worth[n])}"
        parts.append(mark(*plot.at(worth[n], k + 0.5), title, size=6.5 if chosen else 4.5,
                          colour=colour))  # fmt: skip
    return Drawing.of(
        (DOTS, top + plot.box[3] + 44),
        parts,
        columns=("method", "insertion \N{MINUS SIGN} deletion"),
        rows=[(titles[n], plain(worth[n])) for n in [*listed, *controls]],
    )


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
