"""A path through the latent space, drawn on the map of all images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import sprites, theme
from ..style import literal, styled

__all__ = [
    "backdrop",
    "map_path",
    "window",
]

SIDE = 640
"""Side of the backdrop in pixels; each has the mean colour of its points."""
NEAR_EDGE = 0.1
"""Share of the figure's height taken by a name above or below its place."""
NEAR_END = (0.2, 0.12)
"""Shares of the figure's sides within which the name of an end overlaps another name."""


def backdrop(
    xy: NDArray[np.floating],
    groups: NDArray[np.integer],
    colours: Sequence[str],
    dark: bool,
    *,
    strength: Number = 0.35,
) -> tuple[str, tuple[float, float, float]]:
    """Draw all images as faint dots in the colours of their groups.

    Args:
        xy: Places on the map (images, 2).
        groups: Each image's group.
        colours: One per group, `#rrggbb`.
        dark: Whether the page has a dark theme.
        strength: Opacity of a single point, up to 0.65; dense areas add up to 0.35.

    Returns:
        The picture as a data URL and its square: left, bottom, side.
    """
    low, high = xy.min(0).astype(float), xy.max(0).astype(float)
    side = float((high - low).max() * 1.06) or 1.0
    corner = (low + high - side) / 2
    column = np.clip((xy[:, 0] - corner[0]) / side * SIDE, 0, SIDE - 1).astype(int)
    row = np.clip((1 - (xy[:, 1] - corner[1]) / side) * SIDE, 0, SIDE - 1).astype(int)
    rgb = np.array([list(bytes.fromhex(c[1:])) for c in colours], float)[groups]
    cell, count = row * SIDE + column, np.zeros(SIDE * SIDE)
    np.add.at(count, cell, 1)
    total = np.stack([np.bincount(cell, rgb[:, k], SIDE * SIDE) for k in range(3)], 1)
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    seen = count > 0
    flat = pixels.reshape(-1, 4)
    flat[seen, :3] = (total[seen] / count[seen, None]).round()
    opacity = strength + 0.35 * np.log1p(count[seen]) / np.log1p(count.max())
    flat[seen, 3] = (255 * (opacity if dark else opacity * 0.9)).round()
    return sprites.data_url(sprites.png(pixels)), (float(corner[0]), float(corner[1]), side)


def map_path(
    places: NDArray[np.floating],
    picture: tuple[str, tuple[Number, Number, Number]],
    labels: Sequence[tuple[str, Number, Number]],
    dark: bool,
    *,
    ends: tuple[str, str],
    at: int,
    height: int = 380,
) -> go.Figure:
    """Draw a path over the backdrop, with its ends named and one frame marked.

    Args:
        places: Places of the frames on the map (frames, 2).
        picture: Result of `backdrop`.
        labels: Names of groups and their centres.
        dark: Whether the page has a dark theme.
        ends: Names of the start and the end.
        at: The frame to mark.
        height: Height on the screen, in pixels.
    """
    left, bottom, side = picture[1]
    ink, halo = theme.ink(dark), _halo(dark)
    x0, y0, shown = window(places, left, bottom, side)

    def clear(x: Number, y: Number) -> bool:
        """Return whether a name here does not overlap the names of the path's ends."""
        away = np.abs(places[[0, -1]] - np.array([x, y], float)) / shown
        return bool((away > NEAR_END).any(1).all())

    path = {"x": places[:, 0], "y": places[:, 1], "hoverinfo": "skip"}
    dots = {
        "x": places[[0, -1, at], 0],
        "y": places[[0, -1, at], 1],
        "mode": "markers",
        "marker": {
            "symbol": ["circle", "star", "diamond-open"],
            "size": [13, 17, 17],
            "color": [halo, ink, ink],
            "line": {"color": ink, "width": 2.5},
        },
        "text": [*map(literal, ends), f"frame {at + 1} of {len(places)}"],
        "hovertemplate": "%{text}<extra></extra>",
    }
    return _on_map(
        [
            go.Scatter(**path, mode="lines", line={"color": halo, "width": 7}),
            go.Scatter(**path, mode="lines", line={"color": ink, "width": 3}),
            go.Scatter(**dots),
        ],
        picture,
        (x0, y0, shown),
        [_label(text, x, y, halo, 0.75) for text, x, y in labels if clear(x, y)]
        + [_end(ends[k], places, k, (x0, y0, shown), ink, halo) for k in (0, 1)],
        dark,
        height,
    )


def window(
    places: NDArray[np.floating], left: Number, bottom: Number, side: Number
) -> tuple[float, float, float]:
    """Choose the square to show: around the path, at least half as wide as the map, inside it."""
    left, bottom, side = float(left), float(bottom), float(side)
    low, high = places.min(0).astype(float), places.max(0).astype(float)
    shown = min(max(1.3 * float((high - low).max()), 0.5 * side), side)
    corner = (low + high - shown) / 2
    x0, y0 = np.clip(corner, (left, bottom), (left + side - shown, bottom + side - shown))
    return float(x0), float(y0), shown


def _on_map(
    traces: list[go.Scatter],
    picture: tuple[str, tuple[Number, Number, Number]],
    shown: tuple[Number, Number, Number],
    notes: list[dict[str, Any]],
    dark: bool,
    height: int,
) -> go.Figure:
    """Lay out the figure over the visible part of the backdrop: left, bottom, side."""
    (url, (left, bottom, side)), (x0, y0, width) = picture, shown
    image = {"source": url, "xref": "x", "yref": "y", "x": left, "y": bottom + side,
             "sizex": side, "sizey": side, "layer": "below"}  # fmt: skip
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain"}
    inside = [n for n in notes if x0 < n["x"] < x0 + width and y0 < n["y"] < y0 + width]
    return styled(
        traces,
        dark,
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        images=[image],
        xaxis=hidden | {"range": [x0, x0 + width]},
        yaxis=hidden | {"range": [y0, y0 + width], "scaleanchor": "x"},
        annotations=inside,
    )


def _halo(dark: bool) -> str:
    return "#10141b" if dark else "#ffffff"


def _label(text: str, x: Number, y: Number, halo: str, opacity: Number) -> dict[str, Any]:
    return {"text": literal(text), "x": x, "y": y, "showarrow": False, "bgcolor": halo,
            "opacity": opacity, "font": {"size": 12}, "borderpad": 1}  # fmt: skip


def _end(
    text: str,
    places: NDArray[np.floating],
    end: int,
    shown: tuple[Number, Number, Number],
    ink: str,
    halo: str,
) -> dict[str, Any]:
    """Place the name of an end above or below it, away from the other end, inside the figure."""
    here, there = places[-end].astype(float), places[end - 1].astype(float)
    across, up = ((here - shown[:2]) / shown[2]).tolist()
    above = (here[1] >= there[1] or up < NEAR_EDGE) and up <= 1 - NEAR_EDGE
    return {
        "text": f"<b>{literal(text)}</b>",
        "x": float(here[0]),
        "y": float(here[1]),
        "showarrow": False,
        "xanchor": "left" if across < 0.2 else "right" if across > 0.8 else "center",
        "yanchor": "bottom" if above else "top",
        "yshift": 12 if above else -12,
        "bgcolor": halo,
        "bordercolor": ink,
        "borderwidth": 1,
        "borderpad": 2,
        "font": {"size": 12},
    }
