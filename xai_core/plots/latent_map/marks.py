"""Marks on the map other than its points, each with a picture: rings, a path, a cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import sprites

__all__ = [
    "Marks",
    "packed",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """Marks of one kind.

    Attributes:
        kind: "sample" (double rings), "path" (a line with dots, a star at its end), "place" (a
            cross) or "own" (a diamond).
        places: Coordinates on the map (marks, 2).
        images: Pictures shown on hover, in a form that `sprites.pixels` accepts.
        words: A title and a line per mark.
    """

    kind: Literal["sample", "path", "place", "own"]
    places: NDArray[np.floating]
    images: NDArray[np.generic]
    words: Sequence[tuple[str, str]]

    def __post_init__(self) -> None:
        """Check that all fields have one entry per mark."""
        counts = len(self.places), len(self.images), len(self.words)
        if len(set(counts)) > 1:
            raise ValueError(
                "`places`, `images` and `words` must have equal lengths, got {} and {} and {}."
                .format(*counts)
            )  # fmt: skip


def packed(marks: Marks) -> dict[str, Any]:
    """Encode marks for the browser: places rounded to a thousandth, pictures in one row."""
    return {
        "kind": marks.kind,
        "at": np.asarray(marks.places, float).round(3).tolist(),
        "words": [list(pair) for pair in marks.words],
        "png": sprites.data_url(sprites.sprite_sheet(marks.images, max(len(marks.images), 1))),
    }
