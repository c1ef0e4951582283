"""Small random deformations of images, one batch at a time, on the device.

References:
    Best Practices for Convolutional Neural Networks (Simard et al., 2003): elastic deformations.
"""

import math

import torch
from torch.nn import functional

from .._types import Images
from .preprocessing_config import Invariance, Preprocessing

__all__ = ["deform"]

MNIST = Preprocessing(strategy="digits")
ROTATION = math.radians(15)
SCALE = 0.15
SHEAR = 0.25
SHIFT = 0.2
"""Largest shift, as a share of half the image's width."""
ELASTIC = 0.06
"""Standard deviation of the displacement at 5 x 5 control points, in half widths."""


BRIGHTNESS = 0.2
"""Largest relative change of brightness."""


def deform(x: Images, generator: torch.Generator, how: Preprocessing = MNIST) -> Images:
    """Deform each image a little, independently of the others.

    Args:
        x: Images.
        generator: Source of all draws.
        how: Its `invariances` select the deformations. Pixels that enter the frame are black, or
            continue the border for photographs.
    """
    count, invariances = len(x), set(how.invariances or ())

    def uniform(limit: float, *names: Invariance) -> torch.Tensor:
        draw = torch.rand(count, generator=generator, device=x.device)
        return (2 * draw - 1) * (limit if not invariances.isdisjoint(names) else 0.0)

    turn = math.pi if "rotation" in invariances else ROTATION
    angle, shear = uniform(turn, "tilt", "rotation"), uniform(SHEAR, "shear")
    wide, high = 1 + uniform(SCALE, "scale"), 1 + uniform(SCALE, "scale")
    if "flip" in invariances:
        wide = wide * uniform(1.0, "flip").sign()
    cos, sin, ratio = angle.cos(), angle.sin(), x.shape[-2] / x.shape[-1]
    rows = [
        torch.stack([cos * wide, (shear - sin) * wide * ratio, uniform(SHIFT, "shift")], -1),
        torch.stack([sin * high / ratio, cos * high, uniform(SHIFT, "shift")], -1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    if "elastic" in invariances:
        control = torch.randn(count, 2, 5, 5, generator=generator, device=x.device) * ELASTIC
        grid = grid + functional.interpolate(
            control, size=x.shape[-2:], mode="bicubic", align_corners=True
        ).permute(0, 2, 3, 1)
    beyond = "border" if how.strategy == "natural" else "zeros"
    deformed = functional.grid_sample(x, grid, padding_mode=beyond, align_corners=False)
    if "brightness" in invariances:
        light = 1 + uniform(BRIGHTNESS, "brightness")
        deformed = (deformed * light.view(-1, 1, 1, 1)).clamp(max=1)
    if "hue" in invariances and x.shape[1] == 3:
        deformed = _other_hue(deformed, uniform(math.pi, "hue"))
    return deformed.contiguous(memory_format=torch.channels_last)


def _other_hue(x: Images, angle: torch.Tensor) -> Images:
    """Rotate the colours of each image around the grey axis by an angle."""
    cos, sin = angle.cos(), angle.sin() / math.sqrt(3)
    third = (1 - cos) / 3
    row = torch.stack([cos + third, third - sin, third + sin], -1)
    matrix = torch.stack([row, row.roll(1, -1), row.roll(2, -1)], 1)
    return torch.einsum("nij,njhw->nihw", matrix, x).clamp(0, 1)
