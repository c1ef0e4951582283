"""Tabulate the content of each cluster."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...bundle.cluster_names import class_name

__all__ = [
    "overview",
]


def overview(
    index: pd.DataFrame,
    split: str,
    scale: NDArray[np.floating],
    cluster_labels: Sequence[int],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Tabulate each cluster: size, name, purity, confidence and scale.

    Args:
        index: The bundle's index.
        split: Split whose images are counted.
        scale: sigma_c of each cluster.
        cluster_labels: The label that each cluster is named after, -1 for none.
        class_names: Names of labels.

    Returns:
        One row per cluster: images, share of the split, label, share of its images with that
        label, mean and median confidence, sigma_c. The label's columns are missing without labels.
    """
    picked = index[index["split"] == split]
    groups = picked.groupby("cluster")["confidence"].agg(["size", "mean", "median"])
    groups = groups.reindex(range(len(scale)))
    size = groups["size"].fillna(0).astype(int)
    table = pd.DataFrame({"cluster": range(len(scale)), "images": size.to_numpy()})
    table["share"] = table["images"] / max(len(picked), 1)
    if any(label >= 0 for label in cluster_labels):
        named = [*cluster_labels, *[-1] * len(scale)][: len(scale)]
        table["label"] = [class_name(label, class_names) for label in named]
        table["purity"] = [_purity(picked, c, label) for c, label in enumerate(named)]
    table["mean_confidence"] = groups["mean"].to_numpy()
    table["median_confidence"] = groups["median"].to_numpy()
    table["sigma"] = scale
    return table


def _purity(picked: pd.DataFrame, cluster: int, label: int) -> float:
    own = picked.loc[picked["cluster"] == cluster, "label"]
    return float((own == label).mean()) if len(own) and label >= 0 else float("nan")
