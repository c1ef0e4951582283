"""Frames of an interpolation, with the cluster probabilities below them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .. import sprites, theme
from ..style import literal, styled

__all__ = [
    "crossing",
    "film_strip",
]

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down",
           "pentagon", "hourglass")  # fmt: skip
SEEN = 0.01
"""Clusters that stay below this probability in every frame are left out."""


def film_strip(
    images: NDArray[np.floating],
    probs: NDArray[np.floating],
    names: Sequence[str],
    dark: bool,
    *,
    order: Sequence[int] | None = None,
    height: int = 390,
) -> go.Figure:
    """Draw frames from left to right, and under each its q(c|x), one line per cluster.

    Args:
        images: (frames, height, width) or (frames, channels, height, width), in [0, 1].
        probs: (frames, clusters), rows sum to 1.
        names: One per cluster.
        dark: Whether the page has a dark theme.
        order: The clusters in the order of the legend and the colours; by number if None.
        height: Height on the screen, in pixels.
    """
    order = range(len(names)) if order is None else order
    colours, along = theme.categorical(len(names)), np.linspace(0, 1, len(images))
    lines = [
        _line(along, probs[:, c], literal(names[c]), colours[place], place)
        for place, c in enumerate(order)
        if probs[:, c].max() >= SEEN
    ]
    half = 0.5 / max(len(images) - 1, 1)
    percents = {"tickformat": ".0%", "zeroline": False}
    return styled(
        [_frames(images), *lines],
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        xaxis={
            **percents,
            "range": [-half, 1 + half],
            "showgrid": False,
            "title": {"text": "share of the path"},
        },
        yaxis={
            **percents,
            "domain": [0, 0.79],
            "range": [-0.04, 1.06],
            "tickvals": [0, 0.5, 1],
            "title": {"text": "q(c|x)"},
        },
        yaxis2={
            "domain": [0.81, 1],
            "anchor": "x",
            "visible": False,
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "bottom",
            "range": [2 * half * images.shape[-2] / images.shape[-1], 0],
        },
    )


def _frames(images: NDArray[np.floating]) -> go.Image:
    step = 1 / max(len(images) - 1, 1)
    width = images.shape[-1]
    pixel = step / width
    strip = sprites.sheet(images, columns=len(images))
    strip[:, width::width] //= 2
    return go.Image(
        source=sprites.data_url(sprites.png(strip)),
        x0=-step / 2 + pixel / 2,
        dx=pixel,
        y0=0,
        dy=pixel,
        yaxis="y2",
        hoverinfo="skip",
    )


def _line(
    along: NDArray[np.floating], probs: NDArray[np.floating], name: str, colour: str, place: int
) -> go.Scatter:
    return go.Scatter(
        x=along,
        y=probs,
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2.5},
        marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
        hovertemplate=f"{name}: %{{y:.1%}} at %{{x:.0%}} of the path<extra></extra>",
    )


def crossing(probs: NDArray[np.floating], names: Sequence[str], start: int) -> str:
    """Describe where a film leaves the cluster that it starts in.

    Args:
        probs: (frames, clusters), the frames in equal steps.
        names: One per cluster.
        start: The cluster at the first frame.
    """
    left = np.flatnonzero(probs.argmax(1) != start)
    if not len(left):
        return f"every frame stays in {names[start]}"
    share = left[0] / max(len(probs) - 1, 1)
    visited = [int(c) for c in dict.fromkeys(probs.argmax(1)[left[0] :].tolist()) if c != start]
    between = ", then ".join(names[c] for c in visited)
    return f"the frames leave {names[start]} after {100 * share:.0f} % of the path, for {between}"
