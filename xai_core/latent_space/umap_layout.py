"""Compute the two-dimensional UMAP of the latent space and measure its quality."""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._arguments import checked
from .._types import Latents
from ..data.dataset import Dataset
from ..models.vae import ClusterVAE
from ..runtime import import_umap, resolve_device
from .encoding import Encoding, encode_dataset, predicted_classes
from .index import PLACE_NEIGHBOURS, TERM_NAMES, NeighbourSearch, index_columns
from .own_columns import OWN
from .umap_on_device import umap_layout

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

__all__ = [
    "MapQuality",
    "build_index",
]

logger = logging.getLogger(__name__)
QUALITY_SAMPLE = 5_000
"""Largest number of fitted images on which the quality of a map is measured."""
MAP_NEIGHBOURS = 15
MIN_DIST = 0.1
FEW = 10_000
LATENT_NEIGHBOURS, KEPT_WITHIN = 10, 30
"""Latent neighbours of an image, and the number of map neighbours searched for them."""
AT_ONCE = 50_000
"""Images whose map neighbours are computed at once: 60 MB."""


@dataclass(frozen=True, kw_only=True)
class MapQuality:
    """How well a map preserves neighbourhoods.

    Attributes:
        trustworthiness: 1 if neighbours on the map are neighbours in latent space; 0.5 by chance.
        continuity: 1 if neighbours in latent space are neighbours on the map.
        n_neighbors: Size of the neighbourhoods.
        sample: Number of randomly drawn images used to measure both.
        fitted: Images UMAP was fitted on; the others were placed by their neighbours.
    """

    trustworthiness: float
    continuity: float
    n_neighbors: int
    sample: int
    fitted: int


@checked
def build_index(
    model: ClusterVAE,
    classifier: nn.Module | None,
    dataset: Dataset,
    *,
    device: torch.device | str,
    seed: int,
    encodings: Sequence[Encoding] | None = None,
    predicted: Sequence[Tensor] | None = None,
    max_fitted: int = 100_000,
    progress: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, MapQuality]:
    """Encode every image, compute a map of the codes and measure its quality.

    Args:
        model: The model, on `device`.
        classifier: The classifier, on `device`, or None.
        dataset: All its images are indexed, train rows and then test rows.
        device: Device to compute on; on a GPU the map is `umap_layout`, else umap-learn's.
        seed: Seed of the draws of z, the map and the samples.
        encodings: Encodings of train and test images, if already computed.
        predicted: The classifier's predictions for train and test images, if already computed.
        max_fitted: Largest number of images to fit UMAP on, at least 3, drawn at random; the
            others are placed by their neighbours among these.
        progress: Called with a description of each step as it begins.

    Returns:
        The table, with `index_columns` and the user's own columns, and the map's quality.
        `distortion` is the share of an image's 10 nearest latent neighbours that are not among
        its 30 nearest on the map, both among the images UMAP was fitted on.
    """
    device = resolve_device(device)
    report = progress or logger.info
    if encodings is None:
        report("Encoding all images")
        parts = (dataset.train.images, dataset.test.images)
        encodings = tuple(encode_dataset(model, part, device=device, seed=seed) for part in parts)
    encoding = Encoding.concatenate(encodings)
    report(f"Finding the neighbours of {len(encoding.mean):,} codes")
    graph = _neighbour_graph(encoding.mean, device, seed, max(3, max_fitted))
    report(f"Laying {len(graph.chosen):,} codes out on a map")
    latents = encoding.mean.numpy()
    places = _lay_out(latents, graph, seed, device)
    report("Measuring what the map loses")
    quality = _quality(latents, places, len(graph.chosen), seed)
    classes = predicted_classes(classifier, dataset, device) if predicted is None else predicted
    called = torch.cat([*classes]).numpy()
    return _table(dataset, encoding, places, _distortion(graph, places), called), quality


@dataclass(frozen=True)
class _Graph:
    """The nearest of the chosen points, nearest first, for every point."""

    chosen: Int[np.ndarray, " chosen"]
    rows: Int[np.ndarray, "points neighbours"]
    """Places in `chosen`."""
    distances: Float[np.ndarray, "points neighbours"]


def _neighbour_graph(
    latents: Latents, device: torch.device | str, seed: int, max_fitted: int
) -> _Graph:
    chosen = np.arange(len(latents))
    if len(latents) > max_fitted:
        drawn = np.random.default_rng(seed).permutation(len(latents))[:max_fitted]
        chosen = np.sort(drawn)
    search = NeighbourSearch(latents[torch.from_numpy(chosen)].to(device))
    rows, distances = search.nearest(latents.to(device), min(MAP_NEIGHBOURS + 1, len(chosen)))
    return _Graph(chosen, rows.cpu().numpy(), distances.cpu().numpy())


def _lay_out(
    latents: Float[np.ndarray, "points latent"],
    graph: _Graph,
    seed: int,
    device: torch.device,
) -> Float[np.ndarray, "points 2"]:
    """Fit UMAP on the chosen codes, centre the map, place the others by their neighbours."""
    chosen, neighbours = graph.chosen, min(MAP_NEIGHBOURS, len(graph.chosen) - 1)
    nearest = tuple(
        np.ascontiguousarray(part[chosen, :neighbours]) for part in (graph.rows, graph.distances)
    )
    # codes of equal images may differ by rounding, which determines no initial direction
    noise = 1e-5 * max(1.0, float(np.abs(latents).max()))
    spread = bool(latents.shape[1] > 1 and np.ptp(latents[chosen], axis=0).max() > noise)
    if device.type == "cuda" and spread:
        places = _lay_out_on(device, latents[chosen], nearest, seed)
    else:
        places = _lay_out_on_cpu(latents[chosen], nearest, spread, seed)
    places = (places - places.mean(0)).astype(np.float32)
    everywhere = np.median(places[graph.rows[:, :PLACE_NEIGHBOURS]], axis=1)
    everywhere[chosen] = places
    return everywhere


