"""Test images that may be copies of train images, so that test scores say too much.

An image is described by its amplitude spectrum, which a shift does not change. A copy lies far
closer to one train image than to all others, so test images are ranked by the distance to the
fifth nearest train image over that to the nearest.

Of 500 copies planted among MNIST's test images (as they are, shifted, noisy, compressed, darker),
this ranking finds more among its first 500 than the distance between pixels does, and more than
its own distance without the ratio: `python -m tests.benchmarks.findings.near_duplicates`.

References:
    When Is "Nearest Neighbor" Meaningful? (Beyer et al., 1999): distances are compared with those
    of further neighbours, since nearest ones alone say little in many dimensions
    Do We Train on Test Data? Purging CIFAR of Near-Duplicates (Barz & Denzler, 2020),
    https://arxiv.org/abs/1902.00423
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import ByteImages
from ..data.dataset import Dataset
from ..data.preprocessing import to_float
from ..latent_space.index import NeighbourSearch
from ..runtime import resolve_device

__all__ = ["FAR_CLOSER", "Copies", "find_copies"]

FREQUENCIES = 7
"""Highest frequency of the description, in periods per side."""
FURTHER = 5
"""The neighbour to whose distance the nearest's is compared."""
FAR_CLOSER = 2.0
"""Ratio of distances from which an image counts as a possible copy."""
SMALLEST = 1e-3
"""Distances below this are rounding errors: the images have one spectrum."""
AT_ONCE = 5_000
"""Images described at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies:
    """Test images, the most likely copy of a train image first.

    Attributes:
        test_rows: Rows of the test split.
        train_rows: Row of the nearest train image.
        ratios: Distance to the fifth nearest train image over that to the nearest, at least 1.
    """

    test_rows: Int[np.ndarray, " images"]
    train_rows: Int[np.ndarray, " images"]
    ratios: Float[np.ndarray, " images"]

    @property
    def possible(self) -> int:
        """Count the images that are far closer to one train image than to others."""
        return int((self.ratios >= FAR_CLOSER).sum())


def find_copies(dataset: Dataset, *, device: torch.device | str = "cpu") -> Copies:
    """Rank the test images by how much closer one train image is than others.

    Args:
        dataset: The images; labels are not used.
        device: Device to compute on.
    """
    device = resolve_device(device)
    train = _spectra(dataset.train.images, device)
    mean = train.mean(0)
    search = NeighbourSearch(_to_unit_length(train - mean))
    test = _to_unit_length(_spectra(dataset.test.images, device) - mean)
    rows, distances = search.nearest(test, min(FURTHER, len(train)))
    far = distances.cpu().double().clamp(min=SMALLEST).numpy()
    ratios, nearest = far[:, -1] / far[:, 0], rows[:, 0].cpu().numpy()
    order = np.argsort(-ratios, kind="stable")
    return Copies(test_rows=order, train_rows=nearest[order], ratios=ratios[order])


def _spectra(images: ByteImages, device: torch.device) -> Float[Tensor, "images features"]:
    """Return the square roots of the low frequencies' amplitudes, channel by channel."""
    height, width = images.shape[-2:]
    rows = torch.fft.fftfreq(height, 1 / height).abs() <= FREQUENCIES
    columns = torch.fft.rfftfreq(width, 1 / width) <= FREQUENCIES
    parts = []
    for part in images.split(AT_ONCE):
        amplitudes = torch.fft.rfft2(to_float(part, device)).abs()
        parts.append(amplitudes[..., rows, :][..., columns].sqrt().flatten(1))
    found = torch.cat(parts)
    return _to_unit_length(found - found.mean(1, keepdim=True))


def _to_unit_length(vectors: Float[Tensor, "images features"]) -> Float[Tensor, "images features"]:
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
