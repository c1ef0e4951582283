"""Faithfulness of heatmaps: scores of methods and their curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .style import styled

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


def dots(
    worth: Mapping[str, Number], titles: Mapping[str, str], dark: bool, *, emphasised: str
) -> go.Figure:
    """Draw insertion minus deletion of each method as a dot; the controls are lines.

    Args:
        worth: Insertion minus deletion by method; "random" and "edges" are the controls.
        titles: Names of the methods, by their keys.
        dark: Whether the page has a dark theme.
        emphasised: The method drawn with emphasis.
    """
    listed = sorted((n for n in worth if n not in _CONTROLS), key=worth.__getitem__)
    ink = theme.ink(dark)
    trace = go.Scatter(
        x=[worth[n] for n in listed],
        y=[titles[n] for n in listed],
        mode="markers",
        marker={
            "size": [13 if n == emphasised else 9 for n in listed],
            "color": [theme.CATEGORIES[2 if n == emphasised else 0] for n in listed],
        },
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )
    controls = {n: worth[n] for n in _CONTROLS if n in worth}
    lines = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": ink, "width": 1.5, "dash": _CONTROLS[n]}}
        for n, at in controls.items()
    ]  # fmt: skip
    notes = [
        {"x": at, "y": 1.0 + 0.07 * k, "yref": "paper", "yanchor": "bottom", "showarrow": False,
         "text": titles[n].lower(), "font": {"size": 12}}
        for k, (n, at) in enumerate(controls.items())
    ]  # fmt: skip
    return styled(
        [trace],
        dark,
        height=80 + 24 * max(len(listed), 2),
        margin={"t": 46},
        shapes=lines,
        annotations=notes,
        xaxis={"title": {"text": "insertion \N{MINUS SIGN} deletion, higher is better"}},
        yaxis={"type": "category"},
    )


def curves(
    by_method: Mapping[str, NDArray[np.floating]],
    shares: Sequence[Number],
    titles: Mapping[str, str],
    dark: bool,
    *,
    emphasised: str,
    axis: str,
) -> go.Figure:
    """Draw p over the share of pixels: one method thick, the controls dashed, others faint.

    Args:
        by_method: Mean curves.
        shares: Shares of the pixels, rising from 0 to 1.
        titles: Names of the methods, by their keys.
        dark: Whether the page has a dark theme.
        emphasised: The method drawn with emphasis.
        axis: Label of the axis of pixels.
    """
    ink, lines = theme.ink(dark), []
    styles = _CONTROLS
    for name in sorted(by_method, key=lambda n: (n == emphasised, n in styles)):
        chosen = name == emphasised
        colour = theme.CATEGORIES[2] if chosen else ink if name in styles else theme.muted(dark)
        lines.append(
            go.Scatter(
                x=list(shares),
                y=by_method[name],
                name=titles[name],
                mode="lines",
                line={"color": colour, "width": 3 if chosen else 1.5, "dash": styles.get(name)},
                showlegend=chosen or name in styles,
                hovertemplate=f"{titles[name]}: %{{y:.1%}} at %{{x:.0%}}<extra></extra>",
            )
        )
    return styled(
        lines,
        dark,
        height=300,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": axis}, "tickformat": ".0%", "zeroline": False},
        yaxis={
            "title": {"text": "p of the decision"},
            "tickformat": ".0%",
            "range": [-0.02, 1.04],
            "zeroline": False,
        },
    )
