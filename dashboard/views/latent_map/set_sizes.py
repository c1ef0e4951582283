"""Colours of the map by the size of the prediction sets."""

from typing import TYPE_CHECKING

from dashboard.services import prediction_sets
from dashboard.services.prediction_sets import LEVELS
from dashboard.ui import explained
from xai_core.plots.latent_map import colouring

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def colourings(bundle: "Bundle") -> list[colouring.Column]:
    """List the map's colourings by the size of the explained model's sets, still without sizes."""
    output = explained.chosen(bundle)
    there = output and not prediction_sets.obstacle(bundle, output)
    return [colouring.set_size(level) for level in LEVELS] if there else []


def with_sizes(bundle: "Bundle", column: colouring.Column) -> colouring.Column:
    """Return a colouring with its values, if it is one of `colourings`."""
    for level, known in zip(LEVELS, colourings(bundle), strict=False):
        if known == column:
            output = explained.chosen(bundle)
            return colouring.set_size(level, prediction_sets.sizes(bundle, output, level))
    return column
