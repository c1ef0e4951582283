"""Colours of the map by the tags that people gave to images."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard.services import bundles
from dashboard.ui.notes import tags
from xai_core.plots.latent_map import colouring

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

NAME, SEVERAL = "tag", "several tags"


def colourings(bundle: "Bundle") -> list[colouring.Column]:
    """Return the map's colouring by tags, still without values; none if there are no tags."""
    named = tags.names(bundle)
    if not named:
        return []
    column = colouring.Column(
        name=NAME,
        title="Your tags",
        shows="The tag of each image; pins are left out, and images without a tag are grey.",
        categorical=True,
        names=(*named, SEVERAL),
    )
    return [column]


def with_tags(bundle: "Bundle", column: colouring.Column) -> colouring.Column:
    """Return a colouring with its values, if it is that of `colourings`: -1 for no tag."""
    if column.name != NAME:
        return column
    named = tags.names(bundle)
    values = np.full(len(bundle.index), -1, np.int64)
    for level, tag in enumerate(named):
        rows = bundles.rows_of(bundle, tags.indexed(bundle, tag))
        values[rows] = np.where(values[rows] < 0, level, len(named))
    return replace(column, values=values)


def in_words(bundle: "Bundle", column: colouring.Column) -> NDArray[Any]:
    """Return a colouring's values for a table, in index order; tags by their names."""
    values = colouring.values_of(bundle.index, column)
    return np.array([*column.names, ""], object)[values] if column.name == NAME else values
