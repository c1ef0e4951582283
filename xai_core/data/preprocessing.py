"""Images as the models know them: grey, 28 x 28, bright ink on a dark background.

References:
    Gradient-Based Learning Applied to Document Recognition (LeCun et al., 1998), section III.A:
    digits fitted into 20 x 20 and centred by their centre of mass in 28 x 28.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from .._text import listed
from .._types import ByteImages, Images
from ..errors import DataError
from .io.arrays import read_npy, read_npz
from .io.folders import IMAGE_SUFFIXES, list_folder
from .io.image_files import MAX_PIXELS, check_pixels, read_grey

__all__ = [
    "NPZ_KEYS",
    "Converted",
    "convert_array",
    "convert_files",
    "counted",
    "normalise_digit",
    "read_images",
    "to_float",
]

NPZ_KEYS = ("labels", "split")
"""Keys that an .npz data set may have beside `images`."""

_SIDE = 28
_DIGIT_SIDE = 20
_CENTRE = 14
"""Row and column of a digit's centre of mass: MNIST's average 14.0, not the 13.5 of the frame."""
_INK = 0.1
"""Share of the brightest pixel above which a pixel counts as ink when a digit is cropped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """Images brought to grey 28 x 28, and what it took, in sentences."""

    images: ByteImages
    report: tuple[str, ...]


def read_images(path: str | Path) -> ByteImages:
    """Read images that are to be explained; nothing is resized or inverted.

    Args:
        path: An .npz with key `images` or a .npy, uint8 or float in [0, 1] of shape (N, 28, 28);
            or one image file of 28 x 28 pixels; or a folder of such files, read in order of name.

    Returns:
        uint8 (N, 28, 28). Floats are rounded to 256 levels.

    Raises:
        DataError: For anything else; the message names the file, the row and the fix.
    """
    path = Path(path)
    if path.is_dir():
        return _read_files(_flat_folder(path))
    if not path.is_file():
        raise DataError(f"There is no file or folder `{path}`.")
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return _read_files((path,))
    if suffix == ".npz":
        array = read_npz(path, required=("images",), optional=NPZ_KEYS)["images"]
    elif suffix == ".npy":
        array = read_npy(path)
    else:
        raise DataError(
            f"`{path}` must be an .npz with key 'images', a .npy, a folder of images or an image "
            f"({', '.join(IMAGE_SUFFIXES)})."
        )
    pixels = check_pixels(array, f"{path}: images")
    if pixels.shape[1:] != (_SIDE, _SIDE):
        raise DataError(
            f"`{path}: images` must have shape (N, 28, 28), got {pixels.shape}. Resize them "
            "first, for drawn digits with xai_core.data.preprocessing.normalise_digit."
        )
    if pixels.max() == 1:
        raise DataError(
            f"`{path}: images` are 0 and 1 of 255, all but black. If they are binary, multiply "
            "them by 255."
        )
    return torch.from_numpy(np.array(pixels, order="C"))


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


def convert_array(pixels: UInt8[np.ndarray, "images height width"]) -> Converted:
    """Bring an array of grey images of one size to 28 x 28.

    The longer side becomes 28, the image is centred and its background continued. Images that are
    dark on light, with the median of their border brighter than half, are inverted; but images
    that already are 28 x 28 are believed unless most of the set is dark on light.
    """
    sizes = np.tile(pixels.shape[1:], (len(pixels), 1))
    return _finish(_fit(pixels), _border_median(pixels), sizes, Counter())


def convert_files(files: Sequence[Path]) -> Converted:
    """Bring image files of any size and mode to grey 28 x 28, by `convert_array`'s rules.

    Raises:
        DataError: If a file cannot be read; no file is skipped.
    """
    images, borders, sizes = [], [], []
    notes: Counter[str] = Counter()
    for file in files:
        grey = read_grey(file)
        images.append(_fit(grey.pixels[None]))
        borders.append(_border_median(grey.pixels[None]))
        sizes.append(grey.pixels.shape)
        notes.update(grey.notes)
    return _finish(np.concatenate(images), np.concatenate(borders), np.array(sizes), notes)


def counted(count: int) -> str:
    """Return the beginning of a report's sentence: "1 image was" or "12 images were"."""
    return "1 image was" if count == 1 else f"{count} images were"


def normalise_digit(image: np.ndarray | Tensor) -> UInt8[Tensor, "28 28"]:
    """Bring one drawn or uploaded digit to MNIST's form.

    Dark on light is inverted, the border's median is taken as black, the ink is cropped, its
    longer side resized to 20 pixels with antialiasing, the brightest pixel becomes 255, and the
    centre of mass is moved to row 14, column 14 within half a pixel. Ink is never pushed out of
    the frame, which takes precedence for very lopsided shapes. MNIST's own digits stay as they
    are, but for a grey level here and there.

    Args:
        image: (H, W), uint8 or float in [0, 1], of any size up to 25 megapixels.

    Returns:
        uint8 (28, 28).

    Raises:
        DataError: If the shape, type or a value is another, or if the image is blank.
    """
    array = np.asarray(image.detach().cpu() if isinstance(image, Tensor) else image)
    if array.ndim != 2 or not 0 < array.size <= MAX_PIXELS:
        raise DataError(
            f"`image` must have shape (H, W) and at most {MAX_PIXELS // 10**6} million pixels, "
            f"got {array.shape}."
        )
    pixels = check_pixels(array[None], "image")
    ink = _cropped_ink(pixels)
    height, width = _fitted_size(ink.shape[2], ink.shape[3], _DIGIT_SIDE)
    digit = _resize(ink, height, width)[0, 0]
    digit = torch.round(digit / digit.max() * 255)
    canvas = torch.zeros(_SIDE, _SIDE, dtype=torch.uint8)
    top, left = (_centred(digit.sum(1 - axis)) for axis in (0, 1))
    canvas[top : top + height, left : left + width] = digit.to(torch.uint8)
    return canvas


