"""The maps of two bundles side by side; a click on either selects in both."""

import streamlit as st

from dashboard import state
from dashboard.ui import messages
from dashboard.ui.components.latent_map import component
from dashboard.views.compare.settings import Pair, colours
from xai_core.plots.latent_map import colouring


def show(pair: Pair) -> None:
    """Draw both maps in the same colours."""
    columns = {c.name: c for c in colouring.available(pair.first.index)}
    known = {c.name for c in colouring.available(pair.second.index)}
    names = [n for n, c in columns.items() if c.categorical and n != "split" and n in known]
    name = st.selectbox(
        "Colour by", names, format_func=lambda n: columns[n].title, width=260,
        **state.bind("compare colour", "cluster", names, link="colour"),
    )  # fmt: skip
    palettes = colours(pair) if name == "cluster" else (None, None)
    boxes = st.columns(2, gap="medium")
    for box, bundle, palette in zip(boxes, pair.both, palettes, strict=True):
        with box:
            st.markdown(f"**{messages.literal(bundle.name)}**")
            component.plain_map(
                bundle, columns[name], key=f"map of {bundle.name}", palette=palette
            )
