"""A strip of real images to pick the selected one from."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import loaders, state, theme
from dashboard.components import download, image_grid, layout
from dashboard.figures import gallery

if TYPE_CHECKING:
    from xai_core.bundle import Bundle

COUNT = 30
SAVED = ("id", "split", "label", "cluster", "confidence", "elbo")


def strip(bundle: "Bundle") -> None:
    """Show images of a chosen kind; a click selects one for all pages."""
    choices = list(gallery.CHOICES)
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
            "Others",
            icon=":material/refresh:",
            on_click=state.put_setting,
            args=("gallery seed", seed + 1),
        )
        labels = list(bundle.cluster_labels)
        rows = gallery.pick(bundle.index, choice, count=COUNT, seed=seed, cluster_labels=labels)
        table = bundle.index[list(SAVED)].take(rows)
        download.table(bundle, table, name="gallery", choice=choice, seed=seed)
    st.caption(gallery.CHOICES[choice] if len(rows) else "There are no such images here.")
    if len(rows):
        show(bundle, [str(i) for i in loaders.rows(bundle)[rows]], key="gallery")


def show(bundle: "Bundle", ids: list[str], *, key: str, captions: list[str] | None = None) -> None:
    """Lay images out as buttons that select them, with their clusters' colours."""
    names = layout.cluster_names(bundle)
    colours = theme.categorical(len(names))
    clusters = bundle.index["cluster"].take(loaders.rows_of(bundle, ids)).tolist()
    image_grid.image_grid(
        loaders.images(bundle, ids),
        alt=layout.describe_all(bundle, ids),
        key=key,
        captions=captions or [f"cluster {names[c]}" for c in clusters],
        ids=ids,
        colours=[colours[c] for c in clusters],
        selected=state.selected_id(),
    )
