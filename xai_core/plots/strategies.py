"""The map of a class's heatmaps, coloured by strategy."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from . import theme
from .axes import Axis, Plot
from .drawing import MARKS, Drawing, legend, mark

__all__ = ["heatmap_places"]

WIDTH, HEIGHT = 420, 320


def heatmap_places(
    places: Float[np.ndarray, "images 2"],
    groups: Int[np.ndarray, " images"],
    names: Sequence[str],
    ids: Sequence[str],
) -> Drawing:
    """Draw one mark per heatmap, its form and colour by strategy.

    Args:
        places: Places on the map.
        groups: Number of each heatmap's strategy.
        names: Names of the strategies.
        ids: Names of the images, which show at the pointer.
    """
    (left, low), (right, high) = places.min(0), places.max(0)
    pad = 0.04 * max(right - left, high - low, 1e-6)
    colours, kinds = theme.categorical(len(names)), list(MARKS)
    samples = [
        mark(0, 0, kind=kinds[k % len(kinds)], size=5, colour=colours[k])
        for k in range(len(names))
    ]
    listed, height = legend(list(zip(samples, names, strict=True)), 4, 4, WIDTH - 8)
    plot = Plot(
        box=(4, height + 8, WIDTH - 8, HEIGHT),
        x=Axis(low=float(left - pad), high=float(right + pad), ticks=[]),
        y=Axis(low=float(low - pad), high=float(high + pad), ticks=[]),
    )
    marks = [
        mark(
            *plot.at(x, y), f"{name}: {names[k]}", kind=kinds[k % len(kinds)], size=3,
            colour=colours[k],
        )
        for (x, y), k, name in zip(places.tolist(), groups.tolist(), ids, strict=True)
    ]  # fmt: skip
    return Drawing.of(
        (WIDTH, height + HEIGHT + 12),
        [*listed, *marks],
        columns=("image", "strategy"),
        rows=[(name, names[k]) for name, k in zip(ids, groups.tolist(), strict=True)],
    )
