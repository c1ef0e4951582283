"""Replay of trainings: q(c|x) of each image, and its cost in the bound."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..axes import Axis, Plot
from ..drawing import Drawing, breadth, legend, mark, rectangle, segment, text
from ..style import plain, styled

__all__ = [
    "beliefs",
    "choices",
    "cluster_cost",
    "over_epochs",
]

RUN_COLOURS = ("#d1495b", "#8a8f98", "#2f6fde")
DASHES = ("", "dot", "")
PARTS = {"information": "I(c; x)", "unevenness": "KL(mean q \N{DOUBLE VERTICAL LINE} p(c))"}
COLOURS = {"information": RUN_COLOURS[2], "unevenness": RUN_COLOURS[0]}
STEEP = ("elbo", "reconstruction")
"""Columns whose initial change would dominate the scale."""
WIDTH, LEFT, PANEL, ROW = 480, 62, 70, 32
"""Width of a drawing, left edge of its plots, and heights of a training's panel and of a bar."""


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


def choices(bounds: Mapping[str, Number]) -> Drawing:
    """Draw the loss of each q(c|x) against the best one as a bar.

    Args:
        bounds: Nats of the bound under each choice, by its name.
    """
    best, left = max(bounds.values()), breadth(list(bounds), 190) + 10
    losses = [best - value for value in bounds.values()]
    rows = [(k + 0.5, name) for k, name in enumerate(bounds)]
    plot = Plot(
        box=(left, 4, WIDTH - left - 10, ROW * len(bounds)),
        x=Axis.numbers(
            0, 1.25 * max(*losses, 1e-6), "KL(q(c|x) \N{DOUBLE VERTICAL LINE} q\u22c6), nats lost"
        ),
        y=Axis(low=len(bounds), high=0, ticks=rows),
    )
    parts = plot.axes()
    for k, (name, loss) in enumerate(zip(bounds, losses, strict=True)):
        right, middle = plot.at(loss, k + 0.5)
        box = (left, middle - ROW / 4, right - left, ROW / 2)
        title = f"{name}: {loss:.4f} nats below the best"
        parts += [
            rectangle(box, theme.CATEGORIES[0], title),
            text(f"{loss:.3f}", right + 6, middle),
        ]
    return Drawing.of(
        (WIDTH, plot.box[3] + 48),
        parts,
        columns=("q(c|x)", "nats lost"),
        rows=[(name, f"{loss:.4f}") for name, loss in zip(bounds, losses, strict=True)],
    )


def cluster_cost(costs: pd.DataFrame, titles: Mapping[str, str], at: int, most: Number) -> Drawing:
    """Draw the average KL(q(c|x) || p(c)) of each training as two parts, epoch by epoch.

    Args:
        costs: One row per run and epoch, with the columns "information" and "unevenness".
        titles: Titles of the runs, in order; each has a panel.
        at: Selected epoch; the others are pale.
        most: ln K, the dashed level.
    """
    samples = [(rectangle((-10, -5, 20, 10), COLOURS[part]), name) for part, name in PARTS.items()]
    parts, top = legend(samples, LEFT, 0, WIDTH - LEFT)
    last, epochs = list(titles)[-1], sorted(costs["epoch"].unique())
    for run, title in titles.items():
        plot = Plot(
            box=(LEFT, top + 26, WIDTH - LEFT - 10, PANEL),
            x=_epochs(epochs[0] - 0.5, epochs[-1] + 0.5, "epoch" if run == last else ""),
            y=Axis.numbers(0, 1.1 * float(most), "nats", most=3),
        )
        parts += [text(title, LEFT, top + 12), *plot.axes()]
        for row in costs[costs["run"] == run].itertuples():
            low = 0.0
            for part, name in PARTS.items():
                value = float(getattr(row, part))
                (x, y), (_, base) = plot.at(row.epoch - 0.42, low + value), plot.at(0, low)
                box = (x, y, 0.84 * plot.box[2] / len(epochs), base - y)
                said = f"{title}, epoch {row.epoch}: {name} {value:.3f} nats"
                pale = 1 if row.epoch == at else 0.5
                parts.append(rectangle(box, COLOURS[part], said, opacity=pale))
                low += value
        parts.append(plot.level(most, dash="dash"))
        top += 26 + PANEL + 18
    return Drawing.of(
        (WIDTH, top + 22),
        parts,
        columns=("training", "epoch", *(f"{name}, nats" for name in PARTS.values())),
        rows=[
            (titles[row.run], str(row.epoch), *(f"{getattr(row, part):.3f}" for part in PARTS))
            for row in costs[costs["run"].isin(list(titles))].itertuples()
        ],
    )


