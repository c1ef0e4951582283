"""Features of photographs for the pseudo-labels: outline, texture and colours of an object.

Each pixel's distance from the background colour, that of the border, is resampled in polar
coordinates around the object's centre, in units of its size. The absolute values of the Fourier
transform along the angle are invariant to translation, scale and rotation.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..._types import Images
from ...data.ground import distance_from_ground

__all__ = ["colours", "natural_features", "polar_spectrum"]

RINGS, ANGLES, FREQUENCIES = 10, 64, 16
REACH = 2.2
"""Radius of the outermost ring, in root mean square radii of the object."""
BINS = 6
"""Levels of each colour axis in a histogram."""

Features = Float[Tensor, "batch features"]


def natural_features(x: Images) -> Mapping[str, Features]:
    """Return the features by name: outline, colours, and both."""
    outline, histogram = polar_spectrum(x), colours(x)
    return {
        "outline": outline,
        "colours": histogram,
        "outline and colours": torch.cat([outline, 0.5 * histogram], 1),
    }


def polar_spectrum(x: Images) -> Features:
    """Compute features invariant to translation, scale and rotation of the object.

    Returns:
        Square roots of normalised spectra, so that Euclidean distances are Hellinger distances.
    """
    away = distance_from_ground(x)
    centre_x, centre_y, size = _moments(away)
    ring = (torch.arange(RINGS, device=x.device) + 0.5) / RINGS * REACH
    angle = torch.arange(ANGLES, device=x.device) / ANGLES * 2 * math.pi
    steps = torch.stack([torch.outer(ring, angle.cos()), torch.outer(ring, angle.sin())], -1)
    places = steps * size[:, None, None, None]
    places = places + torch.stack([centre_x, centre_y], -1)[:, None, None, :]
    half = torch.tensor([x.shape[-1] / 2, x.shape[-2] / 2], device=x.device, dtype=x.dtype)
    found = functional.grid_sample(away[:, None], places / half, align_corners=False)[:, 0]
    spectrum = torch.fft.rfft(found, dim=-1).abs()[..., :FREQUENCIES] / ANGLES
    flat = (spectrum * ring[:, None]).flatten(1)
    return (flat / flat.sum(1, keepdim=True).clamp(min=1e-6)).sqrt()


def colours(x: Images) -> Features:
    """Histogram the opponent colours of the object: light, red to green, and yellow to blue.

    Returns:
        Square roots of histograms that sum to one.
    """
    weight = distance_from_ground(x).flatten(1)
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
    light = x.mean(1).flatten(1)
    axes = [light]
    if x.shape[1] == 3:
        red, green, blue = x.flatten(2).unbind(1)
        axes += [(red - green + 1) / 2, ((red + green) / 2 - blue + 1) / 2]
    place = torch.zeros_like(light, dtype=torch.int64)
    for axis in axes:
        place = place * BINS + (axis * BINS).long().clamp(0, BINS - 1)
    counts = torch.zeros(len(x), BINS ** len(axes), dtype=x.dtype, device=x.device)
    return counts.scatter_add_(1, place, weight).sqrt()


def _moments(weight: Float[Tensor, "batch height width"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the centre, from the middle of the image, and the root mean square radius."""
    height, width = weight.shape[1:]
    down = torch.arange(height, device=weight.device) - (height - 1) / 2
    across = torch.arange(width, device=weight.device) - (width - 1) / 2
    mass = weight.sum((1, 2)).clamp(min=1e-6)
    centre_x = (weight.sum(1) * across).sum(1) / mass
    centre_y = (weight.sum(2) * down).sum(1) / mass
    squares = (across - centre_x[:, None]).square()[:, None, :] + (
        down - centre_y[:, None]
    ).square()[:, :, None]
    return centre_x, centre_y, ((weight * squares).sum((1, 2)) / mass).sqrt().clamp(min=1.0)
