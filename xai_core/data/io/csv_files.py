"""Tables in text files: the user's own columns, or images with one column per pixel.

label,pixel0,pixel1,...       the pixels of a square image, row by row, as on Kaggle
7,0,0,128,...                 the same without a header: a label, if there is one, comes first
"""

import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

from ..._paths import expand_home
from ...errors import DataError
from .array_keys import ArraySet

__all__ = ["SEPARATORS", "read_csv", "read_pixel_table"]

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
"""What separates the columns, by the suffix of the file."""
MAX_BYTES = 1 << 30
"""The largest table that is read: 1 GiB."""
FEWEST_PIXELS = 64
"""Least number of pixel columns: images of 8 x 8."""
_PIXEL = re.compile(
    r"(pixel|pix|px|p|x|v|f|attr|feature|dim)?[_ -]?\d+([x_ .-]\d+)?", re.IGNORECASE
)


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a table with a header row; every value is a text, missing ones are "".

    Args:
        path: A .csv (separated by commas or semicolons) or .tsv file in UTF-8.

    Raises:
        DataError: If it is missing, too large, not UTF-8, or not such a table.
    """
    path, content, separator = _opened(path)
    table = _parsed(path, content, separator, dtype=str)
    if not isinstance(table.index, pd.RangeIndex) or not len(table):
        raise DataError(
            f"`{path}` must have a header row, and below it one row per image with a value for "
            "each name of the header."
        )
    return table.rename(columns=lambda name: str(name).strip())


def read_pixel_table(path: Path) -> ArraySet:
    """Read the images of a table, and its other columns as texts.

    Args:
        path: A file as `read_csv` reads it.

    Raises:
        DataError: If it has no columns of pixels, or these are not numbers or no square image.
    """
    path, content, separator = _opened(path)
    first = _parsed(path, content, separator, header=None, nrows=1, dtype=str)
    names = [str(name).strip() for name in first.iloc[0]] if len(first) else []
    notes = []
    unnamed = len(names) >= FEWEST_PIXELS and all(_is_number(name) for name in names)
    if unnamed:
        labels = [] if math.isqrt(len(names)) ** 2 == len(names) else ["label"]
        names = [*labels, *(f"pixel{k}" for k in range(len(names) - len(labels)))]
        said = "the first column was read as the label" if labels else "all columns as pixels"
        notes.append(f"The table has no header: {said}.")
    pixels = [k for k, name in enumerate(names) if _PIXEL.fullmatch(name)]
    if len(pixels) < FEWEST_PIXELS:
        raise DataError(
            f"`{path}` has no columns of pixels, such as 'pixel0'. If it describes images, give "
            "their folder as --data, and this file as --metadata."
        )
    side = math.isqrt(len(pixels))
    if side * side != len(pixels):
        raise DataError(
            f"`{path}` has {len(pixels)} columns of pixels, which is no square image. Save images "
            "of another form as an .npz."
        )
    table = _parsed(
        path,
        content,
        separator,
        header=None,
        names=range(len(names)),
        skiprows=0 if unnamed else 1,
        dtype={k: np.float32 if k in set(pixels) else str for k in range(len(names))},
    )
    values = table[pixels].to_numpy().reshape(-1, side, side)
    if (values == np.floor(values)).all() and 0 <= values.min(initial=0) <= values.max() <= 255:
        values = values.astype(np.uint8)
    rest = table.drop(columns=pixels).rename(columns=dict(enumerate(names)))
    notes.append(f"Images of {side} x {side} were read from {len(pixels)} columns of pixels.")
    columns = rest if rest.shape[1] else None
    return ArraySet(images=values, columns=columns, notes=tuple(notes))


def _opened(path: str | Path) -> tuple[Path, str, str]:
    """Return path, content and separator of a table."""
    path = expand_home(path)
    if path.suffix.lower() not in SEPARATORS:
        raise DataError(f"`{path}` must be a .csv or .tsv file. Save the table as CSV in UTF-8.")
    if not path.is_file():
        raise DataError(f"There is no file `{path}`.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"`{path}` is larger than {MAX_BYTES >> 30} GiB. Save images as an .npz instead."
            )
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"`{path}` is not UTF-8. Save the table as CSV in UTF-8.") from error
    header, separator = content.split("\n", 1)[0], SEPARATORS[path.suffix.lower()]
    if separator == "," and header.count(";") > header.count(","):
        separator = ";"
    return path, content, separator


def _parsed(path: Path, content: str, separator: str, **how: object) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(content), sep=separator, keep_default_na=False, na_filter=False, **how
        )
    except (ValueError, pd.errors.ParserError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(
            f"`{path}` cannot be read as a table: {reason}. Save it as CSV with a header row and "
            "a number for each pixel."
        ) from error


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
