"""What draws the map in a browser, and its data: on a page, in an exported file, in a notebook.

`latent_map.js` draws the map; `around.js` is shared by what stands around it where Streamlit is
not.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._numbers import Number
from .. import theme
from . import colouring, points

if TYPE_CHECKING:
    from ...bundle.reading import Bundle

__all__ = ["coloured", "colours", "fixed", "source", "whole"]


def source(*names: str) -> str:
    """Return the texts of some files of this folder, one after the other."""
    return "".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)


def fixed(bundle: "Bundle", places: points.Places) -> dict[str, Any]:
    """Return what does not depend on the colouring: geometry, names, form of the sheets."""
    return {
        "count": len(places.order),
        "centre": places.centre,
        "half": places.half,
        "splits": [["train", 0], ["test", bundle.manifest.indexed_train]],
        "classNames": list(bundle.manifest.dataset.class_names),
        "clusterNames": list(bundle.clusters.names),
        "sheetImages": points.SHEET_IMAGES,
        "sheetColumns": points.SHEET_COLUMNS,
    }


def coloured(
    bundle: "Bundle",
    column: colouring.Column,
    names: Sequence[str],
    ends: tuple[Number, Number],
    middles: Sequence[tuple[int, float, float]],
) -> dict[str, Any]:
    """Return the title, the legend and the labels of a colouring.

    Args:
        bundle: The bundle.
        column: What colours the points.
        names: Names of its categories; empty for numbers.
        ends: The values at the ends of its scale.
        middles: Each category's number and centre on the map.
    """
    return {
        "title": column.title,
        "legend": colouring.legend(column, names, bundle.clusters.order, *ends),
        "labels": [{"text": names[c], "at": [x, y]} for c, x, y in middles],
    }


def colours(bundle: "Bundle", column: colouring.Column, count: int, dark: bool) -> dict[str, Any]:
    """Return the colours of a colouring of `count` categories, 0 for numbers."""
    order, labels = bundle.clusters.order, bundle.cluster_labels
    return {
        "palette": colouring.palette(column, count, order, labels, dark),
        "quiet": theme.muted(dark),
    }


def whole(bundle: "Bundle", column: colouring.Column) -> dict[str, Any]:
    """Return a colouring: one byte per image, legend, labels, and the colours of both themes."""
    levels, low, high = colouring.encoded(bundle.index, column)
    classes = bundle.manifest.dataset.class_names
    names = colouring.names(column, bundle.clusters.names, classes, int(high) + 1)
    xy = bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32)
    middles = points.medians(xy, levels, len(names)) if column.grouped else []
    return {
        "levels": levels.tobytes(),
        **coloured(bundle, column, names, (low, high), middles),
        "colours": [colours(bundle, column, len(names), dark) for dark in (False, True)],
    }