def over_epochs(
    summary: pd.DataFrame,
    titles: Mapping[str, str],
    column: str,
    axis: str,
    at: int,
    *,
    most: Number | None = None,
    height: int = 240,
    named: bool = True,
) -> Drawing:
    """Draw one number of each training against the epoch and mark the selected epoch.

    A training with fewer epochs is marked at its last one. For steep columns, the first third of
    each training's epochs may lie outside the axis.

    Args:
        summary: One row per run and epoch.
        titles: Titles of the runs, in order.
        column: Column of `summary`.
        axis: Quantity and unit for the axis.
        at: Selected epoch.
        most: A level to draw as a dashed line, such as ln K.
        height: Height of the plot.
        named: Whether a legend names the runs.
    """
    looks = dict(zip(titles, zip(RUN_COLOURS, DASHES, strict=True), strict=False))
    samples = [
        (segment([(-10, 0), (10, 0)], colour=colour, width=2.5, dash=dash), titles[run])
        for run, (colour, dash) in looks.items()
    ]
    parts, top = legend(samples, LEFT, 0, WIDTH - LEFT) if named else ([], 0.0)
    last = summary.groupby("run")["epoch"].transform("max")
    late = summary["epoch"] >= last / 3
    shown = summary[late][column] if column in STEEP else summary[column]
    low, high = float(shown.min()), float(max(shown.max(), most or shown.max()))
    pad = 0.08 * (high - low) + 1e-9
    plot = Plot(
        box=(LEFT, top + 8, WIDTH - LEFT - 10, height),
        x=_epochs(float(summary["epoch"].min()) - 0.3, float(last.max()) + 0.3, "epoch"),
        y=Axis.numbers(low - pad, high + pad, axis),
    )
    parts += plot.axes()
    for run, (colour, dash) in looks.items():
        here = summary[summary["run"] == run].dropna(subset=[column])
        here = here[here[column].between(low - pad, high + pad)]
        if here.empty:
            continue
        xs, ys = here["epoch"].to_numpy(float), here[column].to_numpy(float)
        parts.append(plot.line(xs, ys, titles[run], colour=colour, width=2, dash=dash))
        marked = min(at, int(xs[-1]))
        parts += [
            mark(*plot.at(x, y), f"{titles[run]}, epoch {x:.0f}: {plain(y)}",
                 size=6 if x == marked else 2.5, colour=colour)
            for x, y in zip(xs, ys, strict=True)
        ]  # fmt: skip
    if most is not None:
        parts.append(plot.level(most, dash="dash"))
    known = summary[summary["run"].isin(list(titles))].dropna(subset=[column])
    return Drawing.of(
        (WIDTH, top + height + 50),
        parts,
        columns=("training", "epoch", axis),
        rows=[
            (titles[run], f"{epoch:.0f}", plain(value, 4))
            for run, epoch, value in known[["run", "epoch", column]].itertuples(index=False)
        ],
    )


def _epochs(low: Number, high: Number, title: str) -> Axis:
    """Return an axis with ticks at whole epochs."""
    found = Axis.numbers(low, high, title, most=10)
    return replace(found, ticks=[tick for tick in found.ticks if float(tick[0]).is_integer()])
