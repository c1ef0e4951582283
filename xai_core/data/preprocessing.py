"""Images as the models know them: grey, 28 x 28, bright ink on a dark background.

How the images of a data set are read is one decision for the whole set. A bundle stores it, and
images that are brought to the bundle later are read in the same way.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor
from torch.nn import functional

from .._paths import expand_home
from .._types import ByteImages, Images
from ..errors import DataError
from .dataset import Preprocessing
from .io.array_keys import read_array_set
from .io.arrays import read_npy
from .io.folders import IMAGE_SUFFIXES, scan_folder
from .io.image_files import read_grey
from .io.pixel_values import as_bytes, check_pixels, counted, full_scale, scale_note

__all__ = [
    "SIDE",
    "Converted",
    "border_median",
    "convert_array",
    "convert_files",
    "convert_path",
    "fitted_size",
    "read_images",
    "resize",
    "to_float",
]

SIDE = 28
"""Pixels of a side of an image."""
_CONTRAST = 8
"""How often the squared difference to the background must be larger on one side than the other."""
_AT_ONCE = 10_000
"""Images that are compared with their backgrounds at once."""
_PIXELS_AT_ONCE = 1 << 23
"""Pixels that are resized at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """Images brought to grey 28 x 28, how, and what it took, in sentences."""

    images: ByteImages
    report: tuple[str, ...]
    preprocessing: Preprocessing


def read_images(
    path: str | Path,
    preprocessing: Preprocessing = Preprocessing(),  # noqa: B008  frozen
) -> ByteImages:
    """Read images that are to be explained, as the images of a data set are read.

    Args:
        path: An .npz or .npy of images, an image file, or a folder of image files, with
            sub-folders for classes and splits or without.
        preprocessing: How the images of the bundle were read; see `Bundle.preprocessing`.

    Returns:
        uint8 (N, 28, 28), in the order of the file or of the names.

    Raises:
        DataError: For anything else; the message names the file, the row and the fix.
    """
    return convert_path(path, preprocessing).images


