"""Whether an image resembles the training images, so that the model's answers about it hold.

A low bound alone does not decide it: simple unseen images, such as a blank one, reach higher
bounds than real ones (Nalisnick et al., 2019a). So a bound can be too high as well as too low
(2019b), the distance of the image's code to the codes of training images is a second criterion,
and a q(c|x) that is less certain than that of almost every test image is a third one.

References:
    Do Deep Generative Models Know What They Don't Know? (Nalisnick et al., 2019),
    https://arxiv.org/abs/1810.09136
    Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality (Nalisnick et
    al., 2019), https://arxiv.org/abs/1906.02994
    Out-of-Distribution Detection with Deep Nearest Neighbors (Sun et al., 2022),
    https://arxiv.org/abs/2204.06507
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..bundle.reading import Bundle
from ..latent_space.index import LatentIndex

__all__ = ["TypicalRange", "Typicality", "typical_range"]

NEIGHBOURS = 10
"""Nearest training codes over which the distance is averaged."""
SAMPLE = 2_000
"""Test images on which distances are calibrated."""
RARE = 0.01
"""Share of test images outside the limits of the bound, and above the limit of the distance."""
UNDECIDED = 0.001
"""Share of test images whose largest q(c|x) lies below its limit."""


@dataclass(frozen=True, kw_only=True)
class Typicality:
    """How an image compares with the training images, and limits calibrated on test images.

    Attributes:
        elbo: The image's bound, in nats.
        elbo_share: Share of training images with a lower bound, in [0, 1].
        elbo_floor: The `RARE` / 2 quantile of the bounds of test images.
        elbo_ceiling: The 1 - `RARE` / 2 quantile.
        distance: Mean distance of its code to the nearest training codes, in latent units.
        distance_share: Share of test images with a smaller distance, in [0, 1].
        distance_ceiling: The 1 - `RARE` quantile of the distances of test images.
        confidence: Its largest q(c|x).
        confidence_floor: The `UNDECIDED` quantile of that of test images.
    """

    elbo: float
    elbo_share: float
    elbo_floor: float
    elbo_ceiling: float
    distance: float
    distance_share: float
    distance_ceiling: float
    confidence: float
    confidence_floor: float

    @property
    def badly_explained(self) -> bool:
        """Return whether the bound is below its limit."""
        return self.elbo < self.elbo_floor

    @property
    def too_simple(self) -> bool:
        """Return whether the bound is above its limit."""
        return self.elbo > self.elbo_ceiling

    @property
    def far_away(self) -> bool:
        """Return whether the distance is above its limit."""
        return self.distance > self.distance_ceiling

    @property
    def undecided(self) -> bool:
        """Return whether the largest q(c|x) is below its limit."""
        return self.confidence < self.confidence_floor

    @property
    def unlike(self) -> bool:
        """Return whether any limit is passed, so that answers about this image do not hold."""
        return self.badly_explained or self.too_simple or self.far_away or self.undecided


@dataclass(frozen=True, kw_only=True, eq=False)
class TypicalRange:
    """The training images' bounds and codes, and how test images compare with them.

    Attributes:
        codes: The training codes.
        train_elbos: Bounds of the training images, sorted.
        distances: Distances of the sampled test images, sorted.
        elbo_floor: As in `Typicality`.
        elbo_ceiling: As in `Typicality`.
        distance_ceiling: As in `Typicality`.
        confidence_floor: As in `Typicality`.
    """

    codes: LatentIndex
    train_elbos: Float[np.ndarray, " train"]
    distances: Float[np.ndarray, " test"]
    elbo_floor: float
    elbo_ceiling: float
    distance_ceiling: float
    confidence_floor: float

    def of(
        self, elbo: float, code: Float[Tensor, " latent"], confidence: float = 1.0
    ) -> Typicality:
        """Compare an image with them.

        Args:
            elbo: Its bound, in nats.
            code: Its mean of q(z|x).
            confidence: Its largest q(c|x).
        """
        distance = float(_distances(self.codes, code[None]))
        below, nearer = (
            float(np.searchsorted(known, value) / len(known))
            for known, value in ((self.train_elbos, elbo), (self.distances, distance))
        )
        return Typicality(
            elbo=elbo,
            elbo_share=below,
            elbo_floor=self.elbo_floor,
            elbo_ceiling=self.elbo_ceiling,
            distance=distance,
            distance_share=nearer,
            distance_ceiling=self.distance_ceiling,
            confidence=confidence,
            confidence_floor=self.confidence_floor,
        )


def typical_range(bundle: Bundle, *, seed: int = 0) -> TypicalRange:
    """Measure the range of typical images on a bundle's own images.

    Args:
        bundle: The bundle; its index and codes are read, its images are not.
        seed: Draws the `SAMPLE` test images whose distances are measured.
    """
    test = (bundle.index["split"] == "test").to_numpy()
    elbo, confidence = (bundle.index[n].to_numpy(np.float64) for n in ("elbo", "confidence"))
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(test))[:SAMPLE]
    known = torch.from_numpy(np.flatnonzero(~test))
    codes = LatentIndex(bundle.latents[known], bundle.latent_index.places[known])
    distances = np.sort(_distances(codes, bundle.latents[torch.from_numpy(rows)]).numpy())
    floor, ceiling = np.quantile(elbo[test], [RARE / 2, 1 - RARE / 2])
    return TypicalRange(
        codes=codes,
        train_elbos=np.sort(elbo[~test]),
        distances=distances,
        elbo_floor=float(floor),
        elbo_ceiling=float(ceiling),
        distance_ceiling=float(np.quantile(distances, 1 - RARE)),
        confidence_floor=float(np.quantile(confidence[test], UNDECIDED)),
    )


def _distances(codes: LatentIndex, z: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
    return codes.neighbours(z, min(NEIGHBOURS, len(codes)))[1].mean(-1)
