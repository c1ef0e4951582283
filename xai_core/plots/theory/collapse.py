"""Replay of trainings: q(c|x) of each image, and its cost in the bound."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = [
    "beliefs",
    "choices",
    "cluster_cost",
    "over_epochs",
]

RUN_COLOURS = ("#d1495b", "#8a8f98", "#2f6fde")
DASHES = ("solid", "dot", "solid")
STEEP = ("elbo", "reconstruction")
"""Columns whose initial change would dominate the scale."""
MOST_TICKED = 24
"""Largest number of epochs at which every second one has a tick."""


def beliefs(
    probs: Mapping[str, NDArray[np.floating]],
    labels: Sequence[int],
    names: Sequence[str],
    dark: bool,
    *,
    row_height: int = 118,
) -> go.Figure:
    """Draw q(c|x) of the same images, one strip per training.

    A strip has one column per image and one row per cluster.

    Args:
        probs: (images, clusters) of each training, by its title; columns in the order of labels.
        labels: Labels of the images, ascending; ticks stand at the middle of each.
        names: Names of the labels.
        dark: Whether the page has a dark theme.
        row_height: Height of a strip, in pixels on the screen.
    """
    kinds, first, counts = np.unique(labels, return_index=True, return_counts=True)
    ticks = first + counts / 2 - 0.5
    count, traces, layout, notes = len(probs), [], {}, []
    for number, (title, shares) in enumerate(probs.items()):
        axis = "" if number == 0 else str(number + 1)
        top = 1 - number / count
        layout[f"yaxis{axis}"] = {
            "domain": [top - 0.78 / count, top - 0.17 / count],
            "showticklabels": False,
            "showgrid": False,
            "autorange": "reversed",
        }
        layout[f"xaxis{axis}"] = {
            "anchor": f"y{axis}",
            "showgrid": False,
            "tickvals": ticks if number == count - 1 else [],
            "ticktext": [names[k] if 0 <= k < len(names) else "" for k in kinds],
            "zeroline": False,
        }
        notes.append(
            {"xref": "paper", "yref": "paper", "x": 0, "y": top - 0.02 / count, "text": title,
             "xanchor": "left", "yanchor": "top", "showarrow": False, "font": {"size": 13}}
        )  # fmt: skip
        traces.append(
            go.Heatmap(
                z=shares.T,
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
                zmin=0,
                zmax=1,
                colorscale=theme.plotly_scale(theme.shares(dark)),
                showscale=False,
                hovertemplate="image %{x}, cluster %{y}: %{z:.1%}<extra></extra>",
            )
        )
    layout[f"xaxis{'' if count == 1 else count}"]["title"] = {"text": "images, by label"}
    return styled(traces, dark, height=row_height * count + 40, annotations=notes, **layout)


def choices(bounds: Mapping[str, Number], dark: bool, *, height: int = 220) -> go.Figure:
    """Draw the loss of each q(c|x) against the best one.

    Args:
        bounds: Nats of the bound under each choice, by its name.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    best = max(bounds.values())
    losses = [best - value for value in bounds.values()]
    bars = go.Bar(
        orientation="h",
        y=list(bounds),
        x=losses,
        text=[f"{loss:.3f}" for loss in losses],
        textposition="outside",
        cliponaxis=False,
        marker={"color": theme.CATEGORIES[0]},
        hovertemplate="%{y}: %{x:.4f} nats below the best<extra></extra>",
    )
    return styled(
        [bars],
        dark,
        height=height,
        bargap=0.35,
        yaxis={"autorange": "reversed", "showgrid": False},
        xaxis={
            "title": {"text": "KL(q(c|x) || q\u22c6), nats lost"},
            "range": [0, 1.5 * max(*losses, 1e-6)],
            "nticks": 6,
        },
    )


