"""Convert images to the form of a data set, by one of three strategies.

    digits   grey ink, cropped, scaled into 20 x 20 and centred in 28 x 28, as MNIST's are
    glyphs   grey ink on plain ground, scaled into one size, light on dark
    natural  as they are, in colour or grey, scaled into one size

The strategy is chosen once for a whole data set and stored in the bundle. The same functions later
read new images for the bundle: files, arrays, uploads and drawings.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from .._arguments import checked
from .._paths import expand_home
from .._types import ByteImages, Images
from ..errors import DataError
from ..image_spec import LARGEST_SIDE, SMALLEST_SIDE
from .digits import are_digits, normalise_digit, stands_out
from .fitting import border_median, fit
from .ground import on_plain_ground, polarity, polarity_report, to_ground, with_polarity
from .io.array_keys import read_array_set
from .io.arrays import MAX_BYTES, read_npy
from .io.csv_files import SEPARATORS, read_pixel_table
from .io.folders import IMAGE_SUFFIXES, scan_folder
from .io.image_files import Picture, read_picture
from .io.pixel_values import as_bytes, check_pixels, counted, full_scale, scale_note
from .preprocessing_config import Preprocessing, Strategy

__all__ = [
    "Converted",
    "Wanted",
    "convert_array",
    "convert_files",
    "convert_path",
    "convert_picture",
    "read_images",
    "to_float",
]

GLYPH_SIZE = (28, 28)
"""Default height and width of grey ink."""
NATURAL_SIDE = 64
"""Longer side, in pixels, of photographs with several sizes or larger than `LARGEST_KEPT`."""
LARGEST_KEPT = 96
"""Largest side, in pixels, up to which photographs of one size stay unscaled."""
_COLOURED = 3.0
"""A set has colour if the mean range of a pixel's channels exceeds this."""
_MOSTLY = 0.1
"""Share of colour images from which all images of a set are read in colour."""
_SAMPLE = 200
"""Number of images from which the form of a set is chosen."""
_PIXELS_AT_ONCE = 1 << 23
"""Pixels resized at once."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The user's choice of a set's form; fields that are None are chosen from the images.

    Attributes:
        strategy: "digits", "glyphs" or "natural".
        size: Height and width, 8 to 128 pixels each.
        invariances: Deformations that must not change the cluster.
    """

    strategy: Strategy | None = None
    size: tuple[int, int] | None = None
    invariances: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """Converted images, the preprocessing, and a report in sentences."""

    images: ByteImages
    report: tuple[str, ...]
    preprocessing: Preprocessing


