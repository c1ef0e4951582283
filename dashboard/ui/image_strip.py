"""A strip of images; a click selects one."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles, image_data
from dashboard.ui import download, naming
from dashboard.ui.components import image_grid
from xai_core.evaluation import exemplars

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 30
SAVED = ("id", "split", "label", "cluster", "confidence", "elbo")


def strip(bundle: "Bundle") -> None:
    """Show images of a kind that the visitor chooses; a click selects one for all pages."""
    choices = list(exemplars.CHOICES)
    seed = state.keep("gallery seed", 0, link="draw", span=state.SEEDS)
    with st.container(horizontal=True, vertical_alignment="center"):
        choice = st.segmented_control(
            "Which images",
            choices,
            label_visibility="collapsed",
            required=True,
            **state.bind("gallery", choices[0], choices, link="show"),
        )
        st.button(
            "Shuffle",
            key="gallery draw",
            icon=":material/shuffle:",
            on_click=state.put_setting,
            args=("gallery seed", seed + 1),
        )
        labels = list(bundle.cluster_labels)
        rows = exemplars.pick(bundle.index, choice, count=COUNT, seed=seed, cluster_labels=labels)
        table = bundle.index[list(SAVED)].take(rows)
        download.table(bundle, table, name="gallery", choice=choice, seed=seed)
    st.caption(exemplars.CHOICES[choice] if len(rows) else "There are no such images here.")
    if len(rows):
        show(bundle, [str(i) for i in bundles.rows(bundle)[rows]], key="gallery")


def show(bundle: "Bundle", ids: list[str], *, key: str, captions: list[str] | None = None) -> None:
    """Show images as buttons that select them, with the colours of their clusters."""
    names = naming.cluster_names(bundle)
    colours = naming.cluster_colours(bundle)
    clusters = bundle.index["cluster"].take(bundles.rows_of(bundle, ids)).tolist()
    image_grid.image_grid(
        image_data.images(bundle, ids),
        alt=naming.describe_all(bundle, ids),
        key=key,
        captions=captions or [names[c] for c in clusters],
        ids=ids,
        colours=[colours[c] for c in clusters],
        selected=state.selected_id(),
    )
