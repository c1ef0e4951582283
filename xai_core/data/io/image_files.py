"""Read the pixels of one image file, grey or colour, of any mode and type.

Pillow opens only the formats named here, and the size is read from the header before any pixel is
decoded.
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ...errors import DataError
from .arrays import report_damage
from .pixel_values import MAX_PIXELS

__all__ = [
    "MAX_UPLOAD",
    "Picture",
    "read_picture",
    "read_upload",
]

MAX_FILE = 250_000_000
"""Largest size of an image file in bytes: more than the largest decoded image has unpacked."""

MAX_SCANS = 100
"""Largest number of scans of a JPEG; a progressive one has about 10."""

MAX_WRITTEN = 1_000_000
"""Largest number of pixels of an image stored as decimal text, which is slow to read."""

MAX_UPLOAD = 5_000_000
"""Largest size of an uploaded image in bytes."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_ORIENTATION = 0x0112
_TILE = (0x0142, 0x0143)
"""Width and length of the tiles of a TIFF."""
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""The operation that undoes each EXIF orientation."""
_SAVE_AGAIN = "Save it as a PNG."


_COLOURED = 3.0
"""An image has colour if the mean range of a pixel's channels exceeds this; grey JPEGs reach 2."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One image and its conversions, as endings of the sentence "N images were ..."."""

    pixels: (
        UInt8[np.ndarray, "height width"]
        | UInt16[np.ndarray, "height width"]
        | UInt8[np.ndarray, "height width 3"]
    )
    """As stored: for 16 bits, the whole set determines which value is white."""
    notes: tuple[str, ...] = ()


def read_picture(path: Path, *, channels: int | None = None) -> Picture:
    """Read one image file without changing its polarity.

    Transparent images are composited on black if their ink is bright and on white if it is dark.
    16-bit values are kept. EXIF orientation is applied.

    Args:
        path: A PNG, JPEG, BMP, GIF, TIFF, WebP or PNM file.
        channels: 1 for grey, 3 for colour; None to determine it from the pixels.

    Raises:
        DataError: If the file is damaged or truncated, has more than 25 megapixels, more than one
            frame or page, or 32 bits per pixel.
    """
    return _read(path, path, _FORMATS, "an image", channels)


def read_upload(content: bytes, name: str, *, channels: int | None = None) -> Picture:
    """Read an uploaded image, as `read_picture` does.

    Args:
        content: Bytes of a PNG or JPEG; the suffix of the name is ignored.
        name: Name used in error messages.
        channels: As in `read_picture`.

    Raises:
        DataError: If it has another format, is larger than 5 MB, or `read_picture` raises one.
    """
    if len(content) > MAX_UPLOAD:
        raise DataError(
            f"`{name}` has {len(content) / 10**6:.1f} MB, at most {MAX_UPLOAD // 10**6} are "
            "taken. Save it smaller."
        )
    return _read(io.BytesIO(content), Path(name), ("PNG", "JPEG"), "a PNG or JPEG", channels)


def _read(
    source: Path | io.BytesIO,
    path: Path,
    formats: tuple[str, ...],
    kind: str,
    channels: int | None,
) -> Picture:
    """Read an image from a file that messages call `path`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with (
            report_damage(path, kind, _SAVE_AGAIN),
            _report_bombs(path),
            _report_foreign(path, kind),
            _file(source, path) as file,
            Image.open(file, formats=formats) as image,
        ):
            _check_header(image, path)
            if image.format in ("JPEG", "MPO"):  # a phone's photograph, with a preview
                _check_scans(file, path)
            return _upright(image, channels)


@contextmanager
def _file(source: Path | io.BytesIO, path: Path) -> Iterator[io.BytesIO | io.BufferedReader]:
    """Open a file after checking its size."""
    with source if isinstance(source, io.BytesIO) else source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_FILE:
            raise DataError(
                f"`{path}` has {size / 1e6:,.0f} MB, at most {MAX_FILE // 10**6} are read. "
                f"{_SAVE_AGAIN}"
            )
        file.seek(0)
        yield file


def _check_scans(file: io.BytesIO | io.BufferedReader, path: Path) -> None:
    """Raise an error for a JPEG with many scans, each of which decodes all pixels."""
    scans, last, place = 0, b"", file.tell()
    file.seek(0)
    while part := file.read(1 << 20):
        scans += (last + part).count(b"\xff\xda")
        last = part[-1:]
        if scans > MAX_SCANS:
            raise DataError(f"`{path}` is a JPEG of more than {MAX_SCANS} scans. {_SAVE_AGAIN}")
    file.seek(place)


@contextmanager
def _report_foreign(path: Path, kind: str) -> Iterator[None]:
    """Name the file in the error for another format; Pillow names the buffer object."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise DataError(
            f"`{path}` cannot be read as {kind}: cannot identify image file. {_SAVE_AGAIN}"
        ) from error


