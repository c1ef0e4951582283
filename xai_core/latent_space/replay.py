"""The replay of a training: where some train images were on the map after each epoch.

The last frame is the map itself. Each earlier frame is a UMAP of that epoch's codes which starts
from the frame after it, so that frames are aligned, and is then turned, scaled and shifted to fit
that frame (orthogonal Procrustes).

References:
    UMAP (McInnes et al., 2018), https://arxiv.org/abs/1802.03426
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Latents
from .index import NeighbourSearch
from .umap_on_device import umap_layout

__all__ = ["REPLAYED_IMAGES", "REPLAY_COLUMNS", "EpochCodes", "lay_out_replay"]

REPLAYED_IMAGES = 2_000
"""Largest number of train images in a replay, the first ones: about 9 bytes each per frame."""
FEWEST = 16
"""Fewer images have no layout worth a replay."""
NEIGHBOURS = 15
STEPS = 30
"""Epochs of UMAP per frame: enough to move from the frame after it."""
REPLAY_COLUMNS = {
    "epoch": "int64",
    "image": "int64",
    "x": "float32",
    "y": "float32",
    "cluster": "int64",
}
"""Columns of a replay with their types: one row per frame and image, in this order."""


@dataclass(frozen=True)
class EpochCodes:
    """Codes of the first train images after an epoch, and the cluster of each."""

    mean: Latents
    clusters: Int[Tensor, " images"]


def lay_out_replay(
    codes: Mapping[int, EpochCodes], places: Float[np.ndarray, "images 2"], *, seed: int
) -> pd.DataFrame | None:
    """Lay out the codes of each epoch, the last one at its places on the map.

    Args:
        codes: By epoch, 0 before the training; at least two, of equally many images.
        places: Their places on the map of the trained model, in map units.
        seed: Seed of the layouts.

    Returns:
        The table, with `REPLAY_COLUMNS`; None if there are too few images or epochs.
    """
    count = min(len(places), *(len(part.mean) for part in codes.values())) if codes else 0
    if count < FEWEST or len(codes) < 2:
        return None
    epochs = sorted(codes)
    frames = {epochs[-1]: places[:count].astype(np.float32)}
    for later, epoch in itertools.pairwise(reversed(epochs)):
        frames[epoch] = _before(codes[epoch].mean[:count].float(), frames[later], seed)
    tables = [
        pd.DataFrame(
            {
                "epoch": epoch,
                "image": np.arange(count),
                "x": frames[epoch][:, 0],
                "y": frames[epoch][:, 1],
                "cluster": codes[epoch].clusters[:count].numpy(),
            }
        )
        for epoch in epochs
    ]
    return pd.concat(tables, ignore_index=True).astype(REPLAY_COLUMNS)


def _before(
    latents: Latents, after: Float[np.ndarray, "images 2"], seed: int
) -> Float[np.ndarray, "images 2"]:
    """Lay out codes near the frame that follows."""
    nearest = NeighbourSearch(latents).nearest(latents, min(NEIGHBOURS, len(latents) - 1))
    start = torch.from_numpy(after - after.mean(0)).float()
    found = umap_layout(*nearest, start=start, epochs=STEPS, seed=seed)
    return _fitted(found.double().numpy(), after).astype(np.float32)


def _fitted(
    moved: Float[np.ndarray, "images 2"], fixed: Float[np.ndarray, "images 2"]
) -> Float[np.ndarray, "images 2"]:
    """Turn, scale and shift points to their least squares fit to others."""
    from scipy.linalg import orthogonal_procrustes

    centred, target = moved - moved.mean(0), fixed - fixed.mean(0)
    turn, scale = orthogonal_procrustes(centred, target)
    return centred @ turn * (scale / max(float((centred**2).sum()), 1e-12)) + fixed.mean(0)
