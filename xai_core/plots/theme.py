"""Colours: clusters, signed maps and ordered values, for light and dark pages.

Categories use Petroff's ten colours (https://arxiv.org/abs/2107.02270), distinguishable under
simulated colour blindness. Signed maps diverge about 0 and are warm where positive.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number

__all__ = [
    "categorical",
    "cluster_colours",
    "colourise",
    "diverging",
    "hex_colours",
    "ink",
    "muted",
    "plotly_scale",
    "rgb",
    "sequential",
    "shares",
]

Lut = NDArray[np.uint8]
"""256 rows of red, green, blue."""
CATEGORIES = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
_RDBU_R = "#053061 #2267ac #4393c3 #90c4dd #d1e5f0 #f7f6f6 #fddbc7 #f4a683 #d6604d #b1182b #67001f"
_MANAGUA_R = (
    "#81e7ff #76c7ec #6baada #608ec7 #5775b3 #505d9c #4c457f #4e3260 #572949"
    " #692b3c #813939 #9a4c3d #b16243 #c5794a #d89353 #ebb05d #ffcf67"
)
_VIRIDIS = (
    "#440154 #48186a #472d7b #424086 #3b528b #33638d #2c728e #26828e #21918c"
    " #1f9f88 #27ad81 #3dbc74 #5cc863 #81d34d #aadc32 #d5e21a #fde725"
)


def categorical(num_categories: int) -> list[str]:
    """Return one colour per cluster or label: Petroff's ten, then the same ones darkened."""
    rounds = range(-(-max(num_categories, 1) // len(CATEGORIES)))
    return [_shade(c, 0.72**r) for r in rounds for c in CATEGORIES][:num_categories]


def cluster_colours(order: Sequence[int]) -> list[str]:
    """Return one colour per cluster; the colours follow the order in which clusters are listed.

    Args:
        order: The clusters in that order, from `Bundle.clusters.order`.
    """
    by_place = dict(zip(order, categorical(len(order)), strict=True))
    return [by_place[c] for c in range(len(order))]


@cache
def diverging(dark: bool) -> Lut:
    """Return the colour map for signed values; row 128, for 0, fades into the page."""
    return _receding(_ramp(_MANAGUA_R), "#1b222d") if dark else _ramp(_RDBU_R)


@cache
def sequential(dark: bool) -> Lut:
    """Return the colour map for ordered values; higher values contrast more with the page."""
    rows = _ramp(_VIRIDIS)
    picked = np.linspace(40, 255, 256) if dark else np.linspace(225, 0, 256)
    return rows[picked.round().astype(int)]


@cache
def shares(dark: bool) -> Lut:
    """Return the colour map for shares: the page's colour at 0, one hue above."""
    return _ramp("#10141b #2b3a78 #5f78d8 #b9c6ff" if dark else "#ffffff #c9d3f5 #6f86d6 #2a3f94")


def colourise(values: NDArray[np.floating], lut: Lut, limit: Number) -> NDArray[np.uint8]:
    """Colour signed values; `limit` is the absolute value at both ends of the map.

    NaN, the mean of a group without images, gets the colour of 0.
    """
    scaled = np.clip(np.nan_to_num(values) / max(limit, 1e-12), -1, 1)
    return lut[(128 + scaled * 127).round().astype(np.uint8)]


def hex_colours(lut: Lut) -> list[str]:
    """Format a colour map's rows as `#rrggbb`."""
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in lut]


def plotly_scale(lut: Lut, steps: int = 11) -> list[tuple[float, str]]:
    """Format a colour map as a Plotly colour scale."""
    at = np.linspace(0, 255, steps).round().astype(int)
    return [(float(a) / 255, c) for a, c in zip(at, hex_colours(lut[at]), strict=True)]


def ink(dark: bool) -> str:
    """Return the colour of text and axes in figures."""
    return "#e6e9ef" if dark else "#1c2330"


def muted(dark: bool) -> str:
    """Return the colour of secondary elements: grid lines, greyed points."""
    return "#3a4250" if dark else "#d5d9e0"


def _ramp(stops: str) -> Lut:
    colours = np.array([rgb(c) for c in stops.split()], dtype=float)
    at = np.linspace(0, 255, len(colours))
    channels = [np.interp(np.arange(256), at, colours[:, k]) for k in range(3)]
    return np.stack(channels, 1).round().astype(np.uint8)


def _receding(lut: Lut, page: str) -> Lut:
    """Blend the middle of a colour map with the page and keep its ends."""
    kept = 1 - (1 - np.abs(np.linspace(-1, 1, len(lut)))[:, None]) ** 3
    return (kept * lut + (1 - kept) * np.array(rgb(page))).round().astype(np.uint8)


def rgb(colour: str) -> list[int]:
    """Parse a colour such as `#3366cc` into three numbers in 0..255."""
    return list(bytes.fromhex(colour[1:]))


def _shade(colour: str, factor: Number) -> str:
    return "#" + bytes(round(v * factor) for v in rgb(colour)).hex()
