"""Which images stand in the figures that compare the train and the test set."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

How = Literal["One a cluster", "Random", "Least sure"]

HOWS: dict[How, str] = {
    "One a cluster": "one image drawn from each cluster, as many as there is room for",
    "Random": "images drawn at random",
    "Least sure": "the images whose cluster the model is least sure of",
}
"""What each choice means."""


def choose(
    index: pd.DataFrame, split: str, how: How, *, count: int, seed: int
) -> NDArray[np.int64]:
    """Choose rows of one split by the same rule for both.

    Args:
        index: The bundle's index.
        split: "train" or "test".
        how: The rule.
        count: Rows at most.
        seed: Another seed gives other images.
    """
    rows = np.flatnonzero((index["split"] == split).to_numpy())
    rng = np.random.default_rng((seed, split == "test"))
    if how == "Least sure":
        order = rows[np.argsort(index["confidence"].to_numpy()[rows], kind="stable")]
        return order[seed * count % max(len(order), 1) :][:count]
    drawn = rng.permutation(rows)
    if how == "Random":
        return drawn[:count]
    cluster = index["cluster"].to_numpy()[drawn]
    first = [drawn[cluster == c][:1] for c in np.unique(cluster)]
    return np.concatenate([*first, drawn[:0]])[:count]
