"""Which pixels are seen: random masks, and the top pixels of a map of scores."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images, Mask

__all__ = ["INK", "log_uniform", "random_masks", "random_strokes", "top_pixels"]

INK = 0.5
"""A pixel brighter than this belongs to a stroke."""
MOST_STROKES = 96
MOST_PIXELS = 256


def random_masks(x: Images, generator: torch.Generator) -> Mask:
    """Draw masks that know nothing of a decision: random stroke pixels and random pixels.

    Of each image some 4 to `MOST_STROKES` stroke pixels, some 4 to `MOST_PIXELS` pixels anywhere,
    or both are seen, the numbers uniform in their logarithm.

    Args:
        x: Images of one channel.
        generator: Source of the draws.

    Returns:
        Masks of zeros and ones.
    """
    count = len(x)
    ink = x[:, 0] > INK
    kind = _uniform(generator, x, count, 1, 1)
    strokes = _numbers(generator, x, MOST_STROKES) * (kind < 0.75)
    anywhere = _numbers(generator, x, MOST_PIXELS) * (kind > 0.25)
    of_ink = strokes / ink.sum((1, 2), keepdim=True).clamp_min(1)
    of_all = anywhere / ink[0].numel()
    seen = (_uniform(generator, x, *ink.shape) < of_ink) & ink
    return (seen | (_uniform(generator, x, *ink.shape) < of_all)).to(x.dtype)


def random_strokes(x: Images, count: int, generator: torch.Generator) -> Mask:
    """Draw exactly `count` pixels of each image, stroke pixels first.

    Raises:
        ValueError: If an image has fewer pixels.
    """
    draws = _uniform(generator, x, *x[:, 0].shape)
    return top_pixels(draws + (x[:, 0] > INK), count)


def top_pixels(scores: Float[Tensor, "batch height width"], count: int) -> Mask:
    """Mark the pixels with the highest scores, exactly `count` of each map.

    Returns:
        Masks of zeros and ones.

    Raises:
        ValueError: If a map has not that many pixels.
    """
    flat = scores.flatten(1)
    if not 0 <= count <= flat.shape[1]:
        raise ValueError(f"`count` must be in [0, {flat.shape[1]}], got {count}.")
    places = flat.topk(count, sorted=False).indices
    return torch.zeros_like(flat).scatter(1, places, 1.0).view_as(scores)


def log_uniform(low: float, high: float, draws: Tensor) -> Tensor:
    """Turn draws that are uniform in [0, 1) into ones uniform in their logarithm."""
    return torch.exp(math.log(low) + (math.log(high) - math.log(low)) * draws)


def _uniform(generator: torch.Generator, like: Tensor, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator, device=like.device, dtype=like.dtype)


def _numbers(generator: torch.Generator, like: Tensor, most: int) -> Tensor:
    """Draw a number of pixels per image, uniform in its logarithm from 4 to `most`."""
    return log_uniform(4.0, float(most), _uniform(generator, like, len(like), 1, 1))
