"""Figures that compare the bound with other images' and with log p(x), and two bounds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import elbo_terms, theme
from ..drawing import Drawing
from ..style import styled

__all__ = [
    "beside",
    "closing",
    "counterexample",
    "inequality",
    "pairs",
    "room",
    "terms_of",
    "waterfall",
]

BESIDE = (
    "A typical image",
    "Its cluster's average",
    "The easiest image",
    "The hardest image",
)
"""References for the terms of an image."""


def beside(index: pd.DataFrame, facts: pd.Series, choice: str) -> tuple[str, dict[str, float]]:
    """Return the name and the contributions, in nats, of a reference for an image.

    Args:
        index: Index of the bundle.
        facts: The image's row.
        choice: One of `BESIDE`.
    """
    split = elbo_terms.peers(facts)
    there = np.flatnonzero((index["split"] == split).to_numpy())
    if choice == BESIDE[1]:
        there = there[(index["cluster"].to_numpy() == facts["cluster"])[there]]
    if choice in BESIDE[:2]:
        name = f"mean of {len(there):,} {split} images"
        return name, {
            k: float(elbo_terms.contributions(index, k)[there].mean()) for k in elbo_terms.ORDER
        }
    elbo = index["elbo"].to_numpy()[there]
    chosen = int(there[elbo.argmax() if choice == BESIDE[2] else elbo.argmin()])
    return str(index["id"].iat[chosen]), terms_of(index.iloc[chosen])


def terms_of(facts: pd.Series) -> dict[str, float]:
    """Return each term's contribution to the bound of one image, and the bound, in nats."""
    return {key: elbo_terms.added(facts, key) for key in elbo_terms.ORDER}


def room(*several: Mapping[str, Number]) -> tuple[float, float]:
    """Return a range of nats that fits several waterfalls and their numbers."""
    sums = [np.cumsum([terms[key] for key in elbo_terms.ORDER[:-1]]) for terms in several]
    low, high = min(0.0, *(s.min() for s in sums)), max(0.0, *(s.max() for s in sums))
    pad = 0.24 * (high - low)
    return float(low - pad), float(high + pad)


def waterfall(terms: Mapping[str, Number], span: tuple[Number, Number], dark: bool) -> Drawing:
    """Draw the terms as steps up to the bound, on a given range of nats."""
    names = [elbo_terms.label(key) for key in elbo_terms.ORDER]
    return elbo_terms.steps([terms[key] for key in elbo_terms.ORDER], names, span, dark)


SMALLEST_RANGE = 0.004
"""Least range of `pairs`, in nats: its numbers have four decimals."""


def pairs(values: Mapping[str, Number], dark: bool) -> Drawing:
    """Draw the three pairs of expectations as steps from L^ to L.

    Args:
        values: Nats of each pair, by its name.
        dark: Whether the page has a dark theme.
    """
    names, nats = [*values, "L \N{MINUS SIGN} L\u0302"], [*values.values()]
    sums = np.cumsum([0.0, *nats])
    reach = 0.35 * max(float(np.ptp(sums)), SMALLEST_RANGE)
    span = (float(sums.min()) - reach, float(sums.max()) + reach)
    return elbo_terms.steps([*nats, sum(nats)], names, span, dark, digits=4)


