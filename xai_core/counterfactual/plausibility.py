"""Measure whether a counterfactual looks like an image of its target.

The first-order law of `certificate` holds for any gradient, so it says nothing about one
counterfactual. Two measurements can fail: the distance to the nearest image that the decoder can
draw, and the classes of the nearest real images (`Reference.nearest_classes`). Neither uses the
explained function, and neither depends on the method that found the counterfactual.

References:
    Diffeomorphic Counterfactuals with Generative Models (Dombrowski et al., 2022),
    https://arxiv.org/abs/2206.05075, for the manifold of a generator.
    Interpretable Counterfactual Explanations Guided by Prototypes (Van Looveren & Klaise, 2019),
    https://arxiv.org/abs/1907.02584, for distances to real images of the target class.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images, Latents

__all__ = ["NearestDrawn", "nearest_drawn"]

STEPS = 40
STEP_SIZE = 0.1
"""Adam's learning rate, in latent units; on MNIST, five times the steps give 3 % shorter
distances."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NearestDrawn:
    """The nearest decoded images found, one per image.

    Attributes:
        images: Decoded images.
        codes: Their codes.
        l1: Distance from each image to its nearest decoded image, in ink summed over pixels. It
            is an upper bound of the distance to the decoder's images: the search is local.
    """

    images: Images
    codes: Latents
    l1: Float[Tensor, " batch"]


def nearest_drawn(
    images: Images,
    *,
    encode: Callable[[Images], Latents],
    decode: Callable[[Latents], Images],
    steps: int = STEPS,
    step_size: float = STEP_SIZE,
) -> NearestDrawn:
    """Search for the code whose decoded image is nearest to each image in L1.

    Adam starts at the image's own code; the best code visited is kept.

    Args:
        images: In [0, 1].
        encode: Images to codes.
        decode: Codes to images.
        steps: Gradient steps; 0 measures the distance to the reconstruction.
        step_size: Adam's learning rate, in latent units.

    Raises:
        ValueError: If `steps` is negative.
    """
    if steps < 0:
        raise ValueError(f"`steps` must be at least 0, got {steps}.")
    with torch.no_grad():
        start = encode(images)
    codes = start.clone()
    best = start.new_full((len(images),), torch.inf)
    with torch.enable_grad():
        moving = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([moving], lr=step_size)
        for step in range(steps + 1):
            ink = (decode(moving) - images).abs().flatten(1).sum(1)
            nearer = ink.detach() < best
            best = torch.where(nearer, ink.detach(), best)
            codes = torch.where(nearer.unsqueeze(1), moving.detach(), codes)
            if step < steps:
                (moving.grad,) = torch.autograd.grad(ink.sum(), moving)
                optimizer.step()
    with torch.no_grad():
        return NearestDrawn(images=decode(codes), codes=codes, l1=best)
