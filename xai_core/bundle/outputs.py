"""Images in the forms that a bundle stores and that its models read."""

import numpy as np
import torch
from torch import Tensor

from .._types import ByteImages, Images
from ..data.io.pixel_values import check_pixels
from ..data.preprocessing import convert_array, to_float
from .reading import Bundle

__all__ = [
    "as_byte_images",
    "as_float_images",
]


def as_byte_images(bundle: Bundle, images: Tensor | np.ndarray) -> ByteImages:
    """Bring images to the form in which a bundle stores them.

    NumPy arrays are images as they come: they are read as the images of the bundle were, with
    their size, colours, range and polarity. Tensors are in the form of `bundle.dataset` already.

    Args:
        bundle: The bundle, which says how its images were read.
        images: A NumPy array as `check_pixels` takes it; or a tensor, uint8 or float, of shape
            (N, 28, 28) or (N, 1, 28, 28).

    Returns:
        uint8 (N, 28, 28) on the CPU. Floats are rounded to 256 levels.

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are no pixels; the message names the row.
    """
    if isinstance(images, np.ndarray):
        return convert_array(images, "images", bundle.preprocessing).images
    images = _squeezed(images)
    if images.dtype == torch.uint8:
        return images.cpu()
    return torch.from_numpy(check_pixels(_as_array(images), "images").images)


def as_float_images(bundle: Bundle, images: Tensor | np.ndarray) -> Images:
    """Bring images to the bundle's device in the form that models read.

    Args:
        bundle: The models.
        images: As `as_byte_images` takes them; floats in [0, 1] are not rounded.

    Returns:
        float32 (N, 1, 28, 28) in [0, 1].

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are no pixels; the message names the row.
    """
    if isinstance(images, Tensor) and images.is_floating_point():
        images = _squeezed(images)
        pixels = check_pixels(_as_array(images), "images")
        if pixels.full_scale == 1:
            return images.to(bundle.device, torch.float32).clamp(0, 1).unsqueeze(1)
        images = torch.from_numpy(pixels.images)
    return to_float(as_byte_images(bundle, images), bundle.device)


def _squeezed(images: Tensor) -> Tensor:
    """Leave out the axis of the one channel."""
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    readable = images.dtype == torch.uint8 or images.is_floating_point()
    if images.shape[1:] != (28, 28) or not readable:
        raise ValueError(
            "`images` must be uint8 (N, 28, 28), or floats (N, 1, 28, 28) in [0, 1], got "
            f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}. A NumPy array of "
            "another form is converted as the images of the bundle were."
        )
    return images.detach()


def _as_array(images: Tensor) -> np.ndarray:
    return images.cpu().to(torch.promote_types(images.dtype, torch.float32)).numpy()
