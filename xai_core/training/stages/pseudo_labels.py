"""Pseudo-labels: an initial estimate of the clusters, without labels and before training.

UMAP embeds the neighbour graph of histograms of oriented gradients in ten dimensions, and a
Gaussian mixture is fitted to the embedding.

References:
    N2D: (Not Too) Deep Clustering (McConville et al., 2021), https://arxiv.org/abs/1908.05968,
    whose autoencoder the descriptors replace.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..._types import ByteImages, Images
from ...data.preprocessing import to_float
from ...data.preprocessing_config import Preprocessing
from ...errors import ConfigError
from ...latent_space.index import NeighbourSearch
from ...latent_space.umap_on_device import umap_layout
from ...models.config import ClusterVAEConfig
from ...runtime import import_umap
from ..checkpoint import TrainingState, read_state, write_state
from ..config import TrainingConfig
from ..loop import EpochLoop
from ..progress import Progress
from .natural_features import natural_features
from .table import PSEUDO_LABELS

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

__all__ = [
    "assign_clusters",
    "cluster_layout",
    "clusters_on_layout",
    "deslant",
    "oriented_gradients",
    "pseudo_label_stage",
]

logger = logging.getLogger(__name__)

Describe = Callable[[ByteImages], np.ndarray]
NEIGHBOURS = 20
DIMENSIONS = 10
COMPONENTS = 64
FEW = 4096
"""Below this number of images, exact neighbours are computed here: UMAP would compile for 8 s."""
COMPARED = 2_000
"""Approximate number of photographs on which features are compared."""
AT_ONCE = 5_000
"""Images whose gradients are held in memory at once, besides those of the sample."""


def assign_clusters(
    images: ByteImages,
    num_clusters: int,
    *,
    sample: int,
    seed: int,
    natural: bool = False,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "images clusters"]:
    """Estimate p(c|x) of each image from the neighbour graph of its features.

    Grey ink uses oriented gradients. Photographs use those of the `natural_features` whose
    clusters have the highest mean silhouette.

    Args:
        images: Train images; at least as many as clusters.
        num_clusters: K.
        sample: Number of images on which layout and mixture are fitted, drawn by `seed`; every
            other image takes the mean of its five nearest sampled images.
        seed: Seed of the sample, the layout and the mixture.
        natural: Whether the images are photographs.
        device: Where features, neighbours and layout are computed; the layout of a GPU is
            `umap_layout`, that of a CPU umap-learn's.

    Returns:
        Probabilities, rows that sum to one.
    """
    chosen = np.arange(len(images))
    if sample < len(images):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:sample])
    device = torch.device(device)
    describe, principal, features = _features(images[chosen], num_clusters, seed, natural, device)
    layout = _layout(features, seed, device)
    probs = clusters_on_layout(layout, num_clusters, seed).numpy()
    if sample < len(images):
        parts = (principal.transform(describe(part)) for part in images.split(AT_ONCE))
        probs = _spread(parts, features, chosen, probs, device)
    return torch.from_numpy(probs)


def cluster_layout(
    images: ByteImages,
    num_clusters: int,
    *,
    seed: int,
    natural: bool = False,
    device: torch.device | str = "cpu",
) -> Float[np.ndarray, "images dims"]:
    """Embed the neighbour graph of images, as `assign_clusters` does, for mixtures of any K.

    Args:
        images: Train images.
        num_clusters: K, by which the features of photographs are chosen.
        seed: Seed of the layout.
        natural: Whether the images are photographs.
        device: Where it is computed.
    """
    device = torch.device(device)
    return _layout(_features(images, num_clusters, seed, natural, device)[2], seed, device)


def clusters_on_layout(
    layout: Float[np.ndarray, "images dims"], num_clusters: int, seed: int
) -> Float[Tensor, "images clusters"]:
    """Fit a Gaussian mixture to a layout; rows of the result sum to one."""
    from ...latent_space.gaussian_mixture import fitted_mixture

    mixture = fitted_mixture(layout, num_clusters, seed=seed, n_init=3, reg_covar=1e-4)
    return torch.from_numpy(mixture.predict_proba(layout).astype(np.float32))


def _features(
    images: ByteImages, num_clusters: int, seed: int, natural: bool, device: torch.device
) -> "tuple[Describe, PCA, np.ndarray]":
    """Describe images; returns the description, its principal components and their values."""
    from sklearn.decomposition import PCA

    describe: Describe = partial(_gradients, device=device)
    if natural:
        describe = _most_separate(images, num_clusters, seed, device)
    described = np.concatenate([describe(part) for part in images.split(AT_ONCE)])
    principal = PCA(min(COMPONENTS, *described.shape), random_state=seed)
    return describe, principal, principal.fit_transform(described)


def _gradients(images: ByteImages, *, device: torch.device) -> np.ndarray:
    return oriented_gradients(to_float(images, device)).cpu().numpy()


def _most_separate(
    images: ByteImages, num_clusters: int, seed: int, device: torch.device
) -> Describe:
    """Choose the features whose clusters have the highest silhouette on a few photographs."""
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    every = max(1, len(images) // COMPARED)
    found = natural_features(to_float(images[::every], device))
    separation = {}
    for name, described in found.items():
        features = PCA(min(COMPONENTS, *described.shape), random_state=seed).fit_transform(
            described.cpu().numpy()
        )
        layout = _layout(features, seed, device)
        clusters = clusters_on_layout(layout, num_clusters, seed).argmax(1).numpy()
        several = 1 < len(np.unique(clusters)) < len(clusters)
        separation[name] = float(silhouette_score(features, clusters)) if several else -1.0
    best = max(separation, key=lambda name: separation[name])
    logger.info("pseudo-labels by %s: %s", best, separation)
    return lambda part: natural_features(to_float(part, device))[best].cpu().numpy()


def _layout(features: np.ndarray, seed: int, device: torch.device) -> np.ndarray:
    """Embed the neighbour graph; so few images as there are dimensions are left as they are."""
    from sklearn.neighbors import NearestNeighbors

    if len(features) <= DIMENSIONS:
        return features
    if device.type == "cuda":
        points = torch.from_numpy(features).float().to(device)
        nearest = NeighbourSearch(points).nearest(points, min(NEIGHBOURS, len(points) - 1))
        dims = min(DIMENSIONS, len(points) - 2)
        return umap_layout(*nearest, dims=dims, min_dist=0.0, seed=seed).cpu().numpy()
    neighbours, known = min(NEIGHBOURS, len(features) - 1), (None, None, None)
    if len(features) < FEW:
        distances, rows = (
            NearestNeighbors(n_neighbors=neighbours).fit(features).kneighbors(features)
        )
        known = (rows, distances, None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "precomputed_knn.2. ", UserWarning)
        return (
            import_umap()
            .UMAP(
                n_components=min(DIMENSIONS, len(features) - 2),
                n_neighbors=neighbours,
                precomputed_knn=known,
                min_dist=0.0,
                n_epochs=200,
                random_state=seed,
                n_jobs=1,
            )
            .fit_transform(features)
        )


def _spread(
    parts: Iterable[np.ndarray],
    features: np.ndarray,
    chosen: np.ndarray,
    probs: np.ndarray,
    device: torch.device,
) -> np.ndarray:
    """Assign to every image the mean of its nearest chosen images; features come in parts."""
    found = _nearest_rows(parts, features, min(5, len(chosen)), device)
    spread = np.concatenate([probs[rows].mean(1) for rows in found])
    spread[chosen] = probs
    return spread


def _nearest_rows(
    parts: Iterable[np.ndarray], features: np.ndarray, count: int, device: torch.device
) -> Iterator[np.ndarray]:
    from sklearn.neighbors import NearestNeighbors

    if device.type == "cuda":
        points = NeighbourSearch(torch.from_numpy(features).float().to(device))
        for part in parts:
            yield points.nearest(torch.from_numpy(part).to(points.points), count)[0].cpu().numpy()
        return
    nearest = NearestNeighbors(n_neighbors=count).fit(features)
    for part in parts:
        yield nearest.kneighbors(part, return_distance=False)


ORIENTATIONS = 8
CELLS = 7
"""Cells along the mean side of an image, 4 x 4 pixels each at 28 x 28."""


def deslant(x: Images) -> Images:
    """Centre the mass of each image and deslant it by its second moments."""
    height, width = x.shape[-2:]
    vertical, axis = (
        torch.arange(side, dtype=x.dtype, device=x.device) - (side - 1) / 2
        for side in (height, width)
    )
    ink = x[:, 0]
    mass = ink.sum((1, 2)).clamp(min=1e-6)
    centre_x = (ink.sum(1) * axis).sum(1) / mass
    centre_y = (ink.sum(2) * vertical).sum(1) / mass
    across = axis - centre_x[:, None]
    down = vertical - centre_y[:, None]
    covariance = torch.einsum("nij,ni,nj->n", ink, down, across)
    variance = (ink.sum(2) * down.square()).sum(1).clamp(min=1e-6)
    shear = (covariance / variance).clamp(-1, 1)
    affine = torch.zeros(len(x), 2, 3, dtype=x.dtype, device=x.device)
    affine[:, 0, 0] = affine[:, 1, 1] = 1
    affine[:, 0, 1] = shear * (height / width)
    affine[:, 0, 2], affine[:, 1, 2] = centre_x / (width / 2), centre_y / (height / 2)
    grid = functional.affine_grid(affine, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def oriented_gradients(x: Images) -> Float[Tensor, "batch features"]:
    """Histogram the gradients of deslanted images: 8 directions in 7 x 7 overlapping cells.

    Returns:
        Square roots of the normalised histograms, so that Euclidean distances between them
        are Hellinger distances.
    """
    smooth = functional.avg_pool2d(deslant(x), 3, stride=1, padding=1)
    padded = functional.pad(smooth, (1, 1, 1, 1))
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    strength = torch.hypot(across, down)
    angle = (torch.atan2(down, across) / (2 * math.pi) * ORIENTATIONS) % ORIENTATIONS
    cell = max(2, round(math.sqrt(x.shape[-1] * x.shape[-2]) / CELLS))
    bins = torch.arange(ORIENTATIONS, device=x.device).view(1, -1, 1, 1)
    distance = (angle - bins).abs()
    share = (1 - torch.minimum(distance, ORIENTATIONS - distance)).clamp(min=0)
    ramp = (torch.arange(2 * cell, device=x.device) + 1).clamp(max=cell)
    ramp = torch.minimum(ramp, ramp.flip(0)).to(x.dtype) / cell
    window = torch.outer(ramp, ramp).expand(ORIENTATIONS, 1, -1, -1)
    cells = functional.conv2d(
        share * strength, window, stride=cell, padding=cell // 2, groups=ORIENTATIONS
    ).flatten(1)
    return (cells / cells.norm(dim=1, keepdim=True).clamp(min=1e-6)).sqrt()


def pseudo_label_stage(
    loop: EpochLoop,
    images: ByteImages,
    model: ClusterVAEConfig,
    training: TrainingConfig,
    preprocessing: Preprocessing,
) -> Float[Tensor, "images clusters"] | None:
    """Make the pseudo-labels, once per run, on the first process."""
    if training.pseudo_label_weight == 0 or model.num_clusters == 1:
        return None
    loop.on_progress(Progress(PSEUDO_LABELS, 0, 1))
    if loop.fabric.is_global_zero and read_state(loop.run, PSEUDO_LABELS) is None:
        started = time.perf_counter()
        probs = assign_clusters(
            images,
            model.num_clusters,
            sample=training.pseudo_label_images,
            seed=loop.seed,
            natural=preprocessing.strategy == "natural",
            device=loop.fabric.device,
        )
        taken = {"seconds": time.perf_counter() - started}
        write_state(loop.run, PSEUDO_LABELS, TrainingState({"guess": probs}, [taken]))
    loop.fabric.barrier()
    state = read_state(loop.run, PSEUDO_LABELS)
    if state is None:
        raise ConfigError(
            f"This process does not see `{loop.run}`, which the first one writes. All machines "
            "must share the disk that `--out` is on."
        )
    loop.on_progress(Progress(PSEUDO_LABELS, 1, 1))
    loop.seconds[PSEUDO_LABELS] = sum(row["seconds"] for row in state.rows)
    return state.tensors["guess"].to(loop.fabric.device)
