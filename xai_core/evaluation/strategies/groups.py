"""Strategies of a model: groups of images of one class that it decides in the same way.

Heatmaps of one class are made smaller and clustered spectrally: a graph joins each map with its
log(n) nearest, and the largest gap between the smallest eigenvalues of its normalised Laplacian
gives the number of groups, which may be one. Each group is searched for a possible shortcut.
Shortcuts planted into MNIST and `shapes` are found by layer-wise relevance, the paper's method:
`python -m tests.benchmarks.findings.strategies`.

References:
    Unmasking Clever Hans Predictors and Assessing What Machines Really Learn (Lapuschkin et al.,
    2019), https://doi.org/10.1038/s41467-019-08987-4
    A Tutorial on Spectral Clustering (von Luxburg, 2007), https://arxiv.org/abs/0711.0189
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..._arguments import checked
from ..._types import Images, Maps
from ...attribution.group_means import shares_of_attention
from ...latent_space.index import NeighbourSearch
from ...latent_space.umap_on_device import umap_layout
from .shortcuts import MUCH, Window, off_object, window_of

__all__ = [
    "FEWEST",
    "Strategies",
    "Strategy",
    "find_strategies",
    "map_of_heatmaps",
]

SIDE = 14
"""Side to which maps are reduced."""
MOST_GROUPS = 8
FEWEST = 16
"""Fewer heatmaps are not clustered."""
FEWEST_FLAGGED = 5
"""Smallest group that can be flagged."""
NEIGHBOURS = 15
"""Neighbours of a map in the two-dimensional layout, itself included."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strategy:
    """Images that are decided in the same way.

    Attributes:
        rows: Rows of the images given, the most typical heatmap first.
        mean: Mean heatmap, each first divided by the sum of its absolute values.
        consistency: Mean cosine of the reduced maps with the group's direction, in [-1, 1].
        off_object: Mean share of relevance for the decision off the object.
        window: The small part of the frame with the most relevance off the object.
        flagged: Whether the group is a possible shortcut.
        reason: Why it is flagged or not, as a sentence.
    """

    rows: Int[np.ndarray, " images"]
    mean: Float[np.ndarray, "height width"]
    consistency: float
    off_object: float
    window: Window
    flagged: bool
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Strategies:
    """The strategies of one class, the largest group first.

    Attributes:
        groups: The strategies.
        directions: Reduced maps of unit length, flat, one row per image.
        eigenvalues: Smallest eigenvalues of the graph's Laplacian; empty below `FEWEST` maps.
    """

    groups: tuple[Strategy, ...]
    directions: Float[Tensor, "images pixels"]
    eigenvalues: Float[np.ndarray, " values"]

    @property
    def of_image(self) -> Int[np.ndarray, " images"]:
        """Return the number of each image's group."""
        found = np.zeros(len(self.directions), np.int64)
        for number, group in enumerate(self.groups):
            found[group.rows] = number
        return found


@checked
def find_strategies(
    images: Images, heatmaps: Float[Tensor, "maps rows columns"], *, seed: int = 0
) -> Strategies:
    """Group the images of one class by their heatmaps and flag possible shortcuts.

    Args:
        images: Images of one class, in [0, 1].
        heatmaps: Their heatmaps for this class, by one method; negative values speak against it.
        seed: Seed of the clustering.

    Raises:
        ValueError: If there are no images, or not one heatmap of the same size per image.
    """
    if not len(images) or heatmaps.shape != (len(images), *images.shape[-2:]):
        raise ValueError(
            "`heatmaps` must hold one map of the images' size per image, and at least one: got "
            f"{tuple(heatmaps.shape)} for images of shape {tuple(images.shape)}."
        )
    maps = heatmaps.detach().float().cpu()
    directions = _directions(maps)
    groups, eigenvalues = _clustered(directions.double().numpy(), seed)
    off = off_object(images, maps)
    members = [np.flatnonzero(groups == one) for one in np.unique(groups)]
    members.sort(key=lambda rows: (-len(rows), int(rows[0])))
    return Strategies(
        groups=tuple(_described(rows, maps, directions, off) for rows in members),
        directions=directions,
        eigenvalues=eigenvalues,
    )