@checked
def read_images(
    path: str | Path,
    preprocessing: Preprocessing = Preprocessing(),  # noqa: B008  frozen
) -> ByteImages:
    """Read images to explain in the same way as the images of a data set.

    Args:
        path: An .npz or .npy of images, an image file, or a folder of image files, with or without
            sub-folders for classes and splits.
        preprocessing: How the images of the bundle were read; see `Bundle.preprocessing`.

    Returns:
        uint8 (N, C, H, W), in the order of the array or of the file names.

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
    if suffix == ".npz" or suffix in SEPARATORS:
        arrays = read_array_set(path) if suffix == ".npz" else read_pixel_table(path)
        rows = arrays.labels is not None and len(arrays.labels) == len(arrays.images)
        return convert_array(
            arrays.images, f"{path}: images", preprocessing, flat=rows, notes=arrays.notes
        )
    if suffix == ".npy":
        return convert_array(read_npy(path), f"{path}: images", preprocessing)
    raise DataError(
        f"`{path}` must be an .npz with key 'images', a .npy, a .csv of pixels, a folder of "
        f"images or an image ({', '.join(IMAGE_SUFFIXES)})."
    )


def to_float(images: ByteImages, device: torch.device | str = "cpu") -> Images:
    """Convert stored images to floats on a device, as models read them.

    Args:
        images: uint8 (N, C, H, W).
        device: Where the result lives.

    Returns:
        float32 (N, C, H, W) in [0, 1].
    """
    return images.to(device).float() / 255


def convert_array(
    array: np.ndarray,
    name: str = "images",
    preprocessing: Preprocessing | None = None,
    *,
    wanted: Wanted = Wanted(),
    flat: bool = False,
    notes: tuple[str, ...] = (),
) -> Converted:
    """Bring an array of images of one size to the form of a data set.

    Args:
        array: Images in a form that `check_pixels` accepts.
        name: Name used in error messages.
        preprocessing: How the data set of the images was read; None to choose it from the images.
        wanted: The user's choice of the form, if it is chosen here.
        flat: Whether a matrix holds square images as rows (N, H * W).
        notes: First sentences of the report.

    Raises:
        DataError: If the array does not hold images.
    """
    new = preprocessing is None
    known = None if preprocessing is None else preprocessing.full_scale
    form = preprocessing or _form_of_array(array, name, wanted, flat=flat)
    pixels = check_pixels(array, name, known=known, flat=flat, channels=form.channels)
    if new:
        form = dataclasses.replace(form, full_scale=pixels.full_scale)
    count, channels, height, width = pixels.values.shape
    if count * channels * form.height * form.width > MAX_BYTES:
        raise DataError(f"`{name}` would take more than {MAX_BYTES >> 30} GiB as {form.spec}.")
    step = max(1, _PIXELS_AT_ONCE // (channels * height * width))
    parts = [
        _fitted(part, pixels.white, form)
        for part in np.split(pixels.values, range(step, count, step))
    ]
    sizes = np.tile((height, width), (count, 1))
    report = [*notes, *pixels.notes, *_form_report(sizes, form, new=new)]
    found = _Fitted(
        images=np.concatenate([part.images for part in parts]),
        grounds=np.concatenate([part.grounds for part in parts]),
    )
    return _finish(found, form, report, new=new)


def convert_files(
    files: Sequence[Path],
    preprocessing: Preprocessing | None = None,
    *,
    wanted: Wanted = Wanted(),
) -> Converted:
    """Convert image files of any size and mode, by the rules of `convert_array`.

    Raises:
        DataError: If a file cannot be read; no file is skipped.
    """
    form = preprocessing or _form_of_files(files, wanted)
    pictures = (read_picture(file, channels=form.channels) for file in files)
    return _convert_pictures(pictures, form, new=preprocessing is None)


def convert_picture(picture: Picture, preprocessing: Preprocessing) -> Converted:
    """Convert one image, read from a file or an upload, to the form of a data set.

    Raises:
        DataError: If it is blank and a digit was expected.
    """
    return _convert_pictures([picture], preprocessing, new=False)


def _form_of_array(array: np.ndarray, name: str, wanted: Wanted, *, flat: bool) -> Preprocessing:
    """Choose the form of a set by some of its images."""
    pixels = check_pixels(array, name, flat=flat)
    every = slice(None, None, max(1, len(pixels.values) // _SAMPLE))
    sample = as_bytes(pixels.values[every], pixels.white).astype(np.int16)
    spread = (sample.max(1) - sample.min(1)).mean((1, 2))
    return _chosen_form(float((spread > _COLOURED).mean()), [sample.shape[2:]], wanted)


def _form_of_files(files: Sequence[Path], wanted: Wanted) -> Preprocessing:
    """Choose the form of a set by some of its files."""
    sample = [read_picture(file).pixels for file in files[:: max(1, len(files) // _SAMPLE)]]
    in_colour = float(np.mean([pixels.ndim == 3 for pixels in sample]))
    return _chosen_form(in_colour, [pixels.shape[:2] for pixels in sample], wanted)


def _chosen_form(
    in_colour: float, sizes: Sequence[tuple[int, ...]], wanted: Wanted
) -> Preprocessing:
    """Choose strategy, channels and size by the share in colour and the sizes of images."""
    coloured = in_colour > _MOSTLY
    strategy = wanted.strategy or ("natural" if coloured else "glyphs")
    size = _natural_size(np.array(sizes)) if strategy == "natural" else GLYPH_SIZE
    height, width = wanted.size or size
    channels = 3 if coloured and strategy == "natural" else 1
    return Preprocessing(
        strategy=strategy,
        channels=channels,
        height=height,
        width=width,
        invariances=wanted.invariances,
    )


def _natural_size(sizes: Int[np.ndarray, "images 2"]) -> tuple[int, int]:
    """Keep one size of 8 to `LARGEST_KEPT` pixels; scale others to `NATURAL_SIDE`."""
    height, width = np.median(sizes, axis=0)
    one_size = bool((sizes == sizes[0]).all())
    if one_size and min(height, width) >= SMALLEST_SIDE and max(height, width) <= LARGEST_KEPT:
        return int(height), int(width)
    scale = NATURAL_SIDE / max(height, width)
    rows, columns = (
        min(max(round(float(side * scale)), SMALLEST_SIDE), LARGEST_SIDE)
        for side in (height, width)
    )
    return rows, columns


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fitted:
    """Images of one size as bytes, and their backgrounds before scaling."""

    images: UInt8[np.ndarray, "images channels height width"]
    grounds: Float[np.ndarray, " images"]
    """Median of the border, in grey levels."""


def _fitted(values: np.ndarray, white: int, form: Preprocessing) -> _Fitted:
    """Convert values from 0 to `white`, (N, C, H, W), to bytes of the form's size."""
    if form.strategy == "digits":
        values, white = _centred_digits(as_bytes(values, white), form), 255
    return _Fitted(
        images=as_bytes(fit(values, (form.height, form.width)), white),
        grounds=border_median(values).mean(1) * np.float32(255 / white),
    )


