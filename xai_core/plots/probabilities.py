"""Probabilities of clusters as bars."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .drawing import Drawing, text

__all__ = [
    "bar_chart",
    "percent",
    "share",
]

WIDTH, ROW, NAME, NUMBER = 330, 22, 7.5, 84
"""Width of the chart, height of a row, width of a letter of a name, room for a number."""


def bar_chart(
    probs: NDArray[np.floating],
    names: Sequence[str],
    *,
    order: Sequence[int] | None = None,
    before: NDArray[np.floating] | None = None,
    symbol: str = "q(c|x)",
) -> Drawing:
    """Draw one bar per cluster, in the cluster's colour, with its number.

    Args:
        probs: (clusters,), sum 1.
        names: One per cluster.
        order: The clusters in the order of bars and colours; by number if None.
        before: Probabilities to compare with, drawn as a line across each bar.
        symbol: Symbol for the axis.
    """
    order = list(range(len(names)) if order is None else order)
    left = min(NAME * max(len(names[c]) for c in order) + 10, WIDTH // 2)
    full, low = WIDTH - left - NUMBER, ROW * len(order)
    parts = [_rule(left + full * at, low, f"{100 * at:.0f} %") for at in (0, 0.5, 1)]
    for row, (c, colour) in enumerate(zip(order, theme.categorical(len(names)), strict=False)):
        top, long = ROW * row, max(full * float(probs[c]), 0.5)
        parts += [
            text(names[c], left - 6, top + ROW / 2, anchor="end"),
            f'<rect x="{left}" y="{top + 3}" width="{long:.1f}" height="{ROW - 6}" '
            f'fill="{colour}"/>',
            text(percent(probs[c]), left + long + 5, top + ROW / 2),
        ]
        if before is not None:
            at = left + full * float(before[c])
            parts.append(
                f'<path d="M{at:.1f} {top + 1}v{ROW - 2}" stroke="currentColor" stroke-width="2"/>'
            )
    parts.append(text(symbol, left + full / 2, low + 36, anchor="middle"))
    both = [probs] if before is None else [probs, before]
    return Drawing.of(
        (WIDTH, low + 46),
        parts,
        columns=("class", symbol, "before")[: 1 + len(both)],
        rows=[(names[c], *(percent(shown[c]) for shown in both)) for c in order],
    )


def percent(probability: Number) -> str:
    """Format a probability with one decimal, without rounding it to 0 or 1.

    A float32 probability of exactly 0 or 1 is itself a rounding result, so it is not shown as
    certain either.
    """
    if probability <= 0.0005:
        return "under 0.1 %"
    if probability >= 0.9995:
        return "over 99.9 %"
    return f"{100 * probability:.1f} %"


def share(counted: Number) -> str:
    """Format a share of a count: as `percent`, but exact for all or none."""
    return f"{100 * counted:.0f} %" if counted in (0, 1) else percent(counted)


def _rule(x: Number, low: int, words: str) -> str:
    line = f'<path d="M{x:.1f} 0V{low}" stroke="currentColor" stroke-opacity="0.2"/>'
    return line + text(words, x, low + 14, anchor="middle")
