"""Measure the agreement of two clusterings and find the images on which they differ.

References:
    Comparing Partitions (Hubert & Arabie, 1985), for the adjusted Rand index.
    Cluster Ensembles (Strehl & Ghosh, 2002), for normalised mutual information.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Agreement", "agreement", "disagreements"]

Clusters = Int[np.ndarray, " images"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """How two clusterings compare.

    Attributes:
        counts: Images in each pair of a first cluster (rows) and a second one (columns).
        partner: The second cluster matched with each first one, one-to-one, so that as many
            images as possible agree; -1 for none.
        share: Share of the images whose two clusters are matched.
        nmi: Normalised mutual information; 1 if one clustering determines the other.
        ari: Adjusted Rand index; 0 by chance, 1 at best.
    """

    counts: Int[np.ndarray, "first second"]
    partner: Int[np.ndarray, " first"]
    share: float
    nmi: float
    ari: float


def agreement(
    first: Clusters, second: Int[np.ndarray, " others"], *, num_first: int, num_second: int
) -> Agreement:
    """Compare two clusterings.

    Args:
        first: The cluster of each image, in [0, num_first).
        second: The same for the second clustering, images in the same order.
        num_first: Clusters of the first.
        num_second: Clusters of the second.

    Raises:
        ValueError: If they differ in length or are empty.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(
            f"`first` and `second` must hold a cluster for each of the same images, got "
            f"{len(first)} and {len(second)}."
        )
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    pairs = np.bincount(first * num_second + second, minlength=num_first * num_second)
    counts = pairs.reshape(num_first, num_second)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    partner = np.full(num_first, -1, np.int64)
    partner[rows] = columns
    return Agreement(
        counts=counts,
        partner=partner,
        share=float(counts[rows, columns].sum() / len(first)),
        nmi=float(normalized_mutual_info_score(first, second)),
        ari=float(adjusted_rand_score(first, second)),
    )


def disagreements(
    found: Agreement,
    first: Clusters,
    second: Clusters,
    sure_first: Float[np.ndarray, " images"],
    sure_second: Float[np.ndarray, " images"],
) -> Int[np.ndarray, " rows"]:
    """Return the images whose two clusters are not matched, the most confident first.

    Args:
        found: Result of `agreement` for these clusters.
        first: The cluster of each image.
        second: The same for the second clustering.
        sure_first: Confidence of the first, max q(c|x).
        sure_second: Confidence of the second.
    """
    rows = np.flatnonzero(found.partner[first] != second)
    both = sure_first[rows].astype(float) * sure_second[rows]
    return rows[np.argsort(-both, kind="stable")]
