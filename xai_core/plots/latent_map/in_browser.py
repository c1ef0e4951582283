"""The data of `latent_map.js`, which draws the map on a page and in an exported file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..._numbers import Number
from .. import theme
from . import colouring, points

if TYPE_CHECKING:
    from ...bundle.reading import Bundle

__all__ = ["coloured", "colours", "fixed"]


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
