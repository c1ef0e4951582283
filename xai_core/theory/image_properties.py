"""Properties of an image that need no label or model: ink, slant, width."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images

__all__ = ["PROPERTIES", "ink", "slant", "width"]

PerImage = Float[Tensor, " batch"]


def ink(images: Images) -> PerImage:
    """Sum the ink, in full pixels."""
    return images.sum((1, 2, 3))


def slant(images: Images) -> PerImage:
    """Regress x on height: pixels to the right per pixel upwards; 0 for an empty image."""
    weight, x, y = _moments(images)
    return -(weight * x * y).sum((1, 2)) / (weight * y * y).sum((1, 2)).clamp(min=1e-6)


def width(images: Images) -> PerImage:
    """Return the horizontal standard deviation of the ink, in pixels."""
    weight, x, _ = _moments(images)
    return (weight * x * x).sum((1, 2)).sqrt()


PROPERTIES: Mapping[str, Callable[[Images], PerImage]] = {
    "ink": ink,
    "slant": slant,
    "width": width,
}
"""Functions of images by name."""


def _moments(images: Images) -> tuple[Tensor, Tensor, Tensor]:
    """Return each pixel's share of the ink and its position relative to the ink's centre."""
    brightness = images.mean(1)
    share = brightness / brightness.sum((1, 2), keepdim=True).clamp(min=1e-6)
    rows = torch.arange(images.shape[2], device=images.device, dtype=images.dtype)
    columns = torch.arange(images.shape[3], device=images.device, dtype=images.dtype)
    x = columns - (share.sum(1) * columns).sum(-1)[:, None]
    y = rows - (share.sum(2) * rows).sum(-1)[:, None]
    return share, x[:, None, :], y[:, :, None]
