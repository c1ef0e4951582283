"""A first guess of the clusters, without labels and before any training.

Histograms of oriented gradients, their neighbour graph laid out by UMAP in ten dimensions, and
a Gaussian mixture on the layout.

References:
    N2D: (Not Too) Deep Clustering (McConville et al., 2021), https://arxiv.org/abs/1908.05968,
    whose autoencoder the descriptors replace.
"""

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ._types import ByteImages
from .data.images import to_float
from .model.descriptors import oriented_gradients

__all__ = ["assign_clusters"]

NEIGHBOURS = 20
DIMENSIONS = 10
COMPONENTS = 64
FEW = 4096
"""Images up to which neighbours are found here; UMAP would compile code for them for 8 s."""
AT_ONCE = 5_000
"""Images whose gradients are held at once, beside those of the sample."""


def assign_clusters(
    images: ByteImages, num_clusters: int, *, sample: int, seed: int
) -> Float[Tensor, "images clusters"]:
    """Guess p(c|x) of each image from the neighbour graph of its oriented gradients.

    Args:
        images: Train images; at least as many as clusters.
        num_clusters: K.
        sample: Images the layout and the mixture are fitted on, drawn by `seed`; each of the
            others takes the mean of its five nearest sampled images.
        seed: Of the sample, the layout and the mixture.

    Returns:
        Probabilities, rows that sum to one.
    """
    from sklearn.decomposition import PCA

    chosen = np.arange(len(images))
    if sample < len(images):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:sample])
    gradients = np.concatenate([_gradients(part) for part in images[chosen].split(AT_ONCE)])
    principal = PCA(min(COMPONENTS, *gradients.shape), random_state=seed)
    features = principal.fit_transform(gradients)
    probs = _mixture_on_layout(features, num_clusters, seed).astype(np.float32)
    if sample < len(images):
        parts = (principal.transform(_gradients(part)) for part in images.split(AT_ONCE))
        probs = _spread(parts, features, chosen, probs)
    return torch.from_numpy(probs)


def _gradients(images: ByteImages) -> np.ndarray:
    return oriented_gradients(to_float(images, "cpu")).numpy()


def _mixture_on_layout(features: np.ndarray, num_clusters: int, seed: int) -> np.ndarray:
    import umap
    from sklearn.mixture import GaussianMixture
    from sklearn.neighbors import NearestNeighbors

    neighbours, known = min(NEIGHBOURS, len(features) - 1), (None, None, None)
    if len(features) < FEW:
        distances, rows = (
            NearestNeighbors(n_neighbors=neighbours).fit(features).kneighbors(features)
        )
        known = (rows, distances, None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "precomputed_knn.2. ", UserWarning)
        layout = umap.UMAP(
            n_components=min(DIMENSIONS, len(features) - 2),
            n_neighbors=neighbours,
            precomputed_knn=known,
            min_dist=0.0,
            n_epochs=200,
            random_state=seed,
            n_jobs=1,
        ).fit_transform(features)
    mixture = GaussianMixture(num_clusters, n_init=3, reg_covar=1e-4, random_state=seed)
    return mixture.fit(layout).predict_proba(layout)


def _spread(
    parts: Iterable[np.ndarray], features: np.ndarray, chosen: np.ndarray, probs: np.ndarray
) -> np.ndarray:
    """Give all images, whose features come in parts, the mean of their nearest chosen ones."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=min(5, len(chosen))).fit(features)
    found = (nearest.kneighbors(part, return_distance=False) for part in parts)
    spread = np.concatenate([probs[rows].mean(1) for rows in found])
    spread[chosen] = probs
    return spread
