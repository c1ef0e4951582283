"""Which pixels are seen: random masks, and the top pixels of a map of scores."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .._types import Images, Mask

__all__ = ["foreground", "log_uniform", "random_masks", "random_strokes", "top_pixels"]

INK = 0.5
"""A grey pixel brighter than this belongs to a stroke."""
OTHER_COLOUR = 0.15
"""A coloured pixel that differs more from the border's median, per channel, is foreground."""
MOST_STROKES = 96 / 784
"""Share of the pixels."""
MOST_PIXELS = 256 / 784


def foreground(x: Images) -> Bool[Tensor, "batch height width"]:
    """Mark the pixels of strokes or objects, as opposed to the background."""
    if x.shape[1] == 1:
        return x[:, 0] > INK
    sides = (x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1])
    ground = torch.cat(sides, -1).median(-1).values[..., None, None]
    return (x - ground).abs().amax(1) > OTHER_COLOUR


def random_masks(x: Images, generator: torch.Generator) -> Mask:
    """Draw masks independent of any decision: random stroke pixels and random pixels.

    Each mask shows 4 to 96 of 784 pixels in strokes, 4 to 256 anywhere, or both; the counts are
    log-uniform.

    Args:
        x: Images.
        generator: Source of the draws.

    Returns:
        Masks of zeros and ones.
    """
    count = len(x)
    ink = foreground(x)
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
    return top_pixels(draws + foreground(x), count)


def top_pixels(scores: Float[Tensor, "batch height width"], count: int) -> Mask:
    """Mark the pixels with the highest scores, exactly `count` of each map.

    Returns:
        Masks of zeros and ones.

    Raises:
        ValueError: If a map has fewer pixels.
    """
    flat = scores.flatten(1)
    if not 0 <= count <= flat.shape[1]:
        raise ValueError(f"`count` must be in [0, {flat.shape[1]}], got {count}.")
    places = flat.topk(count, sorted=False).indices
    return torch.zeros_like(flat).scatter(1, places, 1.0).view_as(scores)


def log_uniform(low: float, high: float, draws: Tensor) -> Tensor:
    """Transform uniform draws in [0, 1) to log-uniform ones in [low, high)."""
    return torch.exp(math.log(low) + (math.log(high) - math.log(low)) * draws)


def _uniform(generator: torch.Generator, like: Tensor, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator, device=like.device, dtype=like.dtype)


def _numbers(generator: torch.Generator, like: Tensor, most: float) -> Tensor:
    """Draw a log-uniform number of pixels per image, up to a share of all pixels."""
    pixels = like[0, 0].numel()
    draws = _uniform(generator, like, len(like), 1, 1)
    return log_uniform(4 * pixels / 784, most * pixels, draws)
