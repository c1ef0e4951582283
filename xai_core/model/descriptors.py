"""Descriptors of images that need no training: histograms of oriented gradients.

References:
    Histograms of Oriented Gradients for Human Detection (Dalal & Triggs, 2005).
    Gradient-Based Learning Applied to Document Recognition (LeCun et al., 1998): deslanting.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .._types import Images

__all__ = ["deslant", "oriented_gradients"]

ORIENTATIONS = 8
CELL = 4


def deslant(x: Images) -> Images:
    """Centre each image's mass and shear its slant away, from its own second moments."""
    size = x.shape[-1]
    axis = torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2
    ink = x[:, 0]
    mass = ink.sum((1, 2)).clamp(min=1e-6)
    centre_x = (ink.sum(1) * axis).sum(1) / mass
    centre_y = (ink.sum(2) * axis).sum(1) / mass
    across = axis - centre_x[:, None]
    down = axis - centre_y[:, None]
    covariance = torch.einsum("nij,ni,nj->n", ink, down, across)
    variance = (ink.sum(2) * down.square()).sum(1).clamp(min=1e-6)
    shear = (covariance / variance).clamp(-1, 1)
    affine = torch.zeros(len(x), 2, 3, dtype=x.dtype, device=x.device)
    affine[:, 0, 0] = affine[:, 1, 1] = 1
    affine[:, 0, 1] = shear
    affine[:, 0, 2], affine[:, 1, 2] = centre_x / (size / 2), centre_y / (size / 2)
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
    bins = torch.arange(ORIENTATIONS, device=x.device).view(1, -1, 1, 1)
    distance = (angle - bins).abs()
    share = (1 - torch.minimum(distance, ORIENTATIONS - distance)).clamp(min=0)
    ramp = (torch.arange(2 * CELL, device=x.device) + 1).clamp(max=CELL)
    ramp = torch.minimum(ramp, ramp.flip(0)).to(x.dtype) / CELL
    window = torch.outer(ramp, ramp).expand(ORIENTATIONS, 1, -1, -1)
    cells = functional.conv2d(
        share * strength, window, stride=CELL, padding=CELL // 2, groups=ORIENTATIONS
    ).flatten(1)
    return (cells / cells.norm(dim=1, keepdim=True).clamp(min=1e-6)).sqrt()
