"""The colourings of the map's points."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..._numbers import Number
from ...latent_space.own_columns import own_columns
from .. import theme
from . import points

__all__ = [
    "OWN_NAME",
    "Column",
    "available",
    "by_name",
    "called",
    "encoded",
    "in_question",
    "legend",
    "names",
    "palette",
    "set_size",
    "values_of",
    "within",
]

OWN_NAME = "own_"
"""What the names of colourings by the user's own columns begin with; their number follows."""
MOST_GROUPS = 20
"""Largest number of texts of one of the user's columns that have a colour of their own."""
FULL_RANGE = (0, points.UNDEFINED - 1)
"""Levels of the lowest and of the highest value."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One way to colour the map.

    Attributes:
        name: Column of the index; a name of its own, which is a safe file name, where `values`
            are given.
        title: Title shown to users.
        shows: Sentence below the heading.
        unit: Empty for categories and pure numbers.
        categorical: Whether values are categories rather than numbers.
        names: Names of the categories, unless they are clusters or labels.
        values: Values in index order, where they are no column of the index.
    """

    name: str
    title: str
    shows: str
    unit: str = ""
    categorical: bool = False
    names: tuple[str, ...] = ()
    values: NDArray[Any] | None = field(default=None, compare=False, repr=False)

    @property
    def grouped(self) -> bool:
        """Return whether the categories are groups of images, named on the map."""
        return self.categorical and not self.names


COLUMNS = (
    Column(name="cluster", title="Cluster", categorical=True,
           shows="The cluster that the model assigns to each image."),
    Column(name="label", title="True label", categorical=True,
           shows="The label of each image in the data; the cluster VAE never saw it."),
    Column(name="predicted", title="Classifier's answer", categorical=True,
           shows="The class that the independent, supervised classifier gives each image."),
    Column(name="split", title="Train or test", categorical=True, names=("train", "test"),
           shows="Whether the model was trained on an image or never saw it."),
    Column(name="confidence", title="Confidence",
           shows="Confidence of the model in the cluster: the largest q(c|x), 1 if certain."),
    Column(name="distortion", title="Distortion",
           shows="The share of an image's 10 nearest neighbours in latent space that the map "
           "does not preserve; where it is high, do not trust the map."),
    Column(name="elbo", title="ELBO", unit="nats",
           shows="How well the model explains an image: a lower bound of log p(x)."),
    Column(name="reconstruction", title="Reconstruction term", unit="nats",
           shows="E[log p(x|z,c)]: how well the decoder explains the pixels."),
    Column(name="expected_log_prior", title="Expected log prior", unit="nats",
           shows="E[log p(z|c)]: how well the code fits its cluster's Gaussian."),
    Column(name="kl_c", title="KL of the cluster", unit="nats",
           shows="KL(q(c|x) || p(c)): the cost of being sure of the cluster."),
    Column(name="entropy_z", title="Entropy of the code", unit="nats",
           shows="Width of q(z|x): high where the exact code matters little."),
)  # fmt: skip


def set_size(level: float, sizes: NDArray[np.int64] | None = None) -> Column:
    """Return the colouring by the size of prediction sets.

    Args:
        level: The share of images whose set contains their label, such as 0.95.
        sizes: Size of each image's set, in index order, -1 for none; None if not needed yet.
    """
    most = 1 if sizes is None else max(int(sizes.max(initial=1)), 1)
    return Column(
        name=f"set_size_{100 * level:.0f}",
        title=f"Set size at {100 * level:.0f} %",
        shows=f"How many classes the prediction set of each test image holds at {100 * level:.0f} "
        "%: more than one where the model hesitates, none where no class fits well.",
        categorical=True,
        names=("none", "1 class", *(f"{k} classes" for k in range(2, most + 1))),
        values=sizes,
    )


def available(index: pd.DataFrame) -> list[Column]:
    """List the colourings for which the index has values."""
    columns = [*COLUMNS, *_of_codes(index)]
    there = [c for c in columns if c.name in index and not _empty(index[c.name], c)]
    return [*there, *_of_the_user(index)]


def by_name(index: pd.DataFrame) -> dict[str, Column]:
    """Return the colourings by the names that users write: those of their own columns as given."""
    return {c.title if c.name.startswith(OWN_NAME) else c.name: c for c in available(index)}


def called(index: pd.DataFrame, colour: str) -> Column:
    """Return the colouring of a name.

    Raises:
        ValueError: If there is none; the message lists the names.
    """
    known = by_name(index)
    if colour not in known:
        raise ValueError(f"`colour` must be one of {', '.join(known)}, got {colour!r}.")
    return known[colour]


def values_of(index: pd.DataFrame, column: Column) -> NDArray[Any]:
    """Return a column's value of each image, in index order."""
    return index[column.name].to_numpy() if column.values is None else column.values


def encoded(index: pd.DataFrame, column: Column) -> tuple[NDArray[np.uint8], float, float]:
    """Return one byte per point, in index order, and the values at the ends of the scale."""
    if column.name == "split":
        return (index["split"].to_numpy() == "test").astype(np.uint8), 0.0, 1.0
    values = values_of(index, column)
    if column.categorical:
        return points.categories(values), 0.0, float(max(values.max(), 0))
    low, high = points.colour_range(values)
    return points.levels(values, low, high), low, high


