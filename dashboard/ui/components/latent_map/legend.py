"""The map's legend as a filter: some categories, or a range of values."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui import naming
from dashboard.ui.components.latent_map.files import column_levels
from xai_core.plots.latent_map import colouring
from xai_core.plots.latent_map.colouring import FULL_RANGE, Column

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def names(bundle: "Bundle", column: Column) -> list[str]:
    """Return the names of a colouring's categories, in order; none for numbers."""
    classes, (_, _, high) = bundle.manifest.dataset.class_names, column_levels(bundle, column)
    return colouring.names(column, naming.cluster_names(bundle), classes, int(high) + 1)


def only(bundle: "Bundle", column: Column) -> list[int]:
    """Return the categories that are kept; an empty list if all are."""
    if not column.categorical:
        return []
    options = list(range(len(names(bundle, column))))
    return list(state.keep(f"map only {column.name}", [], options, link="only"))


def set_only(column: Column, levels: list[int]) -> None:
    """Keep some categories of a colouring."""
    state.put_setting(f"map only {column.name}", levels)


def level_range(column: Column) -> tuple[int, int]:
    """Return the lowest and the highest level that are kept."""
    if column.categorical:
        return FULL_RANGE
    low, high = (
        int(state.keep(f"map {end} {column.name}", default, span=(*FULL_RANGE, 1), link=end))
        for end, default in zip(("from", "to"), FULL_RANGE, strict=True)
    )
    return min(low, high), max(low, high)


def set_range(column: Column, ends: list[int]) -> None:
    """Keep a range of levels of a colouring."""
    for end, level in zip(("from", "to"), sorted(ends), strict=True):
        state.put_setting(f"map {end} {column.name}", level)


def left_in(bundle: "Bundle", column: Column) -> NDArray[np.bool_] | None:
    """Return the mask of the points that the legend keeps, in index order; None for all."""
    levels, _, _ = column_levels(bundle, column)
    return colouring.within(levels, only(bundle, column), level_range(column))
