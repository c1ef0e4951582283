"""The decisions on a plane of codes, as pictures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import theme
from ..sprites import Pixels

__all__ = ["differences", "regions"]

FAINTEST, STRONGEST = 0.1, 0.5
"""Opacity of an undecided and of a certain cell."""


def regions(probs: NDArray[np.floating], colours: Sequence[str], columns: int) -> Pixels:
    """Colour each cell by its most probable cluster, more opaque where that is more certain.

    Args:
        probs: One row per cell, rows of cells from the top, (cells, clusters).
        colours: One per cluster, `#rrggbb`.
        columns: Cells per row.

    Returns:
        (rows, columns, 4) bytes.
    """
    undecided = 1 / probs.shape[1]
    certainty = (probs.max(1) - undecided) / max(1 - undecided, 1e-9)
    strength = FAINTEST + (STRONGEST - FAINTEST) * certainty
    return _coloured(probs.argmax(1), strength, colours, columns)


def differences(
    left: NDArray[np.floating],
    right: NDArray[np.floating],
    colours: Sequence[str],
    columns: int,
) -> Pixels:
    """Colour the cells that two functions assign to different clusters, as the first does.

    Args:
        left: As `probs` in `regions`.
        right: Probabilities of the other function.
        colours: As in `regions`.
        columns: As in `regions`.

    Returns:
        (rows, columns, 4) bytes, transparent where both agree.
    """
    differ = left.argmax(1) != right.argmax(1)
    return _coloured(left.argmax(1), STRONGEST * differ, colours, columns)


def _coloured(
    groups: NDArray[np.integer],
    strength: NDArray[np.floating],
    colours: Sequence[str],
    columns: int,
) -> Pixels:
    known = np.array([theme.rgb(colour) for colour in colours], np.float64)
    cells = np.column_stack([known[groups], 255 * strength])
    return cells.round().astype(np.uint8).reshape(-1, columns, 4)
