"""Many small images as one: sheets of 28 x 28 cells and their PNG bytes."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "as_bytes",
    "data_url",
    "png",
    "sheet",
    "sprite_sheet",
]

Pixels = NDArray[np.uint8]


def as_bytes(images: NDArray[np.generic]) -> Pixels:
    """Turn floats in [0, 1] into bytes, NaN into 0; bytes stay as they are."""
    if images.dtype != np.uint8:
        images = (np.clip(np.nan_to_num(images), 0, 1) * 255).round()
    return images.astype(np.uint8, copy=False)


def sheet(images: NDArray[np.generic], columns: int, gap: int = 0, fill: int = 0) -> Pixels:
    """Lay images out in rows, left to right.

    Args:
        images: (images, height, width) grey or (images, height, width, 3) colour.
        columns: Images a row; the last row is filled up.
        gap: Pixels between neighbouring images.
        fill: Grey level of gaps and empty cells.
    """
    cells = as_bytes(np.asarray(images))
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


def data_url(image: bytes) -> str:
    """Write a PNG as a URL that carries it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