def _read_files(files: Sequence[Path]) -> ByteImages:
    images = []
    for file in files:
        pixels = read_grey(file).pixels
        if pixels.shape != (_SIDE, _SIDE):
            raise DataError(
                f"`{file}` must have 28 x 28 pixels, got {pixels.shape[1]} x {pixels.shape[0]}. "
                "Resize it first, for a drawn digit with "
                "xai_core.data.preprocessing.normalise_digit."
            )
        images.append(pixels)
    return torch.from_numpy(np.stack(images))


def _flat_folder(path: Path) -> tuple[Path, ...]:
    listing = list_folder(path, path)
    if not listing.images:
        raise DataError(f"`{path}` holds no images. They end in {', '.join(IMAGE_SUFFIXES)}.")
    if extra := [entry.name for entry in (*listing.folders, *listing.others)]:
        raise DataError(f"`{path}` must hold images only, found {listed(extra)}. Move them out.")
    return listing.images


def _border_median(
    pixels: UInt8[np.ndarray, "images height width"],
) -> Float[np.ndarray, " images"]:
    sides = (pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1])
    return np.median(np.concatenate(sides, axis=1), axis=1).astype(np.float32)


def _fitted_size(height: int, width: int, side: int) -> tuple[int, int]:
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resize(
    images: Images, height: int, width: int
) -> Float[Tensor, "batch 1 new_height new_width"]:
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def _fit(pixels: UInt8[np.ndarray, "images height width"]) -> UInt8[np.ndarray, "images 28 28"]:
    """Resize the longer side to 28, centre, and continue the border's median."""
    num_images, *size = pixels.shape
    if size == [_SIDE, _SIDE]:
        return pixels
    height, width = _fitted_size(size[0], size[1], _SIDE)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    fitted = np.empty((num_images, _SIDE, _SIDE), np.uint8)
    fitted[:] = np.rint(_border_median(pixels))[:, None, None]
    step = max(1, 2**24 // (size[0] * size[1]))
    for start in range(0, num_images, step):
        chunk = torch.from_numpy(pixels[start : start + step].astype(np.float32))
        resized = _resize(chunk.unsqueeze(1), height, width).squeeze(1).round()
        rows = fitted[start : start + step]
        rows[:, top : top + height, left : left + width] = resized.to(torch.uint8).numpy()
    return fitted


def _finish(
    images: UInt8[np.ndarray, "images 28 28"],
    borders: Float[np.ndarray, " images"],
    sizes: Int[np.ndarray, "images 2"],
    notes: Counter[str],
) -> Converted:
    """Invert what is dark on light, and report on everything."""
    dark_on_light = borders > 127.5
    exact = (sizes == _SIDE).all(axis=1)
    inverted = dark_on_light & (~exact | (dark_on_light.mean() > 0.5))
    images = np.where(inverted[:, None, None], 255 - images, images)
    report = [f"{counted(count)} {note}." for note, count in sorted(notes.items())]
    report += _size_report(sizes, exact)
    if inverted.any():
        report.append(f"{counted(int(inverted.sum()))} dark on light and inverted.")
    if images.max() == 1:
        report.append("The brightest pixel is 1 of 255; multiply a binary set by 255.")
    return Converted(images=torch.from_numpy(images), report=tuple(report))


def _size_report(
    sizes: Int[np.ndarray, "images 2"], exact: Bool[np.ndarray, " images"], limit: int = 5
) -> list[str]:
    found, counts = np.unique(sizes[~exact], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    report = [
        f"{counted(int(counts[i]))} resized from {found[i][1]} x {found[i][0]}."
        for i in order[:limit]
    ]
    if len(order) > limit:
        rest = int(counts[order[limit:]].sum())
        report.append(f"{counted(rest)} resized from {len(order) - limit} other sizes.")
    return report


def _cropped_ink(
    pixels: UInt8[np.ndarray, "1 height width"],
) -> Float[Tensor, "1 1 ink_height ink_width"]:
    """Return the ink's bounding box in [0, 1], its background at 0."""
    border = _border_median(pixels)[0]
    ink = pixels[0].astype(np.float32) - border
    if border > 127.5:
        ink = -ink
    if ink.max() <= 0:
        raise DataError("`image` is blank: nothing is brighter than its border. Draw a digit.")
    ink = np.clip(ink / ink.max(), 0, 1)
    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return torch.from_numpy(cropped.copy())[None, None]


def _centred(profile: Float[Tensor, " pixels"]) -> int:
    """Return where a profile starts in 28 pixels so that its centre of mass is in the middle."""
    positions = torch.arange(len(profile))
    centre = float((profile * positions).sum() / profile.sum())
    return min(max(round(_CENTRE - centre), 0), _SIDE - len(profile))