def names(
    column: Column, cluster_names: Sequence[str], class_names: Sequence[str], count: int
) -> list[str]:
    """Return the names of a categorical column's values, in order, at least `count` of them."""
    if not column.categorical:
        return []
    if column.names:
        return list(column.names)
    if column.name == "cluster":
        return list(cluster_names)
    return [*class_names, *(str(v) for v in range(len(class_names), count))]


def legend(
    column: Column, names: Sequence[str], order: Sequence[int], low: Number, high: Number
) -> dict[str, Any]:
    """Describe the colours: the names, or the values at the ends of the scale.

    Clusters are listed in `order`, other categories by value.
    """
    if column.categorical:
        listed = order if column.name == "cluster" else range(len(names))
        return {"names": list(names), "order": list(listed)}
    unit = f" {column.unit}" if column.unit else ""
    text = (f"{v:.4g}".replace("-", "\N{MINUS SIGN}") + unit for v in (low, high))
    note = "the outer 1 % at each end share the end's colour; drag an end to narrow what is shown"
    ends = {"ends": [low, high], "unit": unit, "note": note}
    return {**dict(zip(("low", "high"), text, strict=True)), **ends}


def in_question(
    index: pd.DataFrame, split: str, clusters: Sequence[int]
) -> NDArray[np.bool_] | None:
    """Mark the points of a split ("all" for any) and of some clusters (none for any)."""
    if split == "all" and not clusters:
        return None
    right_split = (index["split"] == split).to_numpy() if split != "all" else True
    right_cluster = index["cluster"].isin(clusters).to_numpy() if clusters else True
    return np.broadcast_to(np.logical_and(right_split, right_cluster), len(index))


def within(
    levels: NDArray[np.uint8], only: Sequence[int], ends: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """Mark the points that the legend's filter keeps; None for all.

    Args:
        levels: One byte per point, from `encoded`.
        only: Categories to show; none for all.
        ends: Lowest and highest level to show; a narrower range excludes points without a value.
    """
    if only:
        return np.isin(levels, np.asarray(only, np.uint8))
    if ends == FULL_RANGE:
        return None
    return (levels >= ends[0]) & (levels <= ends[1])


def palette(
    column: Column, count: int, order: Sequence[int], cluster_labels: Sequence[int], dark: bool
) -> list[str]:
    """Colour a column's values; a label has the colour of the cluster matched with it.

    Args:
        column: The column.
        count: Number of categories.
        order: The clusters in the order in which they are listed.
        cluster_labels: The label that each cluster was matched with, -1 for none.
        dark: Whether the page has a dark theme.
    """
    if not column.categorical:
        return theme.hex_colours(theme.sequential(dark)[:255])
    if column.name == "split":
        return [theme.CATEGORIES[3], theme.CATEGORIES[0]]
    if column.names:
        colours = theme.categorical(max(len(column.names), len(theme.CATEGORIES)))
        return [colours[2], colours[3], *colours[:2], *colours[4:]][: len(column.names)]
    colours, by_cluster = theme.categorical(max(len(order), count)), theme.cluster_colours(order)
    if column.name == "cluster":
        return by_cluster
    taken = {label: by_cluster[c] for c, label in enumerate(cluster_labels) if label >= 0}
    spare = [c for c in colours if c not in taken.values()]
    return [
        taken.get(label) or (spare.pop(0) if spare else colours[label]) for label in range(count)
    ]


def _of_codes(index: pd.DataFrame) -> list[Column]:
    """Return two colourings for each dimension of the code: its mean and its log variance."""
    dims = range(sum(name.startswith("mean_") for name in index))
    means = [
        Column(name=f"mean_{j}", title=f"Code, dimension {j}",
               shows=f"The mean of q(z|x) in dimension {j} of the latent space.")
        for j in dims
    ]  # fmt: skip
    return means + [
        Column(name=f"log_var_{j}", title=f"Log variance, dimension {j}",
               shows=f"Log variance of q(z|x) in dimension {j}: low where the image "
               "determines the code, 0 where the code carries no information.")
        for j in dims
    ]  # fmt: skip


def _of_the_user(index: pd.DataFrame) -> list[Column]:
    """Return a colouring for each of the user's own columns whose values form groups or a scale.

    The most frequent texts are groups, all others are one; texts that are nearly all different,
    such as file names, are none.
    """
    found = []
    for number, (title, values) in enumerate(own_columns(index).items()):
        name, shows = f"{OWN_NAME}{number}", f"Your own column '{title}'."
        if values.dtype.kind == "f":
            column = Column(name=name, title=str(title), shows=shows, values=values.to_numpy())
            found.append(column)
            continue
        counts = values[values != ""].value_counts()
        groups = sorted(counts.index[: MOST_GROUPS if len(counts) > MOST_GROUPS + 1 else None])
        if not groups or counts[groups].sum() < counts.sum() / 2:
            continue
        others = ["all others"] if len(groups) < len(counts) else []
        codes = pd.Index(groups).get_indexer(values)
        codes = np.where((codes < 0) & (values != ""), len(groups), codes).astype(np.int64)
        found.append(
            Column(name=name, title=str(title), shows=shows, categorical=True,
                   names=(*groups, *others), values=codes)
        )  # fmt: skip
    return found


def _empty(values: pd.Series, column: Column) -> bool:
    if column.name == "split":
        return False
    return bool((values < 0).all() if column.categorical else values.isna().all())
