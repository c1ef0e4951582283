"""Numbers along the path from an image to its counterfactual, one value per frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..axes import Axis, Plot
from ..drawing import Drawing, mark, rectangle, text
from ..probabilities import percent
from ..style import plain

__all__ = [
    "density_lines",
    "probability_lines",
]

SEEN = 0.02
"""Classes that stay below this probability in every frame are left out."""
PATH_AXIS = "share of the path"
WIDTH, HIGH = 460, 250
"""Width of a chart and height of its plot."""


def probability_lines(
    probs: NDArray[np.floating],
    names: Sequence[str],
    colours: Sequence[str],
    *,
    source: int,
    target: int,
    at: int,
    stop: Number,
    symbol: str,
) -> Drawing:
    """Draw the probability of each class, one line per class, labelled in the figure.

    Args:
        probs: (frames, classes), rows sum to 1.
        names: One per class.
        colours: One per class, `#rrggbb`.
        source: The class at the first frame: a dashed line.
        target: The target class: a thick line.
        at: The frame to mark.
        stop: The probability at which the target counts as reached.
        symbol: Symbol for the axis.
    """
    along = np.linspace(0, 1, len(probs))
    seen = [c for c in range(len(names)) if probs[:, c].max() >= SEEN or c in (source, target)]
    plot = Plot(
        box=(56, 18, WIDTH - 68, HIGH),
        x=Axis.shares(PATH_AXIS),
        y=Axis.shares(symbol, parts=2, pad=0.05),
    )
    parts = [*plot.axes(), plot.level(stop), plot.upright(along[at])]
    for c in sorted(seen, key=lambda c: (c == target, c == source)):
        width, dash = (4, "") if c == target else (2.5, "dash" if c == source else "dot")
        parts.append(plot.line(along, probs[:, c], colour=colours[c], width=width, dash=dash))
        parts += _dots(plot, along, probs[:, c], names[c], colours[c])
    ends = {source: 0, target: len(probs) - 1}
    for c in seen:
        peak = ends.get(c, int(probs[:, c].argmax()))
        parts.append(_name(plot, along[peak], probs[peak, c], names[c], bold=c in ends))
    return Drawing.of(
        (WIDTH, HIGH + 60),
        parts,
        columns=("frame", *(names[c] for c in seen)),
        rows=[(str(k + 1), *(percent(p) for p in line)) for k, line in enumerate(probs[:, seen])],
    )


def density_lines(
    density: NDArray[np.floating], usual: tuple[Number, Number, Number], *, at: int
) -> Drawing:
    """Draw log p(z) along the path, over the range of real images' codes.

    Args:
        density: (frames,), in nats.
        usual: The 5th, 50th and 95th percentile over real images.
        at: The frame to mark.
    """
    along, (low, middle, high) = np.linspace(0, 1, len(density)), usual
    least, most = min(low, float(density.min())), max(high, float(density.max()))
    room = 0.12 * max(most - least, 1.0)
    plot = Plot(
        box=(60, 18, WIDTH - 72, HIGH),
        x=Axis.shares(PATH_AXIS),
        y=Axis.numbers(least - room, most + room, "log p(z), nats"),
    )
    (left, top), (right, base) = plot.at(plot.x.low, high), plot.at(plot.x.high, low)
    blue = theme.CATEGORIES[0]
    parts = [
        rectangle((left, top, right - left, base - top), blue, opacity=0.18),
        *plot.axes(),
        plot.level(middle, colour=blue),
        text("9 in 10 real images", left + 6, top + 10),
        plot.upright(along[at]),
        plot.line(along, density),
    ]
    for x, y in zip(along, density, strict=True):
        title = f"{plain(y, 1)} nats at {100 * x:.0f} % of the path"
        parts.append(mark(*plot.at(x, y), title, size=3))
    return Drawing.of(
        (WIDTH, HIGH + 60),
        parts,
        columns=("frame", "log p(z), nats"),
        rows=[(str(k + 1), plain(y, 1)) for k, y in enumerate(density)],
    )


def _dots(
    plot: Plot,
    along: NDArray[np.floating],
    probs: NDArray[np.floating],
    name: str,
    colour: str,
) -> list[str]:
    """Draw a dot per frame, with its number at the pointer."""
    return [
        mark(
            *plot.at(x, p),
            f"{name}: {percent(p)} at {100 * x:.0f} % of the path",
            size=2.5,
            colour=colour,
        )
        for x, p in zip(along, probs, strict=True)
    ]


def _name(plot: Plot, x: Number, y: Number, name: str, *, bold: bool) -> str:
    """Label a line: the source at its start, the target at its end, others at their peak."""
    across, up = plot.at(x, min(float(y), 1.0))
    anchor, shift = ("start", 6) if x < 0.1 else ("end", -6) if x > 0.9 else ("middle", 0)
    more = 'font-weight="bold"' if bold else ""
    return text(name, across + shift, up - 11, anchor=anchor, more=more)
