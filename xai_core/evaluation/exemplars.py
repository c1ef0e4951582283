"""Images to show: typical, least certain, misplaced, or on the border of two clusters."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy.typing import NDArray

__all__ = [
    "Confused",
    "choose_for_split",
    "least_sure",
    "margins",
    "most_confused",
    "pick",
    "smallest_margins",
]

Rows = Int[np.ndarray, " rows"]


def margins(probs: Float[np.ndarray, "rows clusters"]) -> Float[np.ndarray, " rows"]:
    """Return the gap between the largest and the second largest probability of each row."""
    best = np.partition(probs, -2, axis=1)[:, -2:]
    return best[:, 1] - best[:, 0]


def smallest_margins(
    confidence: Float[np.ndarray, " images"],
    probs_of: Callable[[Rows], Float[np.ndarray, "rows clusters"]],
    count: int,
    *,
    batch: int = 128,
) -> tuple[Rows, Float[np.ndarray, "rows clusters"]]:
    """Find the rows with the smallest margins without evaluating all of them.

    A margin is at least 2 confidence - 1, since the second probability is at most 1 - confidence.
    So rows are evaluated in order of confidence until no later one can have a smaller margin.

    Args:
        confidence: The largest probability of each row.
        probs_of: Evaluates the probabilities of some rows, (rows, clusters).
        count: Number of rows to find.
        batch: Rows evaluated at once.

    Returns:
        Rows, the smallest margin first, and their probabilities.
    """
    order = np.argsort(confidence, kind="stable")
    rows, probs = order[:batch], probs_of(order[:batch])
    for start in range(batch, len(order) + batch, batch):
        best = np.argsort(margins(probs), kind="stable")[:count]
        rows, probs = rows[best], probs[best]
        some = order[start : start + batch]
        enough = (
            len(rows) == count and margins(probs)[-1] <= 2 * confidence[some].min(initial=1) - 1
        )
        if enough or not len(some):
            break
        rows, probs = np.concatenate([rows, some]), np.concatenate([probs, probs_of(some)])
    return rows, probs


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
    """Choose rows of the index, from the test images if the bundle has any.

    Args:
        index: The bundle's index.
        choice: The rule, see `CHOICES`.
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
    """Return page number `page` of an order, starting over after the last one."""
    pages = max(len(order) // count, 1)
    start = page % min(pages, 20) * count
    return order[start : start + count]


class Confused(NamedTuple):
    """A label, the wrongly named cluster that holds most of its images, and their rows."""

    label: int
    cluster: int
    rows: NDArray[np.intp]


def least_sure(index: pd.DataFrame) -> NDArray[np.intp]:
    """Return all rows by confidence, the least certain first."""
    return np.argsort(index["confidence"].to_numpy(), kind="stable")


def most_confused(index: pd.DataFrame, cluster_labels: Sequence[int]) -> Confused:
    """Find the label and the cluster that are confused most often, confident mistakes first.

    Args:
        index: Index of the bundle.
        cluster_labels: The label that each cluster is named after, -1 for none. Images in a
            cluster with -1 and images without a label do not count as mistakes.

    Returns:
        The pair and its rows; no rows if no image is confused.
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


How = Literal["One a cluster", "Random", "Least sure"]
HOWS: dict[How, str] = {
    "One a cluster": "one image drawn from each cluster, as many as there is room for",
    "Random": "images drawn at random",
    "Least sure": "the images whose cluster the model is least sure of",
}
"""What each rule selects."""


def choose_for_split(
    index: pd.DataFrame, split: str, how: How, *, count: int, seed: int
) -> NDArray[np.int64]:
    """Choose rows of one split.

    Args:
        index: The bundle's index.
        split: "train" or "test".
        how: The rule, see `HOWS`.
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
