"""Jensen's inequality on the curve of the logarithm."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .. import theme
from ..style import styled

__all__ = ["on_the_logarithm"]


def on_the_logarithm(values: NDArray[np.floating], dark: bool, *, height: int = 340) -> go.Figure:
    """Draw values on the curve of log, their mean below it, and the log of their mean on it.

    Args:
        values: Above 0.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    accent, other = theme.CATEGORIES[0], theme.CATEGORIES[1]
    mean, average = float(values.mean()), float(np.log(values).mean())
    along = np.geomspace(float(values.min()) * 0.8, float(values.max()) * 1.1, 200)
    curve = go.Scatter(
        x=along, y=np.log(along), mode="lines", name="log",
        line={"color": theme.muted(dark), "width": 1.5}, hoverinfo="skip",
    )  # fmt: skip
    points = go.Scatter(
        x=values, y=np.log(values), mode="markers", name="draws",
        marker={"color": accent, "size": 9, "opacity": 0.8},
        hovertemplate="w = %{x:.3g}, log w = %{y:.2f}<extra></extra>",
    )  # fmt: skip
    gap = go.Scatter(
        x=[mean, mean], y=[average, np.log(mean)], mode="lines+markers",
        name="mean of log w, up to log of mean w",
        line={"color": other, "width": 2}, marker={"color": other, "size": 11},
        hovertemplate="%{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    return styled(
        [curve, points, gap],
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "weight w, the largest draw = 1"}},
        yaxis={"title": {"text": "log w"}},
    )
