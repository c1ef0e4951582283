"""Which labels fall into which clusters, counted."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from .. import theme
from ..style import BAR, colour_bar, literal, styled

__all__ = [
    "accuracy",
    "counts",
    "heat_map",
    "most_confused",
]

Shown = Literal["Counts", "% of the label"]
"""What the cells show."""


def counts(index: pd.DataFrame, split: str, num_clusters: int, num_labels: int) -> pd.DataFrame:
    """Count the images of a split with each label (rows) in each cluster (columns)."""
    picked = index[(index["split"] == split) & (index["label"] >= 0)]
    table = pd.crosstab(picked["label"], picked["cluster"])
    return table.reindex(index=range(num_labels), columns=range(num_clusters), fill_value=0)


def accuracy(table: pd.DataFrame, cluster_labels: Sequence[int]) -> float:
    """Return the share of images whose cluster is named after their label."""
    hits = sum(
        table.at[label, cluster]
        for cluster, label in enumerate(cluster_labels)
        if label in table.index
    )
    return float(hits / max(table.to_numpy().sum(), 1))


def most_confused(
    table: pd.DataFrame, cluster_labels: Sequence[int]
) -> tuple[int, int, int, int] | None:
    """Find the label that falls into a cluster matched with another label most often.

    Returns:
        Label, cluster, number of its images there and in total; None if there is none.
    """
    wrong = table.copy()
    for cluster, label in enumerate(cluster_labels):
        if label < 0:
            wrong[cluster] = 0
        elif label in wrong.index:
            wrong.loc[label, cluster] = 0
    stacked = wrong.stack()
    if not len(stacked) or stacked.max() <= 0:
        return None
    label, cluster = stacked.idxmax()
    return int(label), int(cluster), int(stacked.max()), int(table.loc[label].sum())


def heat_map(
    table: pd.DataFrame,
    label_names: Sequence[str],
    cluster_names: Sequence[str],
    dark: bool,
    *,
    show: Shown = "Counts",
    row: str = "label",
    column: str = "cluster",
) -> go.Figure:
    """Draw counts or shares of the row; the colour is the share.

    Args:
        table: Counts, labels by clusters, columns in the order to draw.
        label_names: One per row.
        cluster_names: One per column.
        dark: Whether the page has a dark theme.
        show: What is written in the cells; both are shown on hover.
        row: Noun for a row.
        column: Noun for a column.
    """
    counted = table.to_numpy()
    shares = counted / np.maximum(counted.sum(1, keepdims=True), 1)
    trace = go.Heatmap(
        z=shares,
        x=[literal(name) for name in cluster_names],
        y=[literal(name) for name in label_names],
        customdata=counted,
        text=_cells(counted, shares, show),
        texttemplate="%{text}",
        colorscale=theme.plotly_scale(theme.shares(dark)),
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        colorbar=colour_bar(f"share of the {row}", ("0%", "50%", "100%"), (0, 0.5, 1)),
        hovertemplate=f"{row} %{{y}} in {column} %{{x}}: %{{customdata:,}} images, "
        f"%{{z:.2%}} of the {row}<extra></extra>",
    )
    axis = {"type": "category", "showgrid": False}
    return styled(
        [trace],
        dark,
        height=120 + 40 * max(len(table), 3),
        margin={"t": BAR + 8},
        xaxis={**axis, "title": {"text": column}},
        yaxis={**axis, "title": {"text": row}, "autorange": "reversed"},
    )


def _cells(counted: NDArray[np.integer], shares: NDArray[np.floating], show: Shown) -> list[list]:
    text = np.char.mod("%d", counted) if show == "Counts" else np.char.mod("%.1f", 100 * shares)
    return np.where(counted > 0, text, "").tolist()
