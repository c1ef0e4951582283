"""The densities of a one-dimensional VAE."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = ["densities"]


def densities(
    gaussians: Mapping[str, tuple[Number, Number]], dark: bool, *, height: int = 300
) -> go.Figure:
    """Draw one-dimensional Gaussians over z.

    Args:
        gaussians: Mean and deviation of each, by its name.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    low = min(mean - 3.5 * std for mean, std in gaussians.values())
    high = max(mean + 3.5 * std for mean, std in gaussians.values())
    z = np.linspace(float(low), float(high), 300)
    styles = zip(
        gaussians.items(), (theme.muted(dark), *theme.CATEGORIES[:2]),
        ("dot", "solid", "dash"), strict=False,
    )  # fmt: skip
    traces = [
        go.Scatter(
            x=z,
            y=np.exp(-0.5 * ((z - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi)),
            mode="lines",
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"{name}: %{{y:.3f}} at z = %{{x:.2f}}<extra></extra>",
        )
        for (name, (mean, std)), colour, dash in styles
    ]
    return styled(
        traces,
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "z"}},
        yaxis={"title": {"text": "density"}, "rangemode": "tozero"},
    )
