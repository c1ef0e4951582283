"""Small random deformations of images, one batch at a time, on the device.

References:
    Best Practices for Convolutional Neural Networks (Simard et al., 2003): elastic deformations.
"""

import math

import torch
from torch.nn import functional

from .._types import Images

__all__ = ["deform"]

ROTATION = math.radians(15)
SCALE = 0.15
SHEAR = 0.25
SHIFT = 0.2
"""Largest shift, as a share of half the image's width."""
ELASTIC = 0.06
"""Standard deviation of the displacement at 5 x 5 control points, in half widths."""


def deform(x: Images, generator: torch.Generator) -> Images:
    """Rotate, scale, shear, shift and bend each image a little, independently of the others."""
    count = len(x)

    def uniform(limit: float) -> torch.Tensor:
        draw = torch.rand(count, generator=generator, device=x.device)
        return (2 * draw - 1) * limit

    angle, shear = uniform(ROTATION), uniform(SHEAR)
    wide, high = 1 + uniform(SCALE), 1 + uniform(SCALE)
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([cos * wide, (shear - sin) * wide, uniform(SHIFT)], -1),
        torch.stack([sin * high, cos * high, uniform(SHIFT)], -1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    control = torch.randn(count, 2, 5, 5, generator=generator, device=x.device) * ELASTIC
    bend = functional.interpolate(
        control, size=x.shape[-2:], mode="bicubic", align_corners=True
    ).permute(0, 2, 3, 1)
    deformed = functional.grid_sample(x, grid + bend, align_corners=False)
    return deformed.contiguous(memory_format=torch.channels_last)
