"""What a person leaves in by the map's legend: some categories, or a range of values."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui import naming
from dashboard.ui.components.latent_map.files import map_files
from xai_core.plots.latent_map import colouring
from xai_core.plots.latent_map.colouring import FULL_RANGE, Column

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def names(bundle: "Bundle", column: Column) -> list[str]:
    """Name the values of a categorical colouring, in order; nothing for numbers."""
    classes, (_, _, high) = (
        bundle.manifest.dataset.class_names,
        map_files(bundle).columns[column.name],
    )
    return colouring.names(column, naming.cluster_names(bundle), classes, int(high) + 1)


def only(bundle: "Bundle", column: Column) -> list[int]:
    """Give the categories that are left in; none where all are."""
    if not column.categorical:
        return []
    options = list(range(len(names(bundle, column))))
    return list(state.keep(f"map only {column.name}", [], options, link="only"))


def set_only(column: Column, levels: list[int]) -> None:
    """Leave some categories of this colouring in."""
    state.put_setting(f"map only {column.name}", levels)


def level_range(column: Column) -> tuple[int, int]:
    """Give the lowest and the highest level that are left in."""
    if column.categorical:
        return FULL_RANGE
    low, high = (
        int(state.keep(f"map {end} {column.name}", default, span=(*FULL_RANGE, 1), link=end))
        for end, default in zip(("from", "to"), FULL_RANGE, strict=True)
    )
    return min(low, high), max(low, high)


def set_range(column: Column, ends: list[int]) -> None:
    """Leave a range of levels of this colouring in."""
    for end, level in zip(("from", "to"), sorted(ends), strict=True):
        state.put_setting(f"map {end} {column.name}", level)


def left_in(bundle: "Bundle", column: Column) -> NDArray[np.bool_] | None:
    """Tell which points the legend leaves in, in index order; None for all of them."""
    levels, _, _ = map_files(bundle).columns[column.name]
    return colouring.within(levels, only(bundle, column), level_range(column))
