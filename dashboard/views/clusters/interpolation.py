"""The straight line between two clusters' centres, as a film."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import generation
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots import sprites
from xai_core.plots.clusters import film_strip
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FRAMES = 15


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", cluster: int) -> None:
    """Show decodings from the picked cluster's centre to another's, and q(c|x) of each."""
    names = naming.cluster_names(bundle)
    order = naming.cluster_order(bundle)
    others = [c for c in order if c != cluster]
    if not others:
        messages.note("This model has one cluster, so there is no other to interpolate to.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        end = st.selectbox(
            f"From {messages.literal(names[cluster])} to", others,
            format_func=names.__getitem__, width=220,
            **state.bind("walk to", others[0], others, link="walk"),
        )  # fmt: skip
        film = generation.interpolation(bundle, cluster, end, FRAMES)
        table = pd.DataFrame(film.probs, columns=[f"q({c}|x)" for c in range(len(names))])
        table.insert(0, "share_of_path", np.linspace(0, 1, FRAMES))
        about = {"from cluster": cluster, "to cluster": end}
        download.table(bundle, table, name="walk", **about)
        sheet = sprites.sheet(film.images, columns=FRAMES, gap=1)
        download.picture(bundle, sheet, name="walk frames", **about)
    figure = film_strip.film_strip(film.images, film.probs, names, order=order)
    text = film_strip.crossing(film.probs, names, cluster)
    st.markdown(f"**{messages.literal(text[0].upper() + text[1:])}**")
    drawing(figure, key="walk", alt=f"Interpolation from {names[cluster]} to {names[end]}: {text}")
    st.caption(
        "Frames on the straight line, and q(c|x) of each. Both ends: "
        f"{percent(film.probs[0, cluster])} and {percent(film.probs[-1, end])} sure."
    )
