"""Marks on the map that stand for no point of it, each with a picture: rings, a path, a cross."""

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
        kind: "sample" (double rings), "way" (a line with dots, its end starred), "place" (a
            cross) or "own" (a diamond).
        places: On the map (marks, 2).
        images: Shown on pointing at each, as `sprites.pixels` takes them.
        words: A title and a line for each.
    """

    kind: Literal["sample", "way", "place", "own"]
    places: NDArray[np.floating]
    images: NDArray[np.generic]
    words: Sequence[tuple[str, str]]

    def __post_init__(self) -> None:
        """Check that there is one of each for every mark."""
        counts = len(self.places), len(self.images), len(self.words)
        if len(set(counts)) > 1:
            raise ValueError(
                "`places`, `images` and `words` must be equally many, got {} and {} and {}."
                .format(*counts)
            )  # fmt: skip


def packed(marks: Marks) -> dict[str, Any]:
    """Write marks for the browser: places rounded to a thousandth, pictures in one row."""
    return {
        "kind": marks.kind,
        "at": np.asarray(marks.places, float).round(3).tolist(),
        "words": [list(pair) for pair in marks.words],
        "png": sprites.data_url(sprites.sprite_sheet(marks.images, max(len(marks.images), 1))),
    }