def map_of_heatmaps(
    directions: Float[Tensor, "images pixels"], *, seed: int = 0
) -> Float[np.ndarray, "images 2"]:
    """Lay out reduced heatmaps by UMAP, so that neighbours were decided in the same way.

    Args:
        directions: `Strategies.directions`.
        seed: Seed of the layout.
    """
    if len(directions) < FEWEST:
        return _principal_axes(directions).numpy()
    nearest = NeighbourSearch(directions).nearest(directions, min(NEIGHBOURS, len(directions)))
    return umap_layout(*nearest, start=_principal_axes(directions), seed=seed).numpy()


def _principal_axes(directions: Float[Tensor, "images pixels"]) -> Float[Tensor, "images 2"]:
    centred = directions - directions.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    places = centred @ axes[:2].T
    return torch.nn.functional.pad(places, (0, 2 - places.shape[1]))


def _directions(maps: Maps) -> Float[Tensor, "images pixels"]:
    """Reduce maps by averaging, and scale them to unit length."""
    size = (min(SIDE, maps.shape[1]), min(SIDE, maps.shape[2]))
    small = torch.nn.functional.adaptive_avg_pool2d(maps[:, None], size).flatten(1)
    return torch.nn.functional.normalize(small)


def _clustered(
    directions: Float[np.ndarray, "images pixels"], seed: int
) -> tuple[Int[np.ndarray, " images"], Float[np.ndarray, " values"]]:
    """Cluster spectrally; the largest gap between eigenvalues gives the number of groups."""
    from scipy.linalg import eigh
    from scipy.sparse.csgraph import laplacian
    from sklearn.cluster import KMeans
    from sklearn.neighbors import kneighbors_graph

    count = len(directions)
    if count < FEWEST:
        return np.zeros(count, np.int64), np.empty(0)
    graph = kneighbors_graph(directions, max(2, round(np.log(count))))
    both_ways = laplacian(graph.maximum(graph.T), normed=True).toarray()
    values, vectors = eigh(both_ways, subset_by_index=(0, MOST_GROUPS))
    groups = 1 + int(np.diff(values).argmax())
    if groups == 1:
        return np.zeros(count, np.int64), values
    rows = vectors[:, :groups]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
    found = KMeans(groups, n_init=10, random_state=seed).fit_predict(rows)
    return found.astype(np.int64), values


def _described(
    rows: Int[np.ndarray, " members"],
    maps: Maps,
    directions: Float[Tensor, "images pixels"],
    off: Maps,
) -> Strategy:
    own = directions[rows]
    cosines = own @ torch.nn.functional.normalize(own.mean(0), dim=0)
    order = cosines.argsort(descending=True, stable=True).numpy()
    window, away = window_of(off[rows]), float(off[rows].sum((1, 2)).mean())
    much, enough = window.share >= MUCH, len(rows) >= FEWEST_FLAGGED
    return Strategy(
        rows=rows[order],
        mean=shares_of_attention(maps[rows]).mean(0).numpy(),
        consistency=float(cosines.mean()),
        off_object=away,
        window=window,
        flagged=much and enough,
        reason=_reason(window, much=much, enough=enough),
    )


def _reason(window: Window, *, much: bool, enough: bool) -> str:
    square = f"square of {window.side} x {window.side} pixels off the object"
    if not much:
        limit = f"{100 * MUCH:.0f} % of the relevance in half of the images"
        return f"No {square} holds {limit}."
    said = (
        f"In half of the images, {100 * window.share:.0f} % or more of the relevance lies on the "
        f"same {square} (rows from {window.top}, columns from {window.left})."
    )
    return said if enough else f"{said} {FEWEST_FLAGGED} images are needed for a flag."
