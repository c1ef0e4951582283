"""Overview of the model: the map, the prototypes, one sentence."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import generation
from dashboard.ui import map_backdrop, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.ui.frame import layout
from xai_core.plots import sprites
from xai_core.plots.latent_map import picture
from xai_core.report import model_card

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def show(bundle: "Bundle") -> None:
    """Draw the map beside the sentence and the prototypes."""
    on_map, text = st.columns([5, 6], gap="large", vertical_alignment="top")
    with on_map:
        _map(bundle)
    with text:
        layout.claim(model_card.summary(bundle.manifest, bundle.index["cluster"].nunique()))
        _prototypes(bundle)
        with st.container(horizontal=True, gap="medium"):
            label = "What is in each group"
            st.page_link(PAGES["clusters"], label=label, icon=":material/category:")
            st.page_link(PAGES["model_card"], label="All scores", icon=":material/fact_check:")


def _map(bundle: "Bundle") -> None:
    dark = state.dark()
    drawn = picture.overview(
        map_backdrop.backdrop(bundle, dark, map_backdrop.STRONG),
        map_backdrop.middles(bundle),
        dark,
    )
    with st.container(key="hero-map"):
        st.image(
            sprites.data_url(drawn.encode(), "svg+xml"),
            alt=f"Map of {len(bundle.index):,} images as points, coloured by cluster",
            width="stretch",
        )


def _prototypes(bundle: "Bundle") -> None:
    names, order = naming.cluster_names(bundle), naming.cluster_order(bundle)
    colours = naming.cluster_colours(bundle)
    image_grid(
        generation.prototypes(bundle).images[order],
        alt=[f"prototype of {names[c]}" for c in order],
        key="hero prototypes",
        captions=[names[c] for c in order],
        colours=[colours[c] for c in order],
        scale=3,
        columns=5,
    )
    drawn = "decode" in bundle.model.parts
    st.caption(
        "The prototype of each group: the image at its centre, drawn by the model."
        if drawn
        else "The training image nearest to the centre of each group; this model draws none."
    )