def _lay_out_on(
    device: torch.device,
    latents: Float[np.ndarray, "points latent"],
    nearest: Sequence[np.ndarray],
    seed: int,
) -> Float[np.ndarray, "points 2"]:
    rows, distances = (torch.from_numpy(part).to(device) for part in nearest)
    codes = torch.from_numpy(latents).to(device)
    _, _, axes = torch.linalg.svd((codes - codes.mean(0)).T @ (codes - codes.mean(0)))
    start = (codes - codes.mean(0)) @ axes[:2].T
    epochs = 500 if len(codes) <= FEW else 200  # umap-learn's own choice
    places = umap_layout(rows, distances, start=start, epochs=epochs, min_dist=MIN_DIST, seed=seed)
    return places.cpu().numpy()


def _lay_out_on_cpu(
    latents: Float[np.ndarray, "points latent"],
    nearest: Sequence[np.ndarray],
    spread: bool,
    seed: int,
) -> Float[np.ndarray, "points 2"]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "precomputed_knn.2. ", UserWarning)
        return (
            import_umap()
            .UMAP(
                n_neighbors=nearest[0].shape[1],
                min_dist=MIN_DIST,
                init="pca" if spread else "random",  # spectral fails on distant clusters
                precomputed_knn=(*nearest, None),
                random_state=seed,
                n_jobs=1,
            )
            .fit_transform(latents)
        )


def _distortion(
    graph: _Graph, places: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " points"]:
    """Return each point's share of latent neighbours lost on the map, excluding the point."""
    from scipy.spatial import cKDTree

    tree = cKDTree(places[graph.chosen])
    own = np.full(len(places), -1)
    own[graph.chosen] = np.arange(len(graph.chosen))
    parts = np.split(np.arange(len(places)), range(AT_ONCE, len(places), AT_ONCE))
    return np.concatenate([_lost(graph.rows[p], own[p], tree, places[p]) for p in parts])


def _lost(
    rows: Int[np.ndarray, "points neighbours"],
    own: Int[np.ndarray, " points"],
    tree: "cKDTree",
    places: Float[np.ndarray, "points 2"],
) -> Float[np.ndarray, " points"]:
    """Compare latent neighbours with map neighbours; `own` is -1 for points not chosen."""
    is_self = rows == own[:, None]
    order = np.argsort(is_self, axis=1, kind="stable")[:, :LATENT_NEIGHBOURS]
    near = np.take_along_axis(rows, order, axis=1)[:, : tree.n - 1]
    found = tree.query(places, k=min(KEPT_WITHIN + 1, tree.n), workers=-1)[1]
    found[own < 0, KEPT_WITHIN:] = -1  # only a chosen point finds itself
    kept = (near[:, :, None] == found[:, None, :]).any(-1)
    return 1 - kept.mean(1, dtype=np.float32)


def _quality(
    latents: Float[np.ndarray, "points latent"],
    places: Float[np.ndarray, "points 2"],
    fitted: int,
    seed: int,
) -> MapQuality:
    from sklearn.manifold import trustworthiness

    sample = np.random.default_rng(seed).permutation(len(latents))[: min(QUALITY_SAMPLE, fitted)]
    neighbours = min(MAP_NEIGHBOURS, (len(sample) - 1) // 2)
    high, low = latents[sample], places[sample]
    return MapQuality(
        trustworthiness=float(trustworthiness(high, low, n_neighbors=neighbours)),
        continuity=float(trustworthiness(low, high, n_neighbors=neighbours)),
        n_neighbors=neighbours,
        sample=len(sample),
        fitted=fitted,
    )


def _table(
    dataset: Dataset,
    encoding: Encoding,
    places: Float[np.ndarray, "points 2"],
    distortion: Float[np.ndarray, " points"],
    predicted: Int[np.ndarray, " points"],
) -> pd.DataFrame:
    """Assemble the columns in the order of `index_columns`, then the user's own."""
    terms, dim = encoding.terms, encoding.mean.shape[1]
    splits = (("train", dataset.train), ("test", dataset.test))
    labels = [
        torch.full((len(part),), -1) if part.labels is None else part.labels for _, part in splits
    ]
    values = {
        "id": dataset.ids,
        "split": [name for name, part in splits for _ in range(len(part))],
        "label": torch.cat(labels).numpy(),
        "cluster": encoding.clusters.numpy(),
        "confidence": encoding.confidence.numpy(),
        "umap_x": places[:, 0],
        "umap_y": places[:, 1],
        "distortion": distortion,
        **{name: getattr(terms, name).numpy() for name in TERM_NAMES},
        "predicted": predicted,
        **{f"mean_{axis}": encoding.mean[:, axis].numpy() for axis in range(dim)},
        **{f"log_var_{axis}": encoding.log_var[:, axis].numpy() for axis in range(dim)},
    }
    table = pd.DataFrame({name: values[name] for name in index_columns(dim)}).astype(
        index_columns(dim)
    )
    return pd.concat([table, dataset.columns.add_prefix(OWN)], axis=1)
