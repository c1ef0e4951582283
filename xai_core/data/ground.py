"""The background of images: its colour and polarity, and conversion of other backgrounds.

The background (`ground`) of an image is the median of its border, never a fixed grey.
"""

import dataclasses

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from .._types import Images
from .fitting import border
from .io.pixel_values import counted
from .preprocessing_config import Preprocessing

__all__ = [
    "distance_from_ground",
    "ground_colours",
    "on_plain_ground",
    "polarity",
    "polarity_report",
    "to_ground",
    "with_polarity",
]

_CONTRAST = 8
"""Factor by which the squared difference to the background must be larger on one side."""
_PLAIN = 16
"""Grey levels by which a plain background may differ from its median."""
_MOST_OF_A_BORDER = 0.9
"""Share of the border's pixels within this tolerance on a plain background."""
_OTHER_GROUND = 24
"""Difference in grey levels from which a background differs from the set's."""
_STANDS_OUT = 32
"""Grey levels by which ink must be lighter than a different background to be converted."""
_AT_ONCE = 10_000
"""Images compared with their backgrounds at once."""


def polarity(
    images: UInt8[np.ndarray, "images height width"], grounds: Float[np.ndarray, " images"]
) -> tuple[Bool[np.ndarray, " images"], Bool[np.ndarray, " images"]]:
    """Mark the images whose background is clearly lighter than the ink, and clearly darker."""
    energies = np.empty((2, len(images)), np.float32)
    for start in range(0, len(images), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        excess = images[rows].astype(np.float32) - grounds[rows, None, None]
        for side, part in enumerate((excess, -excess)):
            energies[side, rows] = np.square(np.maximum(part, 0)).sum(axis=(1, 2))
    lighter, darker = energies
    return darker > _CONTRAST * lighter, lighter > _CONTRAST * darker


def with_polarity(
    images: UInt8[np.ndarray, "images 1 height width"],
    grounds: Float[np.ndarray, " images"],
    dark: Bool[np.ndarray, " images"],
    form: Preprocessing,
) -> Preprocessing:
    """Determine polarity and background of a set, and whether all its images agree with them."""
    inverted = 2 * int(dark.sum()) > len(dark)
    levels = 255 - grounds if inverted else grounds
    ground = int(np.rint(np.median(levels)))
    others = on_plain_ground(images) & (np.abs(levels - ground) > _OTHER_GROUND)
    agree = int(dark.sum()) in (0, len(dark)) and not others.any()
    return dataclasses.replace(form, inverted=inverted, ground=ground, by_border=agree)


def polarity_report(dark: int, count: int, inverted: bool) -> tuple[str, ...]:
    """Report whether a set was inverted, and how many of its images are dark on light."""
    if inverted and dark == count:
        return (f"{counted(count)} dark on light and inverted.",)
    if inverted:
        return (f"{counted(count)} inverted, because {dark} of them are dark on light.",)
    if dark:
        return (f"{dark} of {count} images are dark on light, too few to invert the set.",)
    return ()


def to_ground(
    images: UInt8[np.ndarray, "images 1 height width"],
    grounds: Float[np.ndarray, " images"],
    plain: Bool[np.ndarray, " images"],
    ground: int,
) -> None:
    """Convert images on another plain background to `ground`, their brightest pixel to white."""
    highest = images.max((1, 2, 3)).astype(np.float32)
    other = (np.abs(grounds - ground) > _OTHER_GROUND) & (highest - grounds >= _STANDS_OUT)
    for row in np.flatnonzero(plain & other).tolist():
        share = (images[row] - grounds[row]) / (highest[row] - grounds[row])
        levels = ground + share * (255 - ground)
        images[row] = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def on_plain_ground(
    images: UInt8[np.ndarray, "images channels height width"],
) -> Bool[np.ndarray, " images"]:
    """Mark the images whose border pixels are nearly all close to its median."""
    edge = border(images)
    near = np.abs(edge - np.median(edge, -1, keepdims=True)) <= _PLAIN
    return (near.mean(-1) >= _MOST_OF_A_BORDER).all(-1)


def ground_colours(x: Images) -> Float[Tensor, "batch channels"]:
    """Return the median of each image's border, channel by channel."""
    return _edges(x).median(-1).values


def distance_from_ground(x: Images) -> Float[Tensor, "batch height width"]:
    """Return the distance of each pixel from the border's colour, in [0, 1]."""
    edge = _edges(x)
    ground = edge.median(-1).values
    away = (x - ground[..., None, None]).abs().amax(1)
    noise = (edge - ground[..., None]).abs().amax(1).quantile(0.9, -1)[:, None, None]
    highest = away.flatten(1).amax(1)[:, None, None]
    return ((away - noise) / (highest - noise).clamp(min=1e-3)).clamp(0, 1).mul(2).clamp(max=1)


def _edges(x: Images) -> Float[Tensor, "batch channels pixels"]:
    return torch.cat((x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]), -1)