def cluster_cost(
    costs: pd.DataFrame,
    titles: Mapping[str, str],
    at: int,
    most: Number,
    dark: bool,
    *,
    row_height: int = 110,
) -> go.Figure:
    """Draw the average KL(q(c|x) || p(c)) of each training as two parts, epoch by epoch.

    Args:
        costs: One row per run and epoch, with the columns "information" and "unevenness".
        titles: Titles of the runs, in order; each has a panel.
        at: Selected epoch; the others are pale.
        most: ln K, the dashed level.
        dark: Whether the page has a dark theme.
        row_height: Height of each panel on the screen, in pixels; they lie below each other.
    """
    parts = {"information": "I(c; x)", "unevenness": "KL(mean q || p(c))"}
    colours = {"information": RUN_COLOURS[2], "unevenness": RUN_COLOURS[0]}
    traces, layout, notes, count = [], {}, [], len(titles)
    for number, (run, title) in enumerate(titles.items()):
        axis = "" if number == 0 else str(number + 1)
        top, last = 1 - number / count, number == count - 1
        layout[f"xaxis{axis}"] = {
            "anchor": f"y{axis}", "showgrid": False, "dtick": 2, "showticklabels": last,
        }  # fmt: skip
        layout[f"yaxis{axis}"] = {
            "domain": [top - 0.78 / count, top - 0.2 / count], "range": [0, 1.1 * float(most)],
            "nticks": 3,
        }  # fmt: skip
        notes.append(
            {"xref": "paper", "yref": "paper", "x": 0, "y": top - 0.02 / count, "text": title,
             "xanchor": "left", "yanchor": "top", "showarrow": False, "font": {"size": 12}}
        )  # fmt: skip
        here = costs[costs["run"] == run]
        traces += [
            go.Bar(
                x=here["epoch"],
                y=here[part],
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
                name=name,
                showlegend=number == 0,
                marker={"color": colours[part],
                        "opacity": [1.0 if e == at else 0.5 for e in here["epoch"]]},
                hovertemplate=f"{title}, epoch %{{x}}: {name} %{{y:.3f}} nats<extra></extra>",
            )
            for part, name in parts.items()
        ]  # fmt: skip
    layout["yaxis"]["title"] = {"text": "nats"}
    layout[f"xaxis{'' if count == 1 else count}"]["title"] = {"text": "epoch"}
    shapes = [
        _level(most, dark) | {"xref": f"x{axis} domain", "yref": f"y{axis}"}
        for axis in ("", *map(str, range(2, count + 1)))
    ]
    return styled(
        traces,
        dark,
        height=row_height * count + 80,
        barmode="stack",
        bargap=0.15,
        shapes=shapes,
        annotations=notes,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )


def over_epochs(
    summary: pd.DataFrame,
    titles: Mapping[str, str],
    column: str,
    axis: str,
    at: int,
    dark: bool,
    *,
    most: Number | None = None,
    height: int = 280,
) -> go.Figure:
    """Draw one number of each training against the epoch and mark the selected epoch.

    A training with fewer epochs is marked at its last one. For steep columns, the first third of
    each training's epochs may lie outside the axis.

    Args:
        summary: One row per run and epoch.
        titles: Titles of the runs, in order.
        column: Column of `summary`.
        axis: Quantity and unit for the axis.
        at: Selected epoch.
        dark: Whether the page has a dark theme.
        most: A level to draw as a dashed line, such as ln K.
        height: Height on the screen, in pixels.
    """
    traces = []
    for (run, title), colour, dash in zip(titles.items(), RUN_COLOURS, DASHES, strict=False):
        here = summary[summary["run"] == run]
        marked = min(at, int(here["epoch"].max())) if len(here) else at
        traces.append(
            go.Scatter(
                x=here["epoch"],
                y=here[column],
                name=title,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"size": [11 if e == marked else 4 for e in here["epoch"]]},
                hovertemplate=f"{title}, epoch %{{x}}: %{{y:.2f}}<extra></extra>",
            )
        )
    shapes = [] if most is None else [_level(most, dark)]
    last = summary.groupby("run")["epoch"].transform("max")
    late = summary["epoch"] >= last / 3
    shown = summary[late][column] if column in STEEP else summary[column]
    low, high = float(shown.min()), float(max(shown.max(), most or shown.max()))
    pad = 0.08 * (high - low) + 1e-9
    return styled(
        traces,
        dark,
        height=height,
        shapes=shapes,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "epoch"}, "dtick": 2 if last.max() <= MOST_TICKED else None},
        yaxis={"title": {"text": axis}, "range": [low - pad, high + pad]},
    )


def _level(value: Number, dark: bool) -> dict[str, object]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": theme.ink(dark), "dash": "dash", "width": 1},
    }