@contextmanager
def _report_bombs(path: Path) -> Iterator[None]:
    """Report an image that Pillow refuses as too large, without Pillow's message."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise DataError(
            f"`{path}` has far more pixels than the {MAX_PIXELS // 10**6} million that are read. "
            "Save it smaller."
        ) from error


def _check_header(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if isinstance(image, TiffImageFile):
        width, height = (
            max(side, *np.ravel(image.tag_v2.get(tag, 0)).tolist())
            for side, tag in zip(image.size, _TILE, strict=True)
        )
    if (
        isinstance(image, PpmImageFile)
        and image.tile[0][0] == "ppm_plain"
        and width * height > MAX_WRITTEN
    ):
        raise DataError(f"`{path}` stores its pixels as decimal text. {_SAVE_AGAIN}")
    if width * height > MAX_PIXELS:
        raise DataError(
            f"`{path}` has {width} x {height} pixels, at most {MAX_PIXELS // 10**6} million are "
            "read. Save it smaller."
        )
    # a phone's JPEG may have a preview as its second frame: the first is the photograph
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(
            f"`{path}` has more than one frame or page. Save the one you mean as a PNG."
        )
    if image.mode in ("I", "F") and not _is_deep(image):
        raise DataError(f"`{path}` has 32 bits per pixel. Save it with 8 or 16 as a PNG.")


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image has 16 bits; Pillow opens such PGMs with 32."""
    return image.mode.startswith("I;16") or (image.mode == "I" and isinstance(image, PpmImageFile))


def _upright(image: Image.Image, channels: int | None) -> Picture:
    """Apply the EXIF orientation after reading the colours."""
    orientation, found = image.getexif().get(_ORIENTATION, 1), _pixels(image, channels)
    if orientation not in _UPRIGHT:
        return found
    turned = Image.fromarray(found.pixels).transpose(_UPRIGHT[orientation])
    return Picture(pixels=np.asarray(turned), notes=("turned upright", *found.notes))


def _pixels(image: Image.Image, channels: int | None) -> Picture:
    """Read grey levels or colours; transparent ink is composited on a contrasting background."""
    if _is_deep(image):
        pixels = np.asarray(image).astype(np.uint16)  # in either byte order
        return Picture(pixels=pixels, notes=("reduced from 16 to 8 bits",))
    mode, notes = image.mode, tuple[str, ...]()
    if image.has_transparency_data:
        made = "L" if channels == 1 else "RGB"
        image, notes = _opaque(image if mode == "RGBA" else image.convert("RGBA"), made)
    if channels is None:
        channels = 3 if _has_colour(image) else 1
    if channels == 3:
        return Picture(pixels=np.asarray(image.convert("RGB")), notes=notes)
    grey = () if mode == "L" else (f"converted to grey from {mode}",)
    return Picture(pixels=np.asarray(_luminance(image)), notes=(*grey, *notes))


def _has_colour(image: Image.Image) -> bool:
    """Return whether the channels of an image differ by more than JPEG noise."""
    if image.mode in ("1", "L", "LA"):
        return False
    small = image.convert("RGB").reduce(max(1, max(image.size) // 256))
    pixels = np.asarray(small).astype(np.int16)
    return float((pixels.max(-1) - pixels.min(-1)).mean()) > _COLOURED


def _luminance(image: Image.Image) -> Image.Image:
    """Convert an image to grey, in one step if Pillow can, since photographs are large."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")
    return image if image.mode == "L" else image.convert("L")


def _opaque(image: Image.Image, mode: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Composite transparent ink on black or white, whichever contrasts, in "L" or "RGB"."""
    opacity = image.getchannel("A")
    if opacity.getextrema()[0] == 255:
        return image.convert(mode), ()
    alpha = np.asarray(opacity)
    seen = np.einsum("hw,hw->", np.asarray(image.convert("L")), alpha, dtype=np.uint64)
    ink = int(seen) / max(int(alpha.sum(dtype=np.uint64)), 1)
    background, name = (0, "black") if ink > 127.5 else (255, "white")
    plain = background if mode == "L" else (background,) * 3
    laid = Image.composite(image.convert(mode), Image.new(mode, image.size, plain), opacity)
    return laid, (f"transparent and laid on {name}",)
