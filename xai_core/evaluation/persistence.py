"""How well clusters persist in other trainings, and the file that holds it.

References:
    Cluster-wise assessment of cluster stability (Hennig, 2007),
    https://doi.org/10.1016/j.csda.2006.11.025: a cluster's largest Jaccard similarity to a cluster
    of another clustering. From 0.75 it is a valid, stable cluster, below 0.6 not to be trusted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..bundle.paths import read_result, result_file

__all__ = ["STABLE", "Sweep", "persistence", "read_sweep", "sweep_file"]

STABLE = 0.75
"""Jaccard similarity from which a cluster counts as the same."""
Clusters = Int[np.ndarray, " images"]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What became of a bundle's clusters in other trainings.

    Attributes:
        digest: The bundle's digest.
        num_images: Number of train images, the first ones, that all trainings used.
        clusters: The values of K.
        seeds: The seeds of each K.
        persistence: Per cluster of the bundle and K, the mean over seeds of its largest Jaccard
            similarity to a cluster, in [0, 1].
        agreement: Per K, the mean adjusted Rand index of two seeds; no labels are used.
    """

    digest: str
    num_images: int
    clusters: tuple[int, ...]
    seeds: tuple[int, ...]
    persistence: tuple[tuple[float, ...], ...]
    agreement: tuple[float, ...]

    def persistent(self, num_clusters: int) -> list[int]:
        """Return the bundle's clusters that count as the same in trainings with so many."""
        column = np.array(self.persistence)[:, self.clusters.index(num_clusters)]
        return np.flatnonzero(column >= STABLE).tolist()


def sweep_file(folder: Path) -> Path:
    """Return the file of the sweep of the bundle in a folder; it need not exist."""
    return result_file(folder, "sweep")


def read_sweep(folder: Path, digest: str) -> Sweep | None:
    """Read the sweep of a bundle.

    Args:
        folder: Folder of the bundle.
        digest: Digest of the bundle.

    Returns:
        The sweep; None if there is none, or it is of another bundle that was in this folder.

    Raises:
        BundleError: If the file is damaged.
    """
    return read_result(sweep_file(folder), digest, _parsed, command="xai sweep")


def _parsed(found: dict[str, Any]) -> Sweep:
    table = tuple(tuple(map(float, row)) for row in found["persistence"])
    known = Sweep(
        digest=str(found["digest"]),
        num_images=int(found["num_images"]),
        clusters=tuple(map(int, found["clusters"])),
        seeds=tuple(map(int, found["seeds"])),
        persistence=table,
        agreement=tuple(map(float, found["agreement"])),
    )
    if {len(row) for row in table} | {len(known.agreement)} != {len(known.clusters)}:
        raise ValueError("lengths")
    return known


def persistence(
    reference: Clusters, other: Clusters, num_clusters: int
) -> Float[np.ndarray, " k"]:
    """Return each cluster's largest Jaccard similarity to a cluster of another clustering.

    Args:
        reference: Cluster of each image.
        other: Cluster of each image in the other clustering.
        num_clusters: Number of clusters of the reference; an empty one has similarity 0.
    """
    both = np.zeros((num_clusters, int(other.max()) + 1))
    np.add.at(both, (reference, other), 1)
    either = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    return (both / np.maximum(either, 1)).max(1)
