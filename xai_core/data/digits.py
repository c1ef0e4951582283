"""Convert a drawn or uploaded digit to MNIST's form.

References:
    Gradient-Based Learning Applied to Document Recognition (LeCun et al., 1998), section III.A:
    digits fitted into 20 x 20 and centred by their centre of mass in 28 x 28.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .._types import ByteImages
from ..errors import DataError
from .fitting import border, border_median, fitted_size, resize
from .io.pixel_values import MAX_PIXELS, check_pixels

__all__ = ["SIDE", "are_digits", "normalise_digit", "stands_out"]

SIDE = 28
"""Pixels of a side of an image of MNIST's form."""
_DIGIT_SIDE = 20
_CENTRE = 14
"""Row and column of a digit's centre of mass: MNIST's average 14.0, not the 13.5 of the frame."""
_INK = 0.1
"""Share of the brightest pixel above which a pixel counts as ink when a digit is cropped."""
_BLANK_SIDE = 56
"""Longer side to which an image is shrunk before it is compared with its border: noise averages
out, a stroke does not."""
_FAINTEST = 4
"""Grey levels from the background that ink must have."""
_OVER_BORDER = 2
"""How much farther from the background ink must be than the border is on the other side of it."""
_SAMPLE = 50
"""Number of images from which the form of a set is determined."""
_SAME = 0.01
"""Mean change of a pixel below which an image has MNIST's form; MNIST itself has 0 to 0.002."""


def normalise_digit(image: np.ndarray | Tensor) -> UInt8[Tensor, "28 28"]:
    """Bring one drawn or uploaded digit to MNIST's form.

    The median of the border is the background and becomes black; pixels that differ from it,
    lighter or darker, are ink. The ink is cropped, its longer side resized to 20 pixels with
    antialiasing and its brightest pixel set to 255; its centre of mass is moved to row 14, column
    14, within half a pixel, unless ink would leave the frame. MNIST's own digits change by at most
    a few grey levels.

    Args:
        image: (H, W) or (1, H, W), up to 25 megapixels, in a range that `check_pixels` knows.

    Returns:
        uint8 (28, 28).

    Raises:
        DataError: If the shape, the type or a value is invalid, or the image is blank.
    """
    array = np.asarray(image.detach().cpu() if isinstance(image, Tensor) else image)
    array = array[0] if array.ndim == 3 and len(array) == 1 else array
    if array.ndim != 2 or not 0 < array.size <= MAX_PIXELS:
        raise DataError(
            f"`image` must have shape (H, W) and at most {MAX_PIXELS // 10**6} million pixels, "
            f"got {array.shape}."
        )
    pixels = check_pixels(array[None], "image").images
    if not stands_out(pixels[0, 0]):
        raise DataError("`image` is blank: nothing stands out from its border. Draw a digit.")
    ink = _cropped_ink(pixels[:, 0])
    height, width = fitted_size(ink.shape[2], ink.shape[3], (_DIGIT_SIDE, _DIGIT_SIDE))
    digit = resize(ink, height, width)[0, 0]
    digit = torch.round(digit / digit.max() * 255)
    canvas = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    top, left = (_centred(digit.sum(1 - axis)) for axis in (0, 1))
    canvas[top : top + height, left : left + width] = digit.to(torch.uint8)
    return canvas


def stands_out(pixels: UInt8[np.ndarray, "height width"]) -> bool:
    """Return whether an image shows more than the noise or the light of an empty sheet.

    Noise and uneven light make the border both lighter and darker than its median, ink only one of
    the two, so that ink may touch the border.
    """
    height, width = fitted_size(pixels.shape[0], pixels.shape[1], (_BLANK_SIDE,) * 2)
    small = pixels[None].astype(np.float32)
    if max(pixels.shape) > _BLANK_SIDE:
        small = resize(torch.from_numpy(small)[None], height, width)[0].numpy()
    ink = _ink(small)
    return bool(ink.max() >= max(_FAINTEST, -_OVER_BORDER * border(ink).min()))


def _ink(pixels: np.ndarray) -> Float[np.ndarray, "height width"]:
    """Return how far the pixels of an image, (1, H, W), are from its background, ink upwards."""
    ink = pixels[0].astype(np.float32) - border_median(pixels)[0]
    return -ink if np.vdot(ink, np.abs(ink)) < 0 else ink  # most that differ are darker


def _cropped_ink(
    pixels: UInt8[np.ndarray, "1 height width"],
) -> Float[Tensor, "1 1 ink_height ink_width"]:
    """Return the bounding box of the ink in [0, 1], with the background at 0."""
    ink = _ink(pixels)
    ink = np.clip(ink / ink.max(), 0, 1)
    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return torch.from_numpy(cropped.copy())[None, None]


def _centred(profile: Float[Tensor, " pixels"]) -> int:
    """Return where a profile starts in 28 pixels so that its centre of mass is in the middle."""
    positions = torch.arange(len(profile))
    centre = float((profile * positions).sum() / profile.sum())
    return min(max(round(_CENTRE - centre), 0), SIDE - len(profile))


def are_digits(images: ByteImages) -> bool:
    """Return whether images already have MNIST's form, so that normalising hardly changes them."""
    if images.shape[1:] != (1, SIDE, SIDE):
        return False
    sample = images[:: max(1, len(images) // _SAMPLE)][:_SAMPLE, 0]
    changes = []
    for image in sample:
        try:
            change = normalise_digit(image).float() - image.float()
        except DataError:  # a blank image has no form
            continue
        changes.append(float(change.abs().mean()) / 255)
    return bool(changes) and float(np.median(changes)) < _SAME
