"""The map that is shown, as a drawing to save."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import bundles, image_data, reports
from dashboard.ui import download, naming
from xai_core.plots.latent_map import picture
from xai_core.plots.latent_map.colouring import Column

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

MOST_IMAGES = 10_000
"""In the HTML page, which is made while a visitor waits; `xai export` writes all of them."""


def show(bundle: "Bundle", column: Column, shown: NDArray[np.bool_] | None = None) -> None:
    """Offer the map as SVG, images that the filters leave out in grey, and as an HTML page.

    Args:
        bundle: The bundle whose map is drawn.
        column: The column that colours the points.
        shown: True for the images that the filters keep; None for all.
    """
    image_id = state.selected_id()
    about = {"image": image_id, "coloured by": column.title}
    if shown is not None:
        about["images shown"] = f"{int(shown.sum()):,} of {len(shown):,}"
    here = image_data.facts(bundle, image_id)

    def drawn() -> bytes:
        return picture.draw(
            bundle.index,
            column,
            picture.Names(
                naming.cluster_names(bundle),
                naming.cluster_order(bundle),
                bundle.manifest.dataset.class_names,
                bundle.cluster_labels,
            ),
            (float(here["umap_x"]), float(here["umap_y"])),
            title=f"{len(bundle.index):,} images of {bundle.name} by {column.title.lower()}; the "
            f"ring is {naming.display_name(image_id)}",
            about=bundles.about(bundle, what="map", **about),
            shown=shown,
        )

    with st.container(horizontal=True):
        download.drawing(bundle, drawn, name="map", **about)
        download.page(
            bundle,
            lambda: reports.map_page(bundle, MOST_IMAGES),
            name="map",
            label="HTML for a colleague",
        )
