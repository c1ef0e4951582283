"""Images that the model finds hard: unsure ones, and those of the most confused pair."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Confused(NamedTuple):
    """A label, the cluster named otherwise that holds most images of it, and their rows."""

    label: int
    cluster: int
    rows: NDArray[np.intp]


def least_sure(index: pd.DataFrame) -> NDArray[np.intp]:
    """Order all rows by confidence, the least sure first."""
    return np.argsort(index["confidence"].to_numpy(), kind="stable")


def most_confused(index: pd.DataFrame, cluster_labels: Sequence[int]) -> Confused:
    """Find the label and cluster that are confused most often; the surest mistakes first.

    Args:
        index: Of the bundle.
        cluster_labels: The label that each cluster was named after, -1 for none; an image in
            such a cluster counts as no mistake, nor does one without a label.

    Returns:
        The pair and its rows; no rows where nothing is confused.
    """
    label, cluster = index["label"].to_numpy(), index["cluster"].to_numpy()
    named = np.asarray(cluster_labels)[cluster]
    wrong = np.flatnonzero((label >= 0) & (named >= 0) & (label != named))
    if not len(wrong):
        return Confused(-1, -1, wrong)
    pairs, which, counts = np.unique(
        np.stack([label[wrong], cluster[wrong]], 1), axis=0, return_inverse=True,
        return_counts=True,
    )  # fmt: skip
    most = int(counts.argmax())
    rows = wrong[which.ravel() == most]
    order = np.argsort(-index["confidence"].to_numpy()[rows], kind="stable")
    return Confused(int(pairs[most, 0]), int(pairs[most, 1]), rows[order])
