"""The latent map as small files: places, one byte a point for each colouring, pictures.

Places are sorted along a Morton curve, so that points near each other on the map share a
sheet of pictures; each place carries its image's row of the index, which is its identity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.figures import sprites

SHEET_IMAGES, SHEET_COLUMNS = 1000, 40
UNDEFINED = 255
"""The byte of a point without a value: drawn grey."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The map in 16-bit steps over a square.

    Attributes:
        order: Row of the index of each place, along the Morton curve.
        blob: All x (uint16), all y (uint16), all rows (uint32), little endian.
        centre: Middle of the square in map units.
        half: Half the side of the square in map units.
    """

    order: NDArray[np.uint32]
    blob: bytes
    centre: tuple[float, float]
    half: float


def places(xy: NDArray[np.floating]) -> Places:
    """Pack map coordinates (images, 2)."""
    low, high = xy.min(0).astype(float), xy.max(0).astype(float)
    centre, half = (low + high) / 2, float((high - low).max() / 2 * 1.03) or 1.0
    steps = (((xy - centre) / half + 1) / 2 * 65535).round().astype("<u2")
    order = np.argsort(_morton(steps), kind="stable").astype("<u4")
    blob = steps[order, 0].tobytes() + steps[order, 1].tobytes() + order.tobytes()
    return Places(order=order, blob=blob, centre=(float(centre[0]), float(centre[1])), half=half)


def sheets(images: NDArray[np.uint8], order: NDArray[np.uint32]) -> Iterator[bytes]:
    """Give the sheets of pictures, in the order of the places."""
    for start in range(0, len(order), SHEET_IMAGES):
        cells = images[order[start : start + SHEET_IMAGES]]
        yield sprites.sprite_sheet(cells, SHEET_COLUMNS)


def categories(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Give a byte a point for categories; negative ones are undefined."""
    return np.where((values < 0) | (values >= UNDEFINED), UNDEFINED, values).astype(np.uint8)


def levels(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Give a byte a point for numbers: 0 at `low` and below, 254 at `high` and above."""
    share = np.clip((values.astype(float) - low) / max(high - low, 1e-12), 0, 1)
    return np.where(np.isfinite(share), (share * 254).round(), UNDEFINED).astype(np.uint8)


def colour_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Give the values at the ends of the colours: all but the outer hundredth each side."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99])
    return float(low), float(high)


def inside(corners: NDArray[np.floating], xy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which places lie inside a closed line (even-odd rule)."""
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
    """Give each category's middle on the map: category, x, y; empty ones are left out."""
    groups = ((c, xy[values == c]) for c in range(num_categories))
    middles = ((c, np.median(own, 0)) for c, own in groups if len(own))
    return [(c, float(m[0]), float(m[1])) for c, m in middles]


def _morton(steps: NDArray[np.uint16]) -> NDArray[np.uint32]:
    return _spread(steps[:, 0]) | (_spread(steps[:, 1]) << np.uint32(1))


def _spread(values: NDArray[np.uint16]) -> NDArray[np.uint32]:
    n = values.astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        n = (n | (n << np.uint32(shift))) & np.uint32(mask)
    return n
