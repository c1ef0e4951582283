"""Images on the border of two clusters: the smallest margins between the two best."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

__all__ = ["margins", "smallest_margins"]

Rows = Int[np.ndarray, " rows"]


def margins(probs: Float[np.ndarray, "rows clusters"]) -> Float[np.ndarray, " rows"]:
    """Give the gap between the largest and the second largest probability of each row."""
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

    A margin is at least 2 confidence - 1, since the second probability is at most what the
    first leaves. So rows are tried in the order of their confidence until no later one can do.

    Args:
        confidence: The largest probability of each row.
        probs_of: Evaluates the probabilities of some rows, (rows, clusters).
        count: Rows to find.
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
