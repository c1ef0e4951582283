"""Which images to lay out for a person to pick from."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Choice = Literal["Random", "Most typical", "Least sure", "Odd one out"]

CHOICES: dict[Choice, str] = {
    "Random": "Test images drawn at random.",
    "Most typical": "The best explained images (highest ELBO) of each cluster.",
    "Least sure": "The images whose cluster the model is least sure of.",
    "Odd one out": "Images in a cluster that is named after another label.",
}


def pick(
    index: pd.DataFrame, choice: Choice, *, count: int, seed: int, cluster_labels: list[int]
) -> NDArray[np.int64]:
    """Choose rows of the index: test images where there are any.

    Args:
        index: The bundle's index.
        choice: What to look for.
        count: Rows at most.
        seed: Another seed gives other images.
        cluster_labels: The label that each cluster is named after, -1 for none.
    """
    rows = np.flatnonzero((index["split"] == "test").to_numpy())
    rows = rows if len(rows) else np.arange(len(index))
    rng = np.random.default_rng(seed)
    if choice == "Most typical":
        return _typical(index, rows, count, seed)
    if choice == "Least sure":
        order = rows[np.argsort(index["confidence"].to_numpy()[rows], kind="stable")]
        return _window(order, count, seed)
    if choice == "Odd one out":
        named = np.asarray(cluster_labels or [-1])[index["cluster"].to_numpy()[rows]]
        label = index["label"].to_numpy()[rows]
        rows = rows[(named != label) & (label >= 0)]
    return rng.permutation(rows)[:count]


def _typical(
    index: pd.DataFrame, rows: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    cluster, elbo = index["cluster"].to_numpy()[rows], index["elbo"].to_numpy()[rows]
    clusters = np.unique(cluster)
    each = -(-count // len(clusters))
    best = []
    for c in clusters:
        own = rows[cluster == c]
        best.append(_window(own[np.argsort(-elbo[cluster == c], kind="stable")], each, seed))
    return np.concatenate(best)[:count]


def _window(order: NDArray[np.int64], count: int, page: int) -> NDArray[np.int64]:
    """Take the page-th run of an order, starting over at its end."""
    pages = max(len(order) // count, 1)
    start = page % min(pages, 20) * count
    return order[start : start + count]
