"""A path through the latent space, drawn on the map of all images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..._numbers import Number
from .. import sprites
from ..axes import Axis, Plot
from ..drawing import Drawing, breadth, mark, text
from ..style import plain

__all__ = [
    "backdrop",
    "map_path",
    "window",
]

SIDE = 640
"""Side of the backdrop in pixels; each has the mean colour of its points."""
WIDTH = 400
"""Side of a drawing of a path."""
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
) -> Drawing:
    """Draw a path over the backdrop, with its ends named and one frame marked.

    Args:
        places: Places of the frames on the map (frames, 2).
        picture: Result of `backdrop`.
        labels: Names of groups and their centres.
        dark: Whether the page has a dark theme.
        ends: Names of the start and the end.
        at: The frame to mark.
    """
    url, (left, bottom, side) = picture
    halo, shown = _halo(dark), window(places, left, bottom, side)
    x0, y0, width = shown
    plot = Plot(
        box=(0, 0, WIDTH, WIDTH),
        x=Axis(low=x0, high=x0 + width, ticks=()),
        y=Axis(low=y0, high=y0 + width, ticks=()),
    )
    corner, far = plot.at(left, bottom + side), WIDTH * side / width
    parts = [
        f'<svg width="{WIDTH}" height="{WIDTH}" viewBox="0 0 {WIDTH} {WIDTH}">'
        f'<image x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{far:.1f}" height="{far:.1f}" '
        f'href="{url}"/></svg>'
    ]
    for name, x, y in labels:
        away = np.abs(places[[0, -1]] - np.array([x, y], float)) / width
        inside = x0 < x < x0 + width and y0 < y < y0 + width
        if inside and (away > NEAR_END).any(1).all():
            parts += _tag(name, *plot.at(x, y), halo, opacity=0.75)
    track = (places[:, 0], places[:, 1])
    parts += [plot.line(*track, colour=halo, width=7), plot.line(*track, width=3)]
    marks = zip(
        places[[0, -1, at]],
        (*ends, f"frame {at + 1} of {len(places)}"),
        (("circle", 6.5, halo), ("star", 9, "currentColor"), ("diamond", 8, "none")),
        strict=True,
    )
    for (x, y), name, (kind, size, fill) in marks:
        parts.append(mark(*plot.at(x, y), name, kind=kind, size=size, colour=fill,
                          edge="currentColor"))  # fmt: skip
    for end in (0, 1):
        parts += _end(ends[end], places, end, plot, halo)
    return Drawing.of(
        (WIDTH, WIDTH),
        parts,
        columns=("frame", "across", "up"),
        rows=[(str(k + 1), plain(x), plain(y)) for k, (x, y) in enumerate(places)],
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


def _halo(dark: bool) -> str:
    return "#10141b" if dark else "#ffffff"


def _tag(
    name: str,
    x: Number,
    y: Number,
    halo: str,
    *,
    anchor: str = "middle",
    bold: bool = False,
    opacity: Number = 1,
) -> list[str]:
    """Write a name on a plate; one in bold has a border."""
    wide = breadth([name]) + 8
    left = x - {"start": 4, "middle": wide / 2, "end": wide - 4}[anchor]
    edge = ' stroke="currentColor"' if bold else ""
    return [
        f'<rect x="{left:.1f}" y="{y - 9:.1f}" width="{wide:.1f}" height="18" fill="{halo}" '
        f'fill-opacity="{opacity}"{edge}/>',
        text(name, x, y, anchor=anchor, more='font-weight="bold"' if bold else ""),
    ]


def _end(name: str, places: NDArray[np.floating], end: int, plot: Plot, halo: str) -> list[str]:
    """Place the name of an end above or below it, away from the other end, inside the figure."""
    here, there = (plot.at(*places[k]) for k in (-end, end - 1))
    across, up = here[0] / WIDTH, 1 - here[1] / WIDTH
    above = (here[1] <= there[1] or up < NEAR_EDGE) and up <= 1 - NEAR_EDGE
    anchor = "start" if across < 0.2 else "end" if across > 0.8 else "middle"
    return _tag(name, here[0], here[1] + (-22 if above else 22), halo, anchor=anchor, bold=True)
