"""Many small images as one sheet, grey or colour, as bytes and PNG."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "as_bytes",
    "data_url",
    "levels",
    "pixels",
    "png",
    "rgb",
    "sheet",
    "sprite_sheet",
]

Pixels = NDArray[np.uint8]


def as_bytes(images: NDArray[np.generic]) -> Pixels:
    """Convert floats in [0, 1] to bytes, NaN to 0; bytes are returned unchanged."""
    if images.dtype != np.uint8:
        images = (np.clip(np.nan_to_num(images), 0, 1) * 255).round()
    return images.astype(np.uint8, copy=False)


def pixels(images: NDArray[np.generic]) -> Pixels:
    """Convert images to the form that Pillow reads: bytes, with the channels last.

    Args:
        images: (images, height, width) or (images, 1, height, width), grey; (images, 3, height,
            width) or (images, height, width, 3), colour. Bytes, or floats in [0, 1].

    Returns:
        (images, height, width) grey, or (images, height, width, 3) colour.
    """
    found = as_bytes(np.asarray(images))
    if found.ndim == 4 and found.shape[1] in (1, 3) and found.shape[3] != 3:
        found = np.moveaxis(found, 1, 3)
    return found[..., 0] if found.ndim == 4 and found.shape[3] == 1 else found


def rgb(images: NDArray[np.generic]) -> Pixels:
    """Convert images in a form that `pixels` accepts to (images, height, width, 3)."""
    found = pixels(images)
    return found if found.ndim == 4 else found[..., None].repeat(3, -1)


def levels(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return one number per pixel: (images, height, width) unchanged, else the channels' mean."""
    values = np.asarray(values)
    return values if values.ndim == 3 else values.mean(1)


def sheet(images: NDArray[np.generic], columns: int, gap: int = 0, fill: int = 0) -> Pixels:
    """Arrange images in rows, left to right.

    Args:
        images: Images in a form that `pixels` accepts.
        columns: Images per row; the last row is padded.
        gap: Pixels between neighbouring images.
        fill: Grey level of gaps and empty cells.
    """
    cells = pixels(images)
    rows = max(-(-len(cells) // columns), 1)
    height, width, *depth = cells.shape[1:]
    whole = np.full((rows * columns, height + gap, width + gap, *depth), fill, np.uint8)
    whole[: len(cells), :height, :width] = cells
    grid = whole.reshape(rows, columns, height + gap, width + gap, *depth).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + gap), columns * (width + gap), *depth)
    return grid[: grid.shape[0] - gap, : grid.shape[1] - gap]


def png(pixels: Pixels, level: int = 6) -> bytes:
    """Write an image as PNG; a lower level is faster and larger."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=level)
    return out.getvalue()


def sprite_sheet(images: NDArray[np.generic], columns: int = 20, level: int = 6) -> bytes:
    """Write images as one native-resolution PNG sheet."""
    return png(sheet(images, columns), level)


def data_url(image: bytes, kind: str = "png") -> str:
    """Encode a PNG, or an SVG with kind "svg+xml", as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
