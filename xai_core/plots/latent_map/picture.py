"""The map as a figure for print: all points, the groups' names, a ring around one image."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..paper import FONT, INK, MUTED
from . import colouring, path, points

__all__ = [
    "Names",
    "draw",
    "overview",
    "svg",
]

SIDE, TOP, PAD, LINE = 720, 44, 14, 22
NEAR = 36
"""Distance below which a ring would cover a name."""


class Names(NamedTuple):
    """Names of clusters and classes.

    `order` lists the clusters by name; `labels` holds the label matched with each, -1 for none.
    """

    clusters: Sequence[str]
    order: Sequence[int]
    classes: Sequence[str]
    labels: Sequence[int]


def draw(
    index: pd.DataFrame,
    column: colouring.Column,
    called: Names,
    here: tuple[Number, Number],
    *,
    title: str,
    about: Mapping[str, object],
    shown: NDArray[np.bool_] | None = None,
) -> bytes:
    """Draw an index's map as SVG, in the page's colours.

    Args:
        index: Table with `umap_x`, `umap_y` and the column.
        column: Column that colours the points.
        called: Names for legend and map.
        here: Place marked with a ring.
        title: Title above the map.
        about: Bundle, image, settings, version; written into the file.
        shown: Mask of the coloured points, the others are grey; None for all.
    """
    levels, low, high = colouring.encoded(index, column)
    names = colouring.names(column, called.clusters, called.classes, int(high) + 1)
    colours = colouring.palette(column, len(names), called.order, called.labels, dark=False)
    listed = colouring.legend(column, names, called.order, low, high).get("order", [])
    quiet = [theme.muted(False)] * (points.UNDEFINED + 1 - len(colours))
    groups = levels if shown is None else np.where(shown, levels, points.UNDEFINED)
    xy = index[["umap_x", "umap_y"]].to_numpy(np.float32)
    middles = points.medians(xy, levels, len(names)) if column.grouped else []
    return svg(
        path.backdrop(xy, groups, [*colours, *quiet], dark=False),
        [(names[c], x, y) for c, x, y in middles],
        here,
        title=title,
        legend=[(names[c], colours[c]) for c in listed] or _scale(column, colours, low, high),
        about=about,
    )


def overview(
    picture: tuple[str, tuple[Number, Number, Number]],
    labels: Sequence[tuple[str, Number, Number]],
    dark: bool,
    here: tuple[Number, Number] | None = None,
) -> str:
    """Draw the map with the names of its groups as SVG, in the page's colours.

    Args:
        picture: Result of `path.backdrop`: a data URL; left, bottom, side of its square.
        labels: Names of groups and their centres.
        dark: Whether the page has a dark theme.
        here: Place marked with a ring; a name that the ring would cover moves off it.
    """
    url, (left, bottom, side) = picture
    ink, paper = theme.ink(dark), "#10141b" if dark else "#ffffff"

    def at(x: Number, y: Number) -> tuple[float, float]:
        return float(SIDE * (x - left) / side), float(SIDE * (1 - (y - bottom) / side))

    ring = None if here is None else at(*here)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" '
        f'font-family="{FONT}" font-size="25" font-weight="600" text-anchor="middle" '
        f'fill="{ink}" stroke="{paper}" stroke-width="6" paint-order="stroke">',
        f'<image width="{SIDE}" height="{SIDE}" href="{url}"/>',
    ]
    for words, x, y in labels:
        a, b = at(x, y)
        if ring and np.hypot(a - ring[0], b - ring[1]) < NEAR:
            b += NEAR if b >= ring[1] else -NEAR
        parts.append(f'<text x="{a:.1f}" y="{b:.1f}" dy="0.35em">{escape(words)}</text>')
    return "".join([*parts, *_ring(ring, ink, paper), "</svg>"])


def _ring(place: tuple[float, float] | None, ink: str, paper: str) -> list[str]:
    """Draw a ring of two colours, visible on any ground."""
    if place is None:
        return []
    x, y = place
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="none" stroke="{colour}" '
        f'stroke-width="{width}"/>'
        for colour, width in ((paper, 10), (ink, 5))
    ]


def _scale(
    column: colouring.Column, colours: list[str], low: Number, high: Number
) -> list[tuple[str, str]]:
    """Label five values along the scale."""
    unit = f" {column.unit}" if column.unit else ""
    steps = np.linspace(0, len(colours) - 1, 5).round().astype(int).tolist()
    return [
        (f"{low + (high - low) * s / (len(colours) - 1):.3g}{unit}", colours[s]) for s in steps
    ]


def svg(
    picture: tuple[str, tuple[Number, Number, Number]],
    labels: Sequence[tuple[str, Number, Number]],
    here: tuple[Number, Number],
    *,
    title: str,
    legend: Sequence[tuple[str, str]],
    about: Mapping[str, object],
) -> bytes:
    """Draw the map on white, with text as text.

    Args:
        picture: Result of `path.backdrop`: a data URL; left, bottom, side of its square.
        labels: Names of groups and their centres.
        here: Place marked with a ring.
        title: Title above the map.
        legend: Name and colour, `#rrggbb`, of each entry.
        about: Bundle, image, settings, version; written into the file.
    """
    url, (left, bottom, side) = picture

    def at(x: Number, y: Number) -> tuple[float, float]:
        return float(SIDE * (x - left) / side), float(TOP + SIDE * (1 - (y - bottom) / side))

    key, height = _legend(legend)
    whole = TOP + SIDE + height + PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{whole}" '
        f'viewBox="0 0 {SIDE} {whole}" role="img" font-family="{FONT}" font-size="13">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape('; '.join(f'{k}: {v}' for k, v in about.items()))}</desc>",
        f'<rect width="{SIDE}" height="{whole}" fill="#ffffff"/>',
        f'<text x="{PAD}" y="28" font-size="16" fill="{INK}">{escape(title)}</text>',
        f'<image x="0" y="{TOP}" width="{SIDE}" height="{SIDE}" href="{url}"/>',
    ]
    for words, x, y in labels:
        a, b = at(x, y)
        parts.append(
            f'<text x="{a:.1f}" y="{b:.1f}" text-anchor="middle" dy="0.35em" font-weight="600" '
            f'fill="{INK}" stroke="#ffffff" stroke-width="4" paint-order="stroke">'
            f"{escape(words)}</text>"
        )
    return "\n".join([*parts, *_ring(at(*here), INK, "#ffffff"), *key, "</svg>\n"]).encode()


def _legend(entries: Sequence[tuple[str, str]]) -> tuple[list[str], int]:
    """Arrange the legend in rows below the map; also return its height."""
    x, y, parts = PAD, TOP + SIDE + LINE, []
    for words, colour in entries:
        width = 34 + 8 * len(words)
        if x + width > SIDE - PAD and x > PAD:
            x, y = PAD, y + LINE
        parts.append(f'<rect x="{x}" y="{y - 11}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="{y}" fill="{MUTED}">{escape(words)}</text>')
        x += width
    return parts, y - TOP - SIDE + 4