def convert_path(path: str | Path, preprocessing: Preprocessing | None) -> Converted:
    """Read the images of a file or folder as `read_images` does, and report what was done."""
    path = expand_home(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        found = scan_folder(path)
        converted = convert_files(found.files, preprocessing)
        return dataclasses.replace(converted, report=(*converted.report, *found.notes))
    if not path.is_file():
        raise DataError(f"There is no file or folder `{path}`.")
    if suffix in IMAGE_SUFFIXES:
        return convert_files((path,), preprocessing)
    if suffix == ".npz":
        arrays = read_array_set(path)
        rows = arrays.labels is not None and len(arrays.labels) == len(arrays.images)
        return convert_array(
            arrays.images, f"{path}: images", preprocessing, flat=rows, notes=arrays.notes
        )
    if suffix == ".npy":
        return convert_array(read_npy(path), f"{path}: images", preprocessing)
    raise DataError(
        f"`{path}` must be an .npz with key 'images', a .npy, a folder of images or an image "
        f"({', '.join(IMAGE_SUFFIXES)})."
    )


def to_float(
    images: ByteImages, device: torch.device | str = "cpu"
) -> Float[Tensor, "images 1 28 28"]:
    """Bring stored images to a device in the form that models read.

    Args:
        images: uint8 (N, 28, 28).
        device: Where the result lives.

    Returns:
        float32 (N, 1, 28, 28) in [0, 1].
    """
    return images.to(device).unsqueeze(1).float() / 255


def convert_array(
    array: np.ndarray,
    name: str = "images",
    preprocessing: Preprocessing | None = None,
    *,
    flat: bool = False,
    notes: tuple[str, ...] = (),
) -> Converted:
    """Bring an array of images of one size to grey 28 x 28.

    The longer side becomes 28, the image is centred and its background continued. If most images
    of the set are dark on light, all are inverted.

    Args:
        array: As `check_pixels` takes it.
        name: What to call it in a message.
        preprocessing: How the set was read that the images belong to; decided here where None.
        flat: Whether rows (N, H * W) of square images are meant by a matrix.
        notes: Sentences to begin the report with.

    Raises:
        DataError: If the array is not made of images.
    """
    known = None if preprocessing is None else preprocessing.full_scale
    pixels = check_pixels(array, name, known=known, flat=flat)
    count, height, width = pixels.grey.shape
    step = max(1, _PIXELS_AT_ONCE // (height * width))
    parts = np.split(pixels.grey, range(step, count, step))
    return _finish(
        np.concatenate([as_bytes(_fit(part), pixels.white) for part in parts]),
        border_median(pixels.grey) * np.float32(255 / pixels.white),
        [*notes, *pixels.notes, *_size_report(np.tile((height, width), (count, 1)))],
        pixels.full_scale,
        preprocessing,
    )


def convert_files(files: Sequence[Path], preprocessing: Preprocessing | None = None) -> Converted:
    """Bring image files of any size and mode to grey 28 x 28, by `convert_array`'s rules.

    Raises:
        DataError: If a file cannot be read; no file is skipped.
    """
    fitted, borders, sizes, kinds = [], [], [], []
    highest: dict[np.dtype, int] = {}
    notes: Counter[str] = Counter()
    for file in files:
        grey = read_grey(file)
        fitted.append(_fit(grey.pixels[None]))
        borders.append(border_median(grey.pixels[None]))
        sizes.append(grey.pixels.shape)
        notes.update(grey.notes)
        dtype = grey.pixels.dtype
        kinds.append(dtype)
        highest[dtype] = max(int(grey.pixels.max()), highest.get(dtype, 0))
    known = None if preprocessing is None else preprocessing.full_scale
    white = {dtype: full_scale(high, dtype, known) or 255 for dtype, high in highest.items()}
    scales = [white[dtype] for dtype in kinds]
    images = np.concatenate([as_bytes(*pair) for pair in zip(fitted, scales, strict=True)])
    backgrounds = np.concatenate(borders) * (255 / np.array(scales, np.float32))
    report = [f"{counted(count)} {note}." for note, count in sorted(notes.items())]
    for dtype, scale in white.items():
        if scale != np.iinfo(dtype).max:
            report += scale_note(0, highest[dtype], scale)
    report += _size_report(np.array(sizes))
    return _finish(images, backgrounds, report, max(scales), preprocessing)


def border_median(pixels: np.ndarray) -> Float[np.ndarray, " images"]:
    """Return the median of each image's outermost pixels, which is its background."""
    sides = (pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1])
    return np.median(np.concatenate(sides, axis=1, dtype=np.float32), axis=1)


def fitted_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Return height and width once the longer one is `side`."""
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(
    images: Images, height: int, width: int
) -> Float[Tensor, "batch 1 new_height new_width"]:
    """Resize images with antialiasing."""
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def _dark_on_light(
    images: UInt8[np.ndarray, "images 28 28"], backgrounds: Float[np.ndarray, " images"]
) -> int:
    """Count the images whose background is clearly lighter than what stands out from it."""
    count = 0
    for start in range(0, len(images), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        excess = images[rows].astype(np.float32) - backgrounds[rows, None, None]
        lighter, darker = (
            np.square(np.maximum(part, 0)).sum(axis=(1, 2)) for part in (excess, -excess)
        )
        count += int((darker > _CONTRAST * lighter).sum())
    return count


def _fit(
    pixels: Shaped[np.ndarray, "images height width"],
) -> Shaped[np.ndarray, "images 28 28"]:
    """Resize the longer side to 28, centre, and continue the border's median, unrounded."""
    if pixels.shape[1:] == (SIDE, SIDE):
        return pixels
    height, width = fitted_size(pixels.shape[1], pixels.shape[2], SIDE)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    fitted = np.empty((len(pixels), SIDE, SIDE), np.float32)
    fitted[:] = border_median(pixels)[:, None, None]
    exact = torch.from_numpy(pixels.astype(np.float64)).unsqueeze(1)
    resized = resize(exact, height, width)
    fitted[:, top : top + height, left : left + width] = resized.squeeze(1).numpy()
    return fitted


def _finish(
    images: UInt8[np.ndarray, "images 28 28"],
    backgrounds: Float[np.ndarray, " images"],
    report: list[str],
    white: int,
    preprocessing: Preprocessing | None,
) -> Converted:
    """Decide the polarity of a set unless it is known, and report on it."""
    if preprocessing is None:
        dark = _dark_on_light(images, backgrounds)
        preprocessing = Preprocessing(inverted=2 * dark > len(images), full_scale=white)
        report = [*report, *_polarity_report(dark, len(images), preprocessing.inverted)]
    elif preprocessing.inverted:
        report = [*report, f"{counted(len(images))} inverted, as the images of the bundle were."]
    images = np.ascontiguousarray(255 - images if preprocessing.inverted else images)
    return Converted(
        images=torch.from_numpy(images), report=tuple(report), preprocessing=preprocessing
    )


def _polarity_report(dark: int, count: int, inverted: bool) -> tuple[str, ...]:
    if inverted and dark == count:
        return (f"{counted(count)} dark on light and inverted.",)
    if inverted:
        return (f"{counted(count)} inverted, because {dark} of them are dark on light.",)
    if dark:
        return (f"{dark} of {count} images are dark on light, too few to invert the set.",)
    return ()


def _size_report(sizes: Int[np.ndarray, "images 2"], limit: int = 5) -> list[str]:
    other = (sizes != SIDE).any(axis=1)
    found, counts = np.unique(sizes[other], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    report = [
        f"{counted(int(counts[i]))} resized from {found[i][1]} x {found[i][0]}."
        for i in order[:limit]
    ]
    if len(order) > limit:
        rest = int(counts[order[limit:]].sum())
        report.append(f"{counted(rest)} resized from {len(order) - limit} other sizes.")
    return report
