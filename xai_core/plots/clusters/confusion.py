"""Which labels fall into which clusters, counted."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..drawing import BAR, Drawing, breadth, colour_bar, heat_cell, text

__all__ = [
    "accuracy",
    "counts",
    "heat_map",
    "most_confused",
]

Shown = Literal["Counts", "% of the label"]
"""What the cells show."""
CELLS, CELL = 440, 38
"""Width of all cells together, if each is at least as wide as high, and height of a cell."""


def counts(index: pd.DataFrame, split: str, num_clusters: int, num_labels: int) -> pd.DataFrame:
    """Count the images of a split with each label (rows) in each cluster (columns)."""
    picked = index[(index["split"] == split) & (index["label"] >= 0)]
    table = pd.crosstab(picked["label"], picked["cluster"])
    return table.reindex(index=range(num_labels), columns=range(num_clusters), fill_value=0)


def accuracy(table: pd.DataFrame, cluster_labels: Sequence[int]) -> float:
    """Return the share of images whose cluster is named after their label."""
    hits = sum(
        table.at[label, cluster]
        for cluster, label in enumerate(cluster_labels)
        if label in table.index
    )
    return float(hits / max(table.to_numpy().sum(), 1))


def most_confused(
    table: pd.DataFrame, cluster_labels: Sequence[int]
) -> tuple[int, int, int, int] | None:
    """Find the label that falls into a cluster matched with another label most often.

    Returns:
        Label, cluster, number of its images there and in total; None if there is none.
    """
    wrong = table.copy()
    for cluster, label in enumerate(cluster_labels):
        if label < 0:
            wrong[cluster] = 0
        elif label in wrong.index:
            wrong.loc[label, cluster] = 0
    stacked = wrong.stack()
    if not len(stacked) or stacked.max() <= 0:
        return None
    label, cluster = stacked.idxmax()
    return int(label), int(cluster), int(stacked.max()), int(table.loc[label].sum())


def heat_map(
    table: pd.DataFrame,
    label_names: Sequence[str],
    cluster_names: Sequence[str],
    dark: bool,
    *,
    show: Shown = "Counts",
    row: str = "label",
    column: str = "cluster",
) -> Drawing:
    """Draw counts or shares of the row; the colour is the share.

    Args:
        table: Counts, labels by clusters, columns in the order to draw.
        label_names: One per row.
        cluster_names: One per column.
        dark: Whether the page has a dark theme.
        show: What is written in the cells; both are shown at the pointer.
        row: Noun for a row.
        column: Noun for a column.
    """
    counted = table.to_numpy()
    shares = counted / np.maximum(counted.sum(1, keepdims=True), 1)
    across = max(CELLS / max(len(cluster_names), 1), CELL)
    left, low = breadth(label_names) + 34, BAR + CELL * len(label_names)
    middle, scale = left + across * len(cluster_names) / 2, theme.shares(dark)
    names, below = _names(cluster_names, left, across, low)
    parts = [
        *colour_bar(scale, ("0 %", "50 %", "100 %"), f"share of the {row}", (left, 0, 260)),
        *_cells(counted, shares, (label_names, cluster_names), (left, across), scale,
                (show, row, column)),
        *(text(name, left - 6, BAR + CELL * (k + 0.5), anchor="end")
          for k, name in enumerate(label_names)),
        *names,
        text(column, middle, below, anchor="middle"),
        text(row, 9, (BAR + low) / 2, anchor="middle", turned=-90),
    ]  # fmt: skip
    cells = [[f"{n:,}" for n in line] for line in counted]
    return Drawing.of(
        (max(2 * middle - left, left + 260) + 14, below + 12),
        parts,
        columns=(row, *cluster_names),
        rows=[(name, *line) for name, line in zip(label_names, cells, strict=True)],
    )


def _names(
    names: Sequence[str], left: Number, across: Number, low: Number
) -> tuple[list[str], Number]:
    """Write the columns' names below a line, turned if they are long, and return what is below."""
    turned = breadth(names) > across - 4
    how: dict[str, Any] = {"anchor": "end", "turned": -40} if turned else {"anchor": "middle"}
    low += 8 if turned else 12
    parts = [text(name, left + across * (k + 0.5), low, **how) for k, name in enumerate(names)]
    return parts, low + (0.65 * breadth(names) + 14 if turned else 18)


def _cells(
    counted: NDArray[np.integer],
    shares: NDArray[np.floating],
    names: tuple[Sequence[str], Sequence[str]],
    place: tuple[float, float],
    scale: NDArray[np.uint8],
    words: tuple[Shown, str, str],
) -> list[str]:
    """Draw the cells, from a left edge and in a width; words are those of `heat_map`."""
    (left, across), (show, row, column), parts = place, words, []
    colours = scale[(255 * shares).round().astype(int)]
    for (i, j), count in np.ndenumerate(counted):
        x, y, share = left + across * j, BAR + CELL * i, float(shares[i, j])
        title = (
            f"{row} {names[0][i]} in {column} {names[1][j]}: {count:,} images, "
            f"{100 * share:.2f} % of the {row}"
        )
        said = f"{count}" if show == "Counts" else f"{100 * share:.1f}"
        parts += heat_cell((x, y, across, CELL), colours[i, j], said if count else "", title)
    return parts
