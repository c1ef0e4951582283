"""A latent space of two dimensions, seen as a plane."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images, Latents, Probs
from ..models.vae import ClusterVAE

__all__ = ["Decisions", "Window", "decide", "grid", "window_around"]

AT_ONCE = 1024
"""Codes that are decoded at once."""
STEP = 0.5
"""The sides of a window are multiples of this, in latent units."""
WITHIN = 0.002
"""Share of the codes left out of the window on each side."""


@dataclass(frozen=True)
class Window:
    """A square of the plane, in latent units.

    Attributes:
        left: Smallest z_1.
        bottom: Smallest z_2.
        side: Length of its sides.
    """

    left: float
    bottom: float
    side: float


@dataclass(frozen=True)
class Decisions:
    """The outputs of the model at some codes.

    Attributes:
        images: The decoded images g(z), with p(c|z) where the decoder reads c.
        mixture: p(c|z), from the Gaussians alone.
        branch: q(c|g(z)), from the decoded image.
        log_density: log p(z), in nats.
    """

    images: Images
    mixture: Probs
    branch: Probs
    log_density: Float[Tensor, " batch"]

    def agreement(self) -> float:
        """Return the share of p(z) on these codes where both name the same cluster.

        The codes are taken as the centres of equal cells.
        """
        same = self.mixture.argmax(-1) == self.branch.argmax(-1)
        weight = (self.log_density - self.log_density.max()).exp()
        return ((weight * same).sum() / weight.sum()).item()


def window_around(codes: Latents, means: Float[Tensor, "clusters latent"]) -> Window:
    """Return the smallest square that shows nearly all codes and all means.

    Args:
        codes: (N, 2); outliers, 0.2 % on each side, may lie outside.
        means: (K, 2), the means of the Gaussians.

    Raises:
        ValueError: If the codes do not have two dimensions.
    """
    if codes.shape[1] != 2:
        raise ValueError(f"A plane has two dimensions, these codes have {codes.shape[1]}.")
    known = codes.double()
    low = torch.minimum(known.quantile(WITHIN, 0), means.double().amin(0))
    high = torch.maximum(known.quantile(1 - WITHIN, 0), means.double().amax(0))
    side = STEP * math.ceil(((high - low).max().item() + STEP) / STEP)
    left, bottom = (STEP * round((m - side / 2) / STEP) for m in ((low + high) / 2).tolist())
    return Window(left, bottom, side)


def grid(window: Window, count: int) -> Latents:
    """Return the centres of count x count equal cells: rows from the top, each from the left."""
    steps = (torch.arange(count) + 0.5) / count * window.side
    across, up = window.left + steps, (window.bottom + steps).flip(0)
    return torch.stack([across.repeat(count), up.repeat_interleave(count)], 1)


@torch.no_grad()
def decide(model: ClusterVAE, codes: Latents) -> Decisions:
    """Decode codes, and assign each to clusters by its place and by its image.

    Args:
        model: The model, with a decoder.
        codes: (N, d), on the model's device.
    """
    parts = []
    for z in codes.split(AT_ONCE):
        mixture = model.prior.responsibilities(z)
        images = model.decode(z, mixture)
        branch = model.cluster_probs(images)
        parts.append((images, mixture, branch, model.prior.log_prob(z)))
    return Decisions(*(torch.cat(column) for column in zip(*parts, strict=True)))