def _centred_digits(
    images: UInt8[np.ndarray, "images 1 height width"], form: Preprocessing
) -> UInt8[np.ndarray, "images 1 28 28"]:
    """Crop and centre digits that do not have MNIST's form yet: 28 x 28, black background.

    The result has the polarity of the stored set: dark on light if that is.
    """
    black = 255 if form.inverted else 0
    ready = (border_median(images)[:, 0] == black) & (images.shape[2:] == (28, 28))
    centred = as_bytes(fit(images, (28, 28)), 255).copy()
    for row in np.flatnonzero(~ready).tolist():
        if stands_out(images[row, 0]):  # a blank image has no digit
            digit = normalise_digit(images[row, 0]).numpy()
            centred[row, 0] = 255 - digit if form.inverted else digit
    return centred


def _convert_pictures(pictures: Iterable[Picture], form: Preprocessing, *, new: bool) -> Converted:
    """Fit pictures one by one; the value of white is chosen from all of them."""
    held, grounds, sizes, kinds = [], [], [], []
    highest: dict[np.dtype, int] = {}
    notes: Counter[str] = Counter()
    known = None if new else form.full_scale
    for picture in pictures:
        values = np.moveaxis(np.atleast_3d(picture.pixels), 2, 0)[None]
        sizes.append(values.shape[2:])
        notes.update(picture.notes)
        if form.strategy == "digits":  # each picture is scaled by its own white
            white = full_scale(int(values.max()), values.dtype, known) or 255
            values = _centred_digits(as_bytes(values, white), form)
        held.append(fit(values, (form.height, form.width)))
        grounds.append(border_median(values).mean(1))
        kinds.append(values.dtype)
        highest[values.dtype] = max(int(values.max()), highest.get(values.dtype, 0))
    found = {dtype: full_scale(high, dtype, known) or 255 for dtype, high in highest.items()}
    scales = [found[dtype] for dtype in kinds]
    report = [f"{counted(count)} {note}." for note, count in sorted(notes.items())]
    for dtype, scale in found.items():
        if scale != np.iinfo(dtype).max:
            report += scale_note(0, highest[dtype], scale)
    report += _form_report(np.array(sizes), form, new=new)
    images = np.concatenate([as_bytes(*pair) for pair in zip(held, scales, strict=True)])
    levels = np.concatenate(grounds) * (255 / np.array(scales, np.float32))
    form = dataclasses.replace(form, full_scale=max(scales)) if new else form
    return _finish(_Fitted(images=images, grounds=levels), form, report, new=new)


def _finish(found: _Fitted, form: Preprocessing, report: Sequence[str], *, new: bool) -> Converted:
    """Convert grey ink to light on dark, as in the set; determine the polarity of a new set."""
    if form.strategy == "natural":
        images = np.array(found.images, order="C")
    else:
        dark, light = polarity(found.images[:, 0], found.grounds)
        if new:
            form = with_polarity(found.images, found.grounds, dark, form)
            report = [*report, *polarity_report(int(dark.sum()), len(dark), form.inverted)]
        invert = np.full(len(dark), form.inverted)
        if form.by_border:
            invert = np.where(dark, True, np.where(light, False, invert))
        if not new and invert.any():
            note = f"{counted(int(invert.sum()))} inverted, as the images of the bundle were."
            report = [*report, note]
        flipped = np.where(invert[:, None, None, None], 255 - found.images, found.images)
        images = np.ascontiguousarray(flipped)
        if form.by_border:
            grounds = np.where(invert, 255 - found.grounds, found.grounds)
            to_ground(images, grounds, on_plain_ground(found.images), form.ground)
    stored = torch.from_numpy(images)
    if new and form.strategy == "glyphs" and are_digits(stored) and form.by_border:
        form = dataclasses.replace(form, strategy="digits")
    return Converted(images=stored, report=tuple(report), preprocessing=form)


def _form_report(
    sizes: Int[np.ndarray, "images 2"], form: Preprocessing, *, new: bool, limit: int = 5
) -> list[str]:
    """Report the form in which a new set is read, and which images were resized."""
    report = [f"{counted(len(sizes))} read in colour."] if new and form.channels == 3 else []
    other = (sizes != (form.height, form.width)).any(axis=1)
    found, counts = np.unique(sizes[other], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    into = "" if (form.height, form.width) == (28, 28) else f" to {form.width} x {form.height}"
    report += [
        f"{counted(int(counts[i]))} resized from {found[i][1]} x {found[i][0]}{into}."
        for i in order[:limit]
    ]
    if len(order) > limit:
        rest = int(counts[order[limit:]].sum())
        report.append(f"{counted(rest)} resized from {len(order) - limit} other sizes{into}.")
    return report
