"""Which labels fall into which clusters, counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard import theme
from dashboard.figures.style import styled


def counts(index: pd.DataFrame, split: str, num_clusters: int, num_labels: int) -> pd.DataFrame:
    """Count the images of a split with each label (rows) in each cluster (columns)."""
    picked = index[(index["split"] == split) & (index["label"] >= 0)]
    table = pd.crosstab(picked["label"], picked["cluster"])
    return table.reindex(index=range(num_labels), columns=range(num_clusters), fill_value=0)


def by_name(cluster_labels: Sequence[int], num_clusters: int) -> list[int]:
    """Order clusters by the label that each is named after, the unnamed last."""
    named = [*cluster_labels, *[-1] * num_clusters][:num_clusters]
    return sorted(range(num_clusters), key=lambda c: (named[c] < 0, named[c], c))


def accuracy(table: pd.DataFrame, cluster_labels: Sequence[int]) -> float:
    """Give the share of images whose cluster is named after their label."""
    hits = sum(
        table.at[label, cluster]
        for cluster, label in enumerate(cluster_labels)
        if label in table.index
    )
    return float(hits / max(table.to_numpy().sum(), 1))


def heat_map(
    table: pd.DataFrame, label_names: Sequence[str], cluster_names: Sequence[str], dark: bool
) -> go.Figure:
    """Draw counts, coloured by their share of the label.

    Args:
        table: Counts, labels by clusters, columns in the order to draw.
        label_names: One a row.
        cluster_names: One a column.
        dark: Whether the page is light on dark.
    """
    total = table.to_numpy().sum(1, keepdims=True)
    shares = table.to_numpy() / np.maximum(total, 1)
    bar = {
        "tickformat": ".0%",
        "thickness": 10,
        "outlinewidth": 0,
        "title": {"text": "share of<br>the label<br> ", "font": {"size": 12}},
    }
    trace = go.Heatmap(
        z=shares,
        x=list(cluster_names),
        y=list(label_names),
        customdata=table.to_numpy(),
        text=_cells(table.to_numpy(), shares),
        texttemplate="%{text}",
        colorscale=theme.plotly_scale(theme.shares(dark)),
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        colorbar=bar,
        hovertemplate="label %{y} in %{x}: %{customdata:,} images, "
        "%{z:.2%} of the label<extra></extra>",
    )
    axis = {"type": "category", "showgrid": False}
    return styled(
        [trace],
        dark,
        height=64 + 46 * max(len(table), 3),
        xaxis={**axis, "title": {"text": "cluster"}},
        yaxis={**axis, "title": {"text": "label"}, "autorange": "reversed"},
    )


def _cells(counted: np.ndarray, shares: np.ndarray) -> list[list[str]]:
    return [
        [f"{n:,}<br>{100 * s:.1f} %" if s >= 0.001 else f"{n:,}" if n else ""
         for n, s in zip(*pair, strict=True)]
        for pair in zip(counted, shares, strict=True)
    ]  # fmt: skip
