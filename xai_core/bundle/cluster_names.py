"""Names of clusters and the order in which they are listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

__all__ = [
    "ClusterNames",
    "class_name",
    "letters",
    "name_clusters",
]

PURE, MOSTLY = 0.9, 0.5
"""Least shares of a cluster's labelled images for the names "4s" and "mostly 4s"."""


@dataclass(frozen=True)
class ClusterNames:
    """Names of clusters.

    Attributes:
        names: One distinct name per cluster.
        order: The clusters sorted by label, those without one last.
        labelled: Whether the automatic names come from labels.
        given: The clusters whose names people gave.
    """

    names: tuple[str, ...]
    order: tuple[int, ...]
    labelled: bool
    given: frozenset[int] = frozenset()

    @property
    def meaning(self) -> str:
        """Explain the names; "" if they come neither from labels nor from people."""
        by_hand = " Names that people gave stand in their place." if self.given else ""
        example = next((self.names[c] for c in self.order if c not in self.given), None)
        if not self.labelled or example is None:
            return by_hand.strip()
        return (
            f"A cluster is called by what it holds, {example} for example, after the most "
            f"frequent label of its training images: with 'mostly' where fewer than {PURE:.0%} "
            f"of them have it, and 'mixed' where fewer than {MOSTLY:.0%} do. The names were given "
            f"after training, which used no label.{by_hand}"
        )

    def renamed(self, given: Mapping[int, str]) -> "ClusterNames":
        """Return the names with those that people gave; the order stays.

        A given name that another cluster has too is followed by the cluster's number.
        """
        names = [given.get(c, name) for c, name in enumerate(self.names)]
        shared = {name for name in given.values() if names.count(name) > 1}
        numbered = [
            f"{name} (cluster {c})" if c in given and name in shared else name
            for c, name in enumerate(names)
        ]
        return replace(self, names=tuple(numbered), given=frozenset(given))


def name_clusters(
    index: pd.DataFrame, num_clusters: int, class_names: Sequence[str]
) -> ClusterNames:
    """Name each cluster after its images' labels.

    Args:
        index: The bundle's index, with `split`, `label` (-1 for none) and `cluster`. Train images
            are counted, or all labelled ones where no train image has a label.
        num_clusters: Number of clusters, including empty ones.
        class_names: Names of labels.

    Returns:
        "4s" or "mostly 4s" after the most frequent label, "mixed" where none has half of the
        images, "empty" without images; letters "A", "B" ... where nothing is labelled. A name
        that several clusters share is followed by the cluster's number.
    """
    known = index[index["label"] >= 0]
    train = known[known["split"] == "train"]
    counted = train if len(train) else known
    if not len(counted):
        called = tuple(letters(c) for c in range(num_clusters))
        return ClusterNames(called, tuple(range(num_clusters)), labelled=False)
    table = pd.crosstab(counted["cluster"], counted["label"])
    counts = table.reindex(index=range(num_clusters), fill_value=0)
    labels = [int(label) for label in counts.columns[counts.to_numpy().argmax(1)]]
    sizes, most = counts.sum(axis=1).to_numpy(), counts.max(axis=1).to_numpy()
    purity = most / np.maximum(sizes, 1)
    plain = [_name(p, class_name(y, class_names)) for p, y in zip(purity, labels, strict=True)]
    names = tuple(
        name if plain.count(name) == 1 and purity[c] >= MOSTLY else f"{name} (cluster {c})"
        for c, name in enumerate(plain)
    )
    order = sorted(range(num_clusters), key=lambda c: (purity[c] < MOSTLY, labels[c], -purity[c]))
    return ClusterNames(names, tuple(order), labelled=True)


def class_name(label: int, class_names: Sequence[str]) -> str:
    """Return the data set's name of a label, or its number; a dash for no label."""
    if label < 0:
        return "\N{EN DASH}"
    return class_names[label] if label < len(class_names) else str(label)


def _name(purity: float, called: str) -> str:
    if purity < MOSTLY:
        return "mixed" if purity > 0 else "empty"
    short = called.isdecimal() or (len(called) == 1 and called.isalpha())
    plural = f"{called}s" if short else called
    return plural if purity >= PURE else f"mostly {plural}"


def letters(number: int) -> str:
    """Write 0, 1, ... 25, 26 as A, B, ... Z, AA."""
    before, last = divmod(number, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)
