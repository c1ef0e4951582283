"""Export tables and pictures with their provenance."""

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import sprites

__all__ = [
    "csv",
    "file_name",
    "png",
    "stem",
]

About = Mapping[str, object]
"""Provenance of a file: bundle, image, settings, version."""


def csv(table: pd.DataFrame, about: About) -> bytes:
    """Write a table as CSV, with its provenance as comment lines.

    Read it back with `pandas.read_csv(file, comment="#")`.
    """
    head = "".join(f"# {key}: {_line(value)}\n" for key, value in about.items())
    return (head + table.to_csv(index=False)).encode()


def png(pixels: NDArray[np.generic], about: About, scale: int = 4) -> bytes:
    """Write an image as PNG, each pixel enlarged, with `about` as its text fields."""
    info = PngInfo()
    for key, value in about.items():
        info.add_itxt(key, _line(value))
    out = io.BytesIO()
    large = sprites.pixels(np.asarray(pixels)[None])[0].repeat(scale, 0).repeat(scale, 1)
    Image.fromarray(large).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def file_name(*parts: object, suffix: str) -> str:
    """Build a file name from words that is safe on every system."""
    return f"{stem(*parts)}.{suffix}"


def stem(*parts: object) -> str:
    """Build a file name without its suffix."""
    words = "-".join(str(part) for part in parts)
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in words)


def _line(value: object) -> str:
    return " ".join(str(value).split())