def closing(
    counts: Sequence[int],
    mean: Sequence[Number],
    low: Sequence[Number],
    high: Sequence[Number],
    bounds: Mapping[str, Number],
    chosen: int,
    dark: bool,
    *,
    height: int = 340,
) -> go.Figure:
    """Draw the estimate of log p(x) against the draws behind it, and bounds as lines.

    Args:
        counts: k.
        mean: Mean of the estimates from k draws, in nats.
        low: Lower edge of their spread.
        high: Upper edge.
        bounds: Nats of each bound, by its name.
        chosen: The selected k.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    accent = theme.CATEGORIES[0]
    band = go.Scatter(
        x=[*counts, *reversed(counts)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=accent + "33",
        line={"width": 0},
        hoverinfo="skip",
        mode="lines",
    )
    line = go.Scatter(
        x=list(counts),
        y=list(mean),
        mode="lines+markers",
        line={"color": accent, "width": 2},
        marker={"size": [13 if k == chosen else 6 for k in counts], "color": accent},
        hovertemplate="k = %{x:,}: %{y:.2f} nats<extra></extra>",
    )
    lines = [
        go.Scatter(
            x=[counts[0], counts[-1]],
            y=[value, value],
            mode="lines",
            line={"color": theme.ink(dark), "dash": dash, "width": 1.5},
            hovertemplate=f"{name}: %{{y:.3f}} nats<extra></extra>",
        )
        for (name, value), dash in zip(bounds.items(), ("solid", "dot", "dash"), strict=False)
    ]
    notes = [
        {
            "x": np.log10(counts[-1]),
            "y": value,
            "text": name,
            "xanchor": "right",
            "yanchor": "bottom" if number == 0 else "top",
            "showarrow": False,
            "font": {"size": 13},
        }
        for number, (name, value) in enumerate(bounds.items())
    ]
    return styled(
        [band, *lines, line],
        dark,
        height=height,
        annotations=notes,
        xaxis={
            "type": "log",
            "title": {"text": "k, draws of z per estimate"},
            "tickvals": list(counts),
            "ticktext": [f"{k:,}" for k in counts],
        },
        yaxis={"title": {"text": "nats"}},
    )


def counterexample(
    given_x: Sequence[Number],
    lower: Sequence[Number],
    levels: Mapping[str, Number],
    at: tuple[Number, Number],
    dark: bool,
    *,
    height: int = 260,
) -> go.Figure:
    """Draw L^ against q(1|x) of a model with two clusters, and levels that do not depend on it.

    Args:
        given_x: q(1|x), ascending.
        lower: L^ at each, in nats.
        levels: L and log p(x), by name, in nats.
        at: The selected q(1|x), and its L^.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    accent, ends = theme.CATEGORIES[0], [0, 1]
    curve = go.Scatter(
        x=list(given_x), y=list(lower), mode="lines", name="L\u0302",
        line={"color": accent, "width": 2},
        hovertemplate="q(1|x) = %{x:.2f}: %{y:.3f} nats<extra></extra>",
    )  # fmt: skip
    point = go.Scatter(
        x=[at[0]], y=[at[1]], mode="markers", showlegend=False, hoverinfo="skip",
        marker={"color": accent, "size": 12},
    )  # fmt: skip
    lines = [
        go.Scatter(
            x=ends, y=[value, value], mode="lines", name=name,
            line={"color": theme.ink(dark), "dash": dash, "width": 1.5},
            hovertemplate=f"{name}: %{{y:.3f}} nats<extra></extra>",
        )
        for (name, value), dash in zip(levels.items(), ("solid", "dash"), strict=False)
    ]  # fmt: skip
    return styled(
        [*lines, curve, point],
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "q(1|x)"}, "range": [-0.02, 1.02]},
        yaxis={"title": {"text": "nats"}},
    )


def inequality(
    lesser: NDArray[np.floating],
    greater: NDArray[np.floating],
    ids: Sequence[str],
    colours: Sequence[str],
    most: Number,
    dark: bool,
    *,
    height: int = 420,
) -> go.Figure:
    """Draw both sides of Jensen's inequality, one point per image, the first one ringed.

    Args:
        lesser: KL(E[q(c|z)] || p(c)), in nats.
        greater: E[KL(q(c|z) || p(c))], in nats.
        ids: Ids of the images.
        colours: Colours of their clusters.
        most: ln K.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    low = float(min(lesser.min(), greater.min(), most * 0.9))
    reach = [low - 0.05 * (most - low), most + 0.05 * (most - low)]
    line = go.Scatter(
        x=reach, y=reach, mode="lines", hoverinfo="skip",
        line={"color": theme.ink(dark), "dash": "dash", "width": 1},
    )  # fmt: skip
    points = go.Scatter(
        x=lesser,
        y=greater,
        mode="markers",
        text=list(ids),
        marker={"color": list(colours), "size": 7, "opacity": 0.8},
        hovertemplate="%{text}: left %{y:.4f}, right %{x:.4f} nats<extra></extra>",
    )
    own = go.Scatter(
        x=lesser[:1],
        y=greater[:1],
        mode="markers",
        marker={"symbol": "circle-open", "size": 17, "color": theme.ink(dark),
                "line": {"width": 2}},
        hoverinfo="skip",
    )  # fmt: skip
    note = {
        "x": reach[0] + 0.72 * (reach[1] - reach[0]),
        "y": reach[0] + 0.68 * (reach[1] - reach[0]),
        "text": "equal on this line",
        "xanchor": "left",
        "showarrow": False,
        "font": {"size": 12},
    }
    return styled(
        [line, points, own],
        dark,
        height=height,
        annotations=[note],
        xaxis={"title": {"text": "KL(E[q(c|z)] || p(c)), nats"}, "range": reach},
        yaxis={"title": {"text": "E KL(q(c|z) || p(c)), nats"}, "range": reach},
    )
