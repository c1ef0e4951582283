"""Convert images to one size: scale, centre and pad with the background."""

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional

from .._types import Images

__all__ = ["border", "border_median", "fit", "fitted_size", "resize"]


def border(pixels: np.ndarray) -> Float[np.ndarray, "..."]:
    """Return the outermost pixels of images (..., H, W): (..., border)."""
    sides = (pixels[..., 0, :], pixels[..., -1, :], pixels[..., 1:-1, 0], pixels[..., 1:-1, -1])
    return np.concatenate(sides, axis=-1, dtype=np.float32)


def border_median(pixels: np.ndarray) -> Float[np.ndarray, "..."]:
    """Return the median of the outermost pixels of images (..., H, W), their background."""
    return np.median(border(pixels), axis=-1)


def fitted_size(height: int, width: int, into: tuple[int, int]) -> tuple[int, int]:
    """Return the largest height and width, in proportion, that fit into the given ones."""
    scale = min(into[0] / height, into[1] / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(
    images: Images, height: int, width: int
) -> Float[torch.Tensor, "batch channels new_height new_width"]:
    """Resize images with antialiasing."""
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def fit(pixels: np.ndarray, into: tuple[int, int]) -> np.ndarray:
    """Scale images into one size, centre them and pad with the border's median, unrounded.

    Args:
        pixels: (N, C, H, W).
        into: Height and width.

    Returns:
        float32 (N, C, *into); the images themselves if they have that size.
    """
    count, channels, *size = pixels.shape
    if tuple(size) == into:
        return pixels
    height, width = fitted_size(size[0], size[1], into)
    top, left = (into[0] - height) // 2, (into[1] - width) // 2
    fitted = np.empty((count, channels, *into), np.float32)
    fitted[:] = border_median(pixels)[..., None, None]
    resized = resize(torch.from_numpy(pixels.astype(np.float64)), height, width)
    fitted[..., top : top + height, left : left + width] = resized.numpy()
    return fitted
