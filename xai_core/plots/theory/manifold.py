"""The first-order law of latent steps: its residual, and the tangent directions."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = [
    "residuals",
    "singular_values",
]


def residuals(
    lengths: NDArray[np.floating],
    found: NDArray[np.floating],
    slope: Number,
    dark: bool,
    *,
    height: int = 330,
) -> go.Figure:
    """Draw the law's residual against the step, both axes logarithmic, beside slopes 1 and 2.

    Args:
        lengths: Lengths of the steps, in latent units.
        found: Residuals, in ink.
        slope: Slope of the line fitted to them.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    guides = [
        go.Scatter(
            x=lengths,
            y=found[0] * (lengths / lengths[0]) ** power,
            mode="lines",
            line={"color": theme.ink(dark), "dash": dash, "width": 1},
            name=f"slope {power}",
            hoverinfo="skip",
        )
        for power, dash in ((1, "dot"), (2, "dash"))
    ]
    points = go.Scatter(
        x=lengths,
        y=found,
        mode="markers",
        marker={"size": 11, "color": theme.CATEGORIES[0]},
        name=f"measured, slope {slope:.3f}",
        hovertemplate="step %{x:.2g}: residual %{y:.3g}<extra></extra>",
    )
    ticks = {"exponentformat": "power", "dtick": 1}
    return styled(
        [*guides, points],
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"type": "log", "title": {"text": "length of the step, latent units"}, **ticks},
        yaxis={"type": "log", "title": {"text": "residual, ink"}, **ticks},
    )


def singular_values(values: Sequence[Number], dark: bool, *, height: int = 330) -> go.Figure:
    """Draw the ink changed per latent unit in each tangent direction.

    Args:
        values: Values of dg/dz, the largest first.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    bars = go.Bar(
        x=[f"{i + 1}" for i in range(len(values))],
        y=list(values),
        marker={"color": theme.CATEGORIES[0]},
        hovertemplate="direction %{x}: %{y:.3f}<extra></extra>",
    )
    return styled(
        [bars],
        dark,
        height=height,
        bargap=0.3,
        xaxis={"title": {"text": "direction, by singular value"}, "type": "category"},
        yaxis={"title": {"text": "ink by latent unit"}},
    )
