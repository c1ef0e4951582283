"""Images along a line, and below them what each is taken for."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard import theme
from dashboard.figures import sprites
from dashboard.figures.style import styled

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
    height: int = 390,
) -> go.Figure:
    """Draw frames from left to right, and under each its q(c|x), a line a cluster.

    Args:
        images: (frames, 28, 28) in [0, 1].
        probs: (frames, clusters), rows sum to 1.
        names: One a cluster.
        dark: Whether the page is light on dark.
        height: On the screen, in pixels.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.2, 0.8],
                           vertical_spacing=0.02)  # fmt: skip
    figure.add_trace(_frames(images), row=1, col=1)
    colours, along = theme.categorical(len(names)), np.linspace(0, 1, len(images))
    for c in np.flatnonzero(probs.max(0) >= SEEN).tolist():
        figure.add_trace(_line(along, probs[:, c], names[c], colours[c], c), row=2, col=1)
    half = 0.5 / max(len(images) - 1, 1)
    styled(figure, dark, height=height, showlegend=True,
           legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0})  # fmt: skip
    figure.update_xaxes(range=[-half, 1 + half], zeroline=False)
    figure.update_xaxes(visible=False, row=1)
    figure.update_yaxes(visible=False, constraintoward="bottom", row=1)
    figure.update_xaxes(
        tickformat=".0%", row=2, showgrid=False, title={"text": "share of the way", "standoff": 4}
    )
    figure.update_yaxes(
        range=[-0.04, 1.06],
        tickformat=".0%",
        tickvals=[0, 0.5, 1],
        title={"text": "q(c|x)"},
        row=2,
    )
    return figure


def _frames(images: NDArray[np.floating]) -> go.Image:
    step = 1 / max(len(images) - 1, 1)
    pixel = step / 28
    strip = sprites.sheet(images, columns=len(images))
    strip[:, 28::28] //= 2
    return go.Image(
        source=sprites.data_url(sprites.png(strip)),
        x0=-step / 2 + pixel / 2,
        dx=pixel,
        y0=0,
        dy=pixel,
        hoverinfo="skip",
    )


def _line(
    along: NDArray[np.floating], probs: NDArray[np.floating], name: str, colour: str, cluster: int
) -> go.Scatter:
    return go.Scatter(
        x=along,
        y=probs,
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2.5},
        marker={"symbol": SYMBOLS[cluster % len(SYMBOLS)], "size": 8},
        hovertemplate=f"{name}: %{{y:.1%}} at %{{x:.0%}} of the way<extra></extra>",
    )


def crossing(probs: NDArray[np.floating], start: int) -> str:
    """Say where a film leaves the cluster that it starts in.

    Args:
        probs: (frames, clusters), the frames in equal steps.
        start: The cluster at the first frame.
    """
    left = np.flatnonzero(probs.argmax(1) != start)
    if not len(left):
        return f"every frame is taken for cluster {start}"
    way = left[0] / max(len(probs) - 1, 1)
    visited = [int(c) for c in dict.fromkeys(probs.argmax(1)[left[0] :].tolist()) if c != start]
    between = ", then ".join(str(c) for c in visited)
    return f"the frames leave cluster {start} after {way:.0%} of the way, for cluster {between}"
