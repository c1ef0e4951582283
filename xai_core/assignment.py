"""A first guess of the clusters, without labels and before any training.

Histograms of oriented gradients, their neighbour graph laid out by UMAP in ten dimensions, and
a Gaussian mixture on the layout.

References:
    N2D: (Not Too) Deep Clustering (McConville et al., 2021), https://arxiv.org/abs/1908.05968,
    whose autoencoder the descriptors replace.
"""

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
    features = _principal_features(images, seed)
    chosen = np.arange(len(images))
    if sample < len(images):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:sample])
    probs = _mixture_on_layout(features[chosen], num_clusters, seed)
    if sample < len(images):
        probs = _spread(features, chosen, probs)
    return torch.from_numpy(probs.astype(np.float32))


def _principal_features(images: ByteImages, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    batches = images.split(5000)
    features = torch.cat([oriented_gradients(to_float(batch, "cpu")) for batch in batches]).numpy()
    components = min(COMPONENTS, *features.shape)
    return PCA(components, random_state=seed).fit_transform(features)


def _mixture_on_layout(features: np.ndarray, num_clusters: int, seed: int) -> np.ndarray:
    import umap
    from sklearn.mixture import GaussianMixture

    layout = umap.UMAP(
        n_components=min(DIMENSIONS, len(features) - 2),
        n_neighbors=min(NEIGHBOURS, len(features) - 1),
        min_dist=0.0,
        n_epochs=200,
        random_state=seed,
        n_jobs=1,
    ).fit_transform(features)
    mixture = GaussianMixture(num_clusters, n_init=3, reg_covar=1e-4, random_state=seed)
    return mixture.fit(layout).predict_proba(layout)


def _spread(features: np.ndarray, chosen: np.ndarray, probs: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=min(5, len(chosen))).fit(features[chosen])
    spread = probs[nearest.kneighbors(features, return_distance=False)].mean(1)
    spread[chosen] = probs
    return spread
