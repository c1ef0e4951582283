"""Probabilities of clusters as bars."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .style import literal, styled

__all__ = [
    "bar_chart",
    "percent",
    "share",
]


def bar_chart(
    probs: NDArray[np.floating],
    names: Sequence[str],
    dark: bool,
    *,
    order: Sequence[int] | None = None,
    before: NDArray[np.floating] | None = None,
    symbol: str = "q(c|x)",
    row_height: int = 24,
) -> go.Figure:
    """Draw one bar per cluster, in the cluster's colour, with its number.

    Args:
        probs: (clusters,), sum 1.
        names: One per cluster.
        dark: Whether the page has a dark theme.
        order: The clusters in the order of bars and colours; by number if None.
        before: Probabilities to compare with, drawn as a line across each bar.
        symbol: Symbol for the axis.
        row_height: Screen pixels per bar.
    """
    order = list(range(len(names)) if order is None else order)
    named = [literal(names[c]) for c in order]
    bars = go.Bar(
        orientation="h",
        x=probs[order],
        y=named,
        marker={"color": theme.categorical(len(names))},
        text=[percent(p) for p in probs[order]],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.2%}<extra></extra>",
    )
    return styled(
        [bars] if before is None else [bars, _marks(before[order], named, dark)],
        dark,
        height=row_height * len(names) + 56,
        bargap=0.25,
        xaxis={
            "range": [0, 1.3],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "title": {"text": symbol},
        },
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )


def percent(probability: Number) -> str:
    """Format a probability with one decimal, without rounding it to 0 or 1.

    A float32 probability of exactly 0 or 1 is itself a rounding result, so it is not shown as
    certain either.
    """
    if probability <= 0.0005:
        return "under 0.1 %"
    if probability >= 0.9995:
        return "over 99.9 %"
    return f"{100 * probability:.1f} %"


def share(counted: Number) -> str:
    """Format a share of a count: as `percent`, but exact for all or none."""
    return f"{100 * counted:.0f} %" if counted in (0, 1) else percent(counted)


def _marks(before: NDArray[np.floating], named: Sequence[str], dark: bool) -> go.Scatter:
    return go.Scatter(
        x=before,
        y=named,
        mode="markers",
        marker={
            "symbol": "line-ns-open",
            "size": 16,
            "line": {"width": 2},
            "color": theme.ink(dark),
        },
        hovertemplate="%{y}, before: %{x:.2%}<extra></extra>",
    )
