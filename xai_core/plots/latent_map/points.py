"""The latent map as small files: places, one byte per point and colouring, pictures.

Places are sorted along a Morton curve, so that nearby points share a sheet of pictures. Each place
stores the index row of its image as its identity. Of very many images only some get a place: all
in sparse regions, fewer in dense ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._numbers import Number
from .. import sprites

__all__ = [
    "Places",
    "categories",
    "colour_range",
    "inside",
    "levels",
    "medians",
    "places",
    "sheets",
]

SHEET_IMAGES, SHEET_COLUMNS = 1000, 40
MOST_PLACES = 100_000
"""Largest number of points sent to a browser and drawn."""
CELL_BITS = 16
"""Low bits of a 32-bit Morton code, within a cell of the density grid: a square of 1/256."""
UNDEFINED = 255
"""The byte of a point without a value: drawn grey."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The map in 16-bit steps over a square.

    Attributes:
        along: All rows of the index, along the Morton curve.
        order: Index row of each place, that is, of each point drawn, in the same order.
        blob: All x (uint16), all y (uint16), all rows (uint32), little endian.
        centre: Middle of the square in map units.
        half: Half the side of the square in map units.
    """

    along: NDArray[np.uint32]
    order: NDArray[np.uint32]
    blob: bytes
    centre: tuple[Number, Number]
    half: Number


def places(xy: NDArray[np.floating], most: int = MOST_PLACES) -> Places:
    """Pack map coordinates (images, 2) of at most `most` images."""
    low, high = xy.min(0).astype(float), xy.max(0).astype(float)
    centre, half = (low + high) / 2, float((high - low).max() / 2 * 1.03) or 1.0
    steps = (((xy - centre) / half + 1) / 2 * 65535).round().astype("<u2")
    codes = _morton(steps)
    along = np.argsort(codes, kind="stable").astype("<u4")
    order = along[_thinned(codes[along] >> np.uint32(CELL_BITS), most)]
    blob = steps[order, 0].tobytes() + steps[order, 1].tobytes() + order.tobytes()
    middle = (float(centre[0]), float(centre[1]))
    return Places(along=along, order=order, blob=blob, centre=middle, half=half)


def sheets(
    images: Callable[[NDArray[np.uint32]], NDArray[np.uint8]], order: NDArray[np.uint32]
) -> Iterator[bytes]:
    """Return the sheets of pictures, in the order of the places.

    Args:
        images: Returns the images of given index rows.
        order: Row of each place.
    """
    for start in range(0, len(order), SHEET_IMAGES):
        cells = images(order[start : start + SHEET_IMAGES])
        yield sprites.sprite_sheet(cells, SHEET_COLUMNS)


def categories(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return one byte per point for categories; negative ones are undefined."""
    return np.where((values < 0) | (values >= UNDEFINED), UNDEFINED, values).astype(np.uint8)


def levels(values: NDArray[np.floating], low: Number, high: Number) -> NDArray[np.uint8]:
    """Return one byte per point for numbers: 0 up to `low`, 254 from `high` on."""
    share = np.clip((values.astype(float) - low) / max(high - low, 1e-12), 0, 1)
    return np.where(np.isfinite(share), (share * 254).round(), UNDEFINED).astype(np.uint8)


def colour_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the values at the ends of the scale: the 1st and the 99th percentile."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99])
    return float(low), float(high)


def inside(corners: NDArray[np.floating], xy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mark the places inside a closed polygon (even-odd rule)."""
    found = np.zeros(len(xy), bool)
    near = np.flatnonzero(((xy >= corners.min(0)) & (xy <= corners.max(0))).all(1))
    x, y = xy[near, 0].astype(float), xy[near, 1].astype(float)
    odd = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        if y0 == y1:
            continue
        crossed = (y0 > y) != (y1 > y)
        odd ^= crossed & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    found[near[odd]] = True
    return found


def medians(
    xy: NDArray[np.floating], values: NDArray[np.integer], num_categories: int
) -> list[tuple[int, float, float]]:
    """Return each category's centre on the map: category, x, y; empty ones are omitted."""
    groups = ((c, xy[values == c]) for c in range(num_categories))
    middles = ((c, np.median(own, 0)) for c, own in groups if len(own))
    return [(c, float(m[0]), float(m[1])) for c, m in middles]


def _thinned(cells: NDArray[np.uint32], most: int) -> NDArray[np.bool_]:
    """Mark the points to keep, given the sorted cell numbers.

    A cell of n points keeps min(n, s sqrt(n)), at least one, evenly spaced along the curve: all of
    them up to n = s^2, and an increasing number beyond, so that density stays visible. s is the
    largest value that keeps at most `most` points. If there are more cells than that, cells are
    thinned evenly, too.
    """
    if len(cells) <= most:
        return np.ones(len(cells), bool)
    starts = np.flatnonzero(np.diff(cells, prepend=cells[:1] + np.uint32(1)))
    counts = np.diff(starts, append=len(cells))

    def kept(scale: Number) -> NDArray[np.intp]:
        return np.minimum(counts, np.maximum(scale * np.sqrt(counts), 1).astype(np.intp))

    low, high = 0.0, float(np.sqrt(counts.max()))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle).sum() <= most else (low, middle)
    rank = np.arange(len(cells)) - np.repeat(starts, counts)
    keep = _evenly(rank, np.repeat(counts, counts), np.repeat(kept(low), counts))
    chosen = np.flatnonzero(keep)
    if len(chosen) > most:
        keep[chosen] = _evenly(np.arange(len(chosen)), len(chosen), most)
    return keep


def _evenly(
    rank: NDArray[np.intp], count: NDArray[np.intp] | int, wanted: NDArray[np.intp] | int
) -> NDArray[np.bool_]:
    """Return whether a rank in [0, count) is among `wanted` evenly spaced ones."""
    found: NDArray[np.bool_] = (rank + 1) * wanted // count > rank * wanted // count
    return found


def _morton(steps: NDArray[np.uint16]) -> NDArray[np.uint32]:
    return _spread(steps[:, 0]) | (_spread(steps[:, 1]) << np.uint32(1))


def _spread(values: NDArray[np.uint16]) -> NDArray[np.uint32]:
    n = values.astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        n = (n | (n << np.uint32(shift))) & np.uint32(mask)
    return n
