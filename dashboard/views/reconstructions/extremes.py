"""The images that a term of the bound favours most and least."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import download, image_strip
from xai_core.plots import elbo_terms
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 20
SPLITS = ("test", "train")


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show both ends of a chosen term in a chosen split; a click selects an image."""
    state.rerun_if_moved(image_id)
    terms = list(elbo_terms.TERMS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        term = st.selectbox(
            "By", terms, format_func=lambda t: elbo_terms.TERMS[t].name, width=220,
            **state.bind("extreme term", "elbo", terms, link="by"),
        )  # fmt: skip
        split = st.segmented_control(
            "Images",
            SPLITS,
            required=True,
            **state.bind("extreme split", "test", SPLITS, link="split"),
        )
        ends = elbo_terms.extremes(bundle.index, term, split, COUNT)
        table = bundle.index.iloc[[*ends[0], *ends[1]]][
            ["id", "label", "cluster", *elbo_terms.ORDER]
        ]
        shown = pd.Series(["most"] * len(ends[0]) + ["least"] * len(ends[1]), index=table.index)
        download.table(bundle, table.assign(end=shown), name=f"extremes by {term}", split=split)
    for words, rows, key in zip(_headings(term), ends, ("most", "least"), strict=True):
        st.markdown(words)
        nats = elbo_terms.contributions(bundle.index.iloc[rows], term)
        ids = [str(i) for i in bundles.rows(bundle)[rows]]
        image_strip.show(bundle, ids, key=f"extreme {key}", captions=[signed(v) for v in nats])


def _headings(term: str) -> tuple[str, str]:
    if term == "elbo":
        return "**Best explained**: highest ELBO, nats", "**Worst explained**: lowest ELBO, nats"
    name = elbo_terms.TERMS[term].name.lower()
    return (
        f"**Best**: the {name} adds most to the bound, nats",
        f"**Worst**: the {name} adds least to the bound, nats",
    )
