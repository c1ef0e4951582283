"""The latent map: all images as points, which can be clicked or enclosed by a lasso."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import bundles, cache, image_data
from dashboard.ui import frontend
from dashboard.ui.components.latent_map import legend
from dashboard.ui.components.latent_map.files import (
    MapFiles,
    address,
    column_levels,
    map_files,
)
from xai_core.plots.latent_map import colouring, in_browser, points
from xai_core.plots.latent_map.marks import Marks, packed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

KEY = "latent map"

_map = frontend.component(in_browser.__file__, "latent_map")


def latent_map(
    bundle: "Bundle",
    column: colouring.Column,
    *,
    shown: NDArray[np.bool_] | None = None,
    neighbours: Sequence[str] = (),
    marks: Sequence[Marks] = (),
) -> None:
    """Draw the map.

    A click selects an image. A lasso is kept in `state.lasso()`, a place to decode in
    `state.place()`, and the legend's filter by the module `legend`.

    Args:
        bundle: The bundle to draw.
        column: The column that colours the points.
        shown: Mask of the points to colour, in index order; the others are grey. None for all.
        neighbours: Ids to join to the selected image by lines.
        marks: More places to draw, each with a picture.
    """
    files = map_files(bundle)
    ids = bundles.rows(bundle)
    data = _fixed(bundle, files) | _coloured(bundle, files, column)
    here = image_data.facts(bundle, state.selected_id())
    data |= {
        "mark": [float(here["umap_x"]), float(here["umap_y"])],
        "shown": None if shown is None else _base64(np.packbits(shown).tobytes()),
        "selected": bundles.row_of(bundle, state.selected_id()),
        "neighbours": bundles.map_places(bundle)[bundles.rows_of(bundle, neighbours)].tolist(),
        "lasso": state.lasso(),
        "marks": [packed(m) for m in marks],
        "only": legend.only(bundle, column),
        "range": legend.level_range(column),
        "inQuestion": f"{len(ids) if shown is None else int(shown.sum()):,}",
        "focus": state.setting("map focus"),
    }
    _map(
        key=KEY,
        data=data,
        on_pick_change=state.from_component(
            KEY, "pick", lambda row: state.select_image(str(ids[int(row) % len(ids)]))
        ),
        on_lasso_change=state.from_component(KEY, "lasso", state.set_lasso),
        on_place_change=state.from_component(KEY, "place", state.set_place),
        on_only_change=state.from_component(
            KEY, "only", lambda levels: legend.set_only(column, levels)
        ),
        on_range_change=state.from_component(
            KEY, "range", lambda ends: legend.set_range(column, ends)
        ),
    )
    _say_what_lacks(files)


def plain_map(
    bundle: "Bundle",
    column: colouring.Column,
    *,
    key: str,
    palette: Sequence[str] | None = None,
) -> None:
    """Draw a map on which images can be selected, without lasso, legend and decoding.

    Args:
        bundle: The bundle to draw.
        column: The categories that colour the points; their names are drawn on the map.
        key: Unique on the page.
        palette: One colour per category; None for the default.
    """
    files, ids = map_files(bundle), bundles.rows(bundle)
    here = image_data.facts(bundle, state.selected_id())
    data = _fixed(bundle, files) | _coloured(bundle, files, column)
    data |= {"palette": list(palette)} if palette else {}
    data |= {
        "plain": True,
        "mark": [float(here["umap_x"]), float(here["umap_y"])],
        "shown": None,
        "selected": bundles.row_of(bundle, state.selected_id()),
        "neighbours": [],
        "lasso": None,
        "marks": [],
        "only": [],
        "range": colouring.FULL_RANGE,
        "inQuestion": f"{len(ids):,}",
        "focus": None,
    }
    _map(
        key=key,
        data=data,
        on_pick_change=state.from_component(
            key, "pick", lambda row: state.select_image(str(ids[int(row) % len(ids)]))
        ),
    )
    _say_what_lacks(files)


def _say_what_lacks(files: MapFiles) -> None:
    """Explain which points are not drawn, and why no pictures are shown."""
    drawn, images = len(files.places.order), len(files.places.along)
    if drawn < images:
        st.caption(
            f"{drawn:,} of {images:,} points are drawn, fewer where they lie close together. "
            "Lasso and search use all of them."
        )
    if files.folder is None:
        st.caption(
            "The folder `dashboard/static` cannot be written or served, so pointing at a point "
            "shows its description but not its picture."
        )
    elif not files.pictures:
        _wait_for_pictures(files)


@st.fragment(run_every=1.0)
def _wait_for_pictures(files: MapFiles) -> None:
    st.caption("Preparing the pictures shown at each point; this happens once per model.")
    if files.pictures:
        st.rerun()


def _fixed(bundle: "Bundle", files: MapFiles) -> dict[str, Any]:
    """Return the part of the data that does not depend on settings."""
    places = files.places
    blobs = {name: levels for name, (levels, _, _) in files.columns.items()}
    return {
        "name": cache.fingerprint(bundle),
        **in_browser.fixed(bundle, places),
        "points": _source(bundle, files, "points", places.blob),
        "cluster": _source(bundle, files, "cluster", blobs["cluster"].tobytes()),
        "label": _source(bundle, files, "label", blobs["label"].tobytes())
        if "label" in blobs
        else None,
        "sheets": f"{address(bundle)}/pictures/{{k}}.png" if files.pictures else None,
        "cell": [bundle.spec.width, bundle.spec.height],
    }


def _coloured(bundle: "Bundle", files: MapFiles, column: colouring.Column) -> dict[str, Any]:
    """Return the data of a colouring: one byte per point, colours, legend and labels."""
    levels, low, high = column_levels(bundle, column)
    names = legend.names(bundle, column)
    middles = _middles(bundle, column.name, levels, len(names)) if column.grouped else []
    return {
        "colour": _colour(bundle, files, column, levels.tobytes()),
        **in_browser.coloured(bundle, column, names, (low, high), middles),
        **in_browser.colours(bundle, column, len(names), state.dark()),
        "alt": f"Map of {len(levels):,} images coloured by {column.title.lower()}. Arrow keys "
        "move from point to point, with Shift in longer steps; Enter selects; plus, minus and 0 "
        "zoom. In the mode What is here?, arrow keys move a cross and Enter decodes its place.",
    }


def _middles(
    bundle: "Bundle", name: str, levels: NDArray[np.uint8], count: int
) -> list[tuple[int, float, float]]:
    xy = bundles.map_places(bundle)
    return cache.cached_per_bundle(
        bundle, f"map middles {name}", lambda: points.medians(xy, levels, count)
    )


def _source(bundle: "Bundle", files: MapFiles, name: str, blob: bytes) -> dict[str, str]:
    if files.folder is None:
        return {"base64": _base64(blob)}
    return {"url": f"{address(bundle)}/{name}.bin"}


def _colour(
    bundle: "Bundle", files: MapFiles, column: colouring.Column, blob: bytes
) -> dict[str, str]:
    if column.name not in files.columns:  # not written when the bundle was opened
        return {"base64": _base64(blob)}
    return _source(bundle, files, column.name, blob)


def _base64(blob: bytes) -> str:
    return base64.b64encode(blob).decode()
