"""Frames of an interpolation, with the cluster probabilities below them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import sprites, theme
from ..axes import Axis, Plot
from ..drawing import MARKS, Drawing, legend, mark, picture, segment
from ..probabilities import percent

__all__ = [
    "crossing",
    "film_strip",
]

WIDTH, LEFT, HIGH = 880, 60, 200
"""Width, room for the axis at the left, and height of the lines' plot."""
SEEN = 0.01
"""Clusters that stay below this probability in every frame are left out."""


def film_strip(
    images: NDArray[np.floating],
    probs: NDArray[np.floating],
    names: Sequence[str],
    *,
    order: Sequence[int] | None = None,
) -> Drawing:
    """Draw frames from left to right, and under each its q(c|x), one line per cluster.

    Args:
        images: (frames, height, width) or (frames, channels, height, width), in [0, 1].
        probs: (frames, clusters), rows sum to 1.
        names: One per cluster.
        order: The clusters in the order of the legend and the colours; by number if None.
    """
    order = range(len(names)) if order is None else order
    along, half = np.linspace(0, 1, len(images)), 0.5 / max(len(images) - 1, 1)
    room = WIDTH - LEFT
    strip = room / len(images) * images.shape[-2] / images.shape[-1]
    plot = Plot(
        box=(LEFT, strip + 6, room, HIGH),
        x=replace(Axis.shares("share of the path"), low=-half, high=1 + half),
        y=Axis.shares("q(c|x)", parts=2, pad=0.06),
    )
    parts = [picture(_frames(images), (LEFT, 0, room, strip)), *plot.axes()]
    entries, columns = [], []
    for place, (c, colour) in enumerate(zip(order, theme.categorical(len(names)), strict=True)):
        if probs[:, c].max() < SEEN:
            continue
        kind = list(MARKS)[place % len(MARKS)]
        parts += _line(plot, along, probs[:, c], names[c], colour, kind)
        sample = segment([(-10, 0), (10, 0)], colour=colour, width=2.5)
        entries.append((sample + mark(0, 0, kind=kind, size=5, colour=colour), names[c]))
        columns.append(c)
    low = strip + 6 + HIGH + 40
    listed, high = legend(entries, LEFT, low, room)
    return Drawing.of(
        (WIDTH, low + high),
        [*parts, *listed],
        columns=("share of the path", *(names[c] for c in columns)),
        rows=[
            (f"{100 * x:.0f} %", *(percent(p) for p in line))
            for x, line in zip(along, probs[:, columns], strict=True)
        ],
    )


def _frames(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the frames side by side, with a darker line between them."""
    width = images.shape[-1]
    strip = sprites.sheet(images, columns=len(images))
    strip[:, width::width] //= 2
    return strip


def _line(
    plot: Plot,
    along: NDArray[np.floating],
    probs: NDArray[np.floating],
    name: str,
    colour: str,
    kind: str,
) -> list[str]:
    marks = [
        mark(
            *plot.at(x, p),
            f"{name}: {percent(p)} at {100 * x:.0f} % of the path",
            kind=kind,
            size=4.5,
            colour=colour,
        )
        for x, p in zip(along, probs, strict=True)
    ]
    return [plot.line(along, probs, colour=colour), *marks]


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
