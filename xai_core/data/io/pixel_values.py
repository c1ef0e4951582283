"""Interpret arrays of images: their axes, and the value of white.

The value range of the whole set decides, never that of a single image.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from ..._numbers import Number
from ...errors import DataError
from .arrays import MAX_BYTES

__all__ = [
    "MAX_PIXELS",
    "Pixels",
    "as_bytes",
    "channels_first",
    "check_pixels",
    "counted",
    "full_scale",
    "pictures",
    "scale_note",
]

MAX_PIXELS = 25_000_000
"""The largest image that is decoded: 5000 x 5000."""

FULL_SCALES = (1, 16, 255, 1023, 4095, 16383, 65535)
"""Possible values of white: floats or binary, scikit-learn's digits, and 8 to 16 bits."""
_DIM = 8
"""A maximum above 1 and up to this does not determine the value of white."""
_TOLERANCE = 1e-3
"""Share of white by which values may exceed the range, due to rounding and spline resizing."""
_TIE = 2**-14
"""Levels just below a half that are rounded up too, so that the dtype does not decide ties."""
_AT_ONCE = 1 << 24
"""Number of values converted at once."""
_LUMA = (19595, 38470, 7471)
"""Pillow's weights of red, green and blue in grey, out of 65,536."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """Images in their stored precision, and how their values were interpreted.

    Attributes:
        values: From 0 to `white`: as stored, or bytes if colours were converted to grey.
        white: The value of white in `values`.
        full_scale: The stored value interpreted as white.
        notes: The conversions, in sentences.
    """

    values: Shaped[np.ndarray, "images channels height width"]
    white: int
    full_scale: int
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> UInt8[np.ndarray, "images channels height width"]:
        """Return the images with 256 levels; the array itself if it already has these."""
        return as_bytes(self.values, self.white)


def check_pixels(
    array: np.ndarray,
    name: str,
    *,
    known: int | None = None,
    flat: bool = False,
    channels: int | None = None,
) -> Pixels:
    """Check an array of images and convert it to (N, C, H, W).

    Args:
        array: (N, H, W), (N, 1, H, W), (N, 3, H, W), (N, H, W, 1) or (N, H, W, 3), of numbers.
        name: Name used in error messages.
        known: Value of white in the data set that the images belong to, if it is known.
        flat: Whether a matrix holds square images as rows (N, H * W).
        channels: 1 converts colour images to grey, 3 repeats grey ones, None keeps both.

    Returns:
        Images (N, C, H, W); a view of the array unless converted to grey.

    Raises:
        DataError: If the shape, the type or a value is invalid; the message names the row.
    """
    if flat and array.ndim == 2 and math.isqrt(array.shape[1]) ** 2 == array.shape[1] >= 4:
        array = array.reshape(len(array), math.isqrt(array.shape[1]), -1)
    if 0 in array.shape:
        raise _other_shape(name, array.shape)
    array = channels_first(array, name)
    count, found, height, width = array.shape
    if height * width > MAX_PIXELS or 28 * 28 * count > MAX_BYTES:
        raise DataError(
            f"`{name}` has {count} images of {width} x {height} pixels. At most "
            f"{MAX_PIXELS // 10**6} million pixels per image are read, and {MAX_BYTES // 784:,} "
            "images."
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"`{name}` must be numbers, got {array.dtype}.")
    low, high = _range(array, name)
    white = full_scale(high, array.dtype, known)
    if white is None or low < -_TOLERANCE * white:
        raise _outside(array, name)
    notes = scale_note(low, high, white) if array.dtype != np.uint8 or white != 255 else ()
    if found == 3 and channels == 1:
        notes = (*notes, f"{counted(count)} made grey from colour.")
        grey = _luminance(array, white)
        return Pixels(values=grey, white=255, full_scale=white, notes=notes)
    values = np.broadcast_to(array, (count, 3, height, width)) if channels == 3 else array
    return Pixels(values=values, white=white, full_scale=white, notes=notes)


def full_scale(high: Number, dtype: np.dtype, known: int | None = None) -> int | None:
    """Determine the value of white from the type and the highest value.

    Args:
        high: The highest value of the whole set.
        dtype: Type of the stored images.
        known: Value of white in the data set that the images belong to, if it is known.

    Returns:
        One of `FULL_SCALES`; None if the range fits none.
    """
    most = np.iinfo(dtype).max if dtype.kind in "iu" else math.inf
    scales = [scale for scale in FULL_SCALES if high <= scale * (1 + _TOLERANCE)]
    if high == 0 and dtype.kind in "iu":
        return min(255, known or 255)
    too_dim = dtype.kind == "f" and high <= _DIM and known != 16
    if known in scales and known <= most and high > 1 + _TOLERANCE and not too_dim:
        bytes_or_digits = known == 255 and _DIM < high and scales[0] == 16
        return 16 if bytes_or_digits else known
    if scales and scales[0] == 16 and high <= _DIM:
        return 255 if dtype.kind in "iu" else None
    return scales[0] if scales else None


def scale_note(low: Number, high: Number, white: int) -> tuple[str, ...]:
    """Report how values were interpreted."""
    return (f"Values from {low:g} to {high:g} were read with {white} as white.",)


def as_bytes(array: np.ndarray, white: int) -> UInt8[np.ndarray, "..."]:
    """Convert values from 0 to `white` to 256 levels."""
    if array.dtype == np.uint8 and white == 255:
        return array
    if array.dtype in (np.uint8, np.uint16):  # a lookup table saves memory for a large photograph
        return _levels(np.arange(np.iinfo(array.dtype).max + 1), white)[array]
    return _levels(array, white)


def _levels(values: np.ndarray, white: int) -> UInt8[np.ndarray, "..."]:
    exact = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    levels = np.clip(np.multiply(exact, 255 / white), 0, 255)
    return np.floor(levels + (0.5 + _TIE)).astype(np.uint8)


Array = TypeVar("Array", np.ndarray, Tensor)


def channels_first(array: Array, name: str) -> Array:
    """Return images as (N, C, H, W), without a copy.

    Args:
        array: (N, H, W), (N, 1, H, W), (N, 3, H, W), (N, H, W, 1) or (N, H, W, 3).
        name: Name used in error messages.

    Raises:
        DataError: If the shape is invalid or ambiguous.
    """
    shape = tuple(array.shape)
    if len(shape) == 3:
        return array[:, None]
    last = len(shape) == 4 and shape[3] in (1, 3)
    first = len(shape) == 4 and shape[1] in (1, 3)
    if last and first and 0 not in shape and shape[1:3] != (1, 1):
        raise DataError(
            f"`{name}` has shape {shape}, where colours may be the second or the last axis. "
            "Make it (N, H, W, 3)."
        )
    if first and not last:
        return array
    if last:
        return np.moveaxis(array, 3, 1) if isinstance(array, np.ndarray) else array.movedim(3, 1)
    raise _other_shape(name, shape)


def _other_shape(name: str, shape: tuple[int, ...]) -> DataError:
    return DataError(
        f"`{name}` must have shape (N, H, W), (N, H, W, 3) or (N, 3, H, W) with N >= 1, got "
        f"{shape}.{_shape_fix(shape)}"
    )


def _shape_fix(shape: tuple[int, ...]) -> str:
    if len(shape) == 2 and shape[1] == 784:
        return " Use .reshape(-1, 28, 28)."
    if len(shape) == 2:
        return " Use images[None] for a single image, .reshape(-1, H, W) for rows of pixels."
    if len(shape) == 4 and shape[3] in (2, 4):
        return f" Leave the opacity out: images[..., :{shape[3] - 1}]."
    return ""


def _range(array: np.ndarray, name: str) -> tuple[float, float]:
    """Return the lowest and the highest value; raise an error if they are not finite."""
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        rows = np.isfinite(array.reshape(len(array), -1)).all(1)
        raise DataError(
            f"`{name}` has NaN or infinity in row {int(np.argmin(rows))}. Remove or repair that "
            "image."
        )
    return float(low), float(high)


def _outside(array: np.ndarray, name: str) -> DataError:
    """Name the first row outside the known ranges."""
    rows = array.reshape(len(array), -1)
    low, high = rows.min(1), rows.max(1)
    row = int(np.argmax(low < 0) if (low < 0).any() else np.argmax(high))
    known = ", ".join(f"0 to {scale}" for scale in FULL_SCALES)
    fix = "Shift and scale them to [0, 1]." if low.min() < 0 else "Divide them by their white."
    return DataError(
        f"`{name}` has values from {low[row]:g} to {high[row]:g} in row {row}. Expected a range "
        f"of {known}. {fix}"
    )


def _luminance(
    array: Shaped[np.ndarray, "images 3 height width"], white: int
) -> UInt8[np.ndarray, "images 1 height width"]:
    """Convert colours to grey as Pillow does: from bytes, in integer arithmetic."""
    grey = np.empty((len(array), 1, *array.shape[2:]), np.uint8)
    step = max(1, _AT_ONCE // math.prod(array.shape[1:]))
    for start in range(0, len(array), step):
        part = as_bytes(array[start : start + step], white).astype(np.uint32)
        levels = np.einsum("nchw,c->nhw", part, np.array(_LUMA, np.uint32))
        grey[start : start + step, 0] = (levels + 0x8000) >> 16
    return grey


def counted(count: int) -> str:
    """Return the beginning of a report's sentence: "1 image was" or "12 images were"."""
    return "1 image was" if count == 1 else f"{count} images were"


def pictures(
    images: Tensor,
) -> (
    UInt8[np.ndarray, "images *colours height width"]
    | Float[np.ndarray, "images *colours height width"]
):
    """Convert images to the form in which they are shown and saved: grey without channel axis.

    Args:
        images: (N, C, H, W), bytes or floats in [0, 1], on any device.

    Returns:
        (N, H, W) of grey images, (N, 3, H, W) of colour ones; floats are float32.
    """
    found = images.detach().cpu()
    found = found.float() if found.is_floating_point() else found
    return (found[:, 0] if found.shape[1] == 1 else found).numpy()
