"""A sheet of small images with named rows and numbered columns."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from xai_core.plots import sprites

_CSS = Path(__file__).with_suffix(".css")


def labelled_sheet(
    images: NDArray[np.floating],
    *,
    rows: Sequence[tuple[str, str]],
    columns: Sequence[str],
    axis: str,
    alt: str,
    marked: int | None = None,
    cell: int = 56,
) -> None:
    """Show rows of images with sharp pixels, as wide as they fit.

    Args:
        images: (rows, columns) pictures in [0, 1].
        rows: A name and a remark per row; narrow screens leave the remark out.
        columns: A short text per column.
        axis: The meaning of the columns.
        alt: A description for screen readers.
        marked: The column to frame.
        cell: Largest width of an image, in screen pixels.
    """
    sheet = sprites.sheet(images.reshape(-1, *images.shape[2:]), columns=len(columns), gap=1)
    url = sprites.data_url(sprites.png(sheet))
    names = "".join(
        f"<span><b>{escape(name)}</b> <span class='more'>{escape(more)}</span></span>"
        for name, more in rows
    )
    steps = "".join(f"<span>{escape(text)}</span>" for text in columns)
    mark = ""
    if marked is not None:
        left, wide = 100 * marked / len(columns), 100 / len(columns)
        mark = f"<i class='mark' style='margin-left:{left}%;width:{wide}%'></i>"
    st.html(_CSS)
    st.html(
        f"<div class='sheet' style='--wide:{cell * len(columns)}px'><div class='names'>{names}"
        f"</div><img src='{url}' alt='{escape(alt, quote=True)}'>{mark}"
        f"<div class='steps'>{steps}</div><div class='axis'>{escape(axis)}</div></div>"
    )
