"""Images in the forms that a bundle stores and that its models read."""

import numpy as np
import torch
from torch import Tensor

from .._types import ByteImages, Images
from ..data.io.pixel_values import channels_first, check_pixels
from ..data.preprocessing import convert_array, to_float
from .reading import Bundle

__all__ = [
    "as_byte_images",
    "as_float_images",
]


def as_byte_images(bundle: Bundle, images: Tensor | np.ndarray) -> ByteImages:
    """Bring images to the form in which a bundle stores them.

    NumPy arrays are raw images: they are converted in size, colours, range and polarity like the
    images of the bundle. Tensors must already have the form of `bundle.dataset`.

    Args:
        bundle: The bundle, which stores how its images were read.
        images: A NumPy array as `check_pixels` takes it; or a tensor, uint8 or float, of shape
            (N, C, H, W), (N, H, W) or (N, H, W, 3).

    Returns:
        uint8 (N, C, H, W) on the CPU. Floats are rounded to 256 levels.

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are not pixels; the message names the row.
    """
    if isinstance(images, np.ndarray):
        return convert_array(images, "images", bundle.preprocessing).images
    images = _of_form(bundle, images)
    if images.dtype == torch.uint8:
        return images.cpu()
    return torch.from_numpy(check_pixels(_as_array(images), "images").images)


def as_float_images(bundle: Bundle, images: Tensor | np.ndarray) -> Images:
    """Bring images to the bundle's device in the form that models read.

    Args:
        bundle: The models.
        images: Images in a form that `as_byte_images` accepts; floats in [0, 1] are not rounded.

    Returns:
        float32 (N, C, H, W) in [0, 1].

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are not pixels; the message names the row.
    """
    if isinstance(images, Tensor) and images.is_floating_point():
        images = _of_form(bundle, images)
        pixels = check_pixels(_as_array(images), "images")
        if pixels.full_scale == 1:
            return images.to(bundle.device, torch.float32).clamp(0, 1)
        images = torch.from_numpy(pixels.images)
    return to_float(as_byte_images(bundle, images), bundle.device)


def _of_form(bundle: Bundle, images: Tensor) -> Tensor:
    """Bring a tensor to (N, C, H, W); refuse another form than the bundle's."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"`images` must be a tensor or a NumPy array, got a {type(images).__name__}. "
            "`bundle.dataset.images(['test:18'])` gives the images of ids, and "
            "`numpy.asarray(image)[None]` that of a Pillow image."
        )
    readable = images.dtype == torch.uint8 or images.is_floating_point()
    if images.ndim in (3, 4) and readable:
        images = channels_first(images, "images")
    if images.shape[1:] != bundle.spec.shape or not readable:
        shape = ", ".join(map(str, bundle.spec.shape))
        raise ValueError(
            f"`images` must be uint8 (N, {shape}), or floats in [0, 1], got "
            f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}. A NumPy array of "
            "another form is converted as the images of the bundle were."
        )
    return images.detach()


def _as_array(images: Tensor) -> np.ndarray:
    return images.cpu().to(torch.promote_types(images.dtype, torch.float32)).numpy()
