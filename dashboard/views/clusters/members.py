"""Real images of one cluster, by confidence."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.ui import download, image_strip, messages, naming
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 20
SPLITS = ("test", "train")
ENDS = ("Least sure", "Most sure")


@st.fragment
def show(bundle: "Bundle", cluster: int, image_id: str) -> None:
    """Show members by confidence; a click selects an image."""
    state.rerun_if_moved(image_id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        end = st.segmented_control(
            "Order",
            ENDS,
            required=True,
            **state.bind("member order", ENDS[0], ENDS, link="order"),
        )
        split = st.segmented_control(
            "Images",
            SPLITS,
            required=True,
            **state.bind("member split", "test", SPLITS, link="members"),
        )
        index = bundle.index
        rows = np.flatnonzero(
            ((index["cluster"] == cluster) & (index["split"] == split)).to_numpy()
        )
        confidence = index["confidence"].to_numpy()[rows]
        rows = rows[np.argsort(confidence if end == ENDS[0] else -confidence, kind="stable")]
        table = index.iloc[rows][["id", "label", "cluster", "confidence", "elbo"]]
        download.table(bundle, table, name=f"members of cluster {cluster}", split=split)
    name = messages.literal(naming.cluster_names(bundle)[cluster])
    if not len(rows):
        st.caption(f"No {split} image is in cluster {name}.")
        return
    first = table.iloc[:COUNT]
    captions = [
        f"{percent(r.confidence)}\nlabel {naming.label_name(bundle, r.label)}"
        if r.label >= 0
        else percent(r.confidence)
        for r in first.itertuples()
    ]
    image_strip.show(bundle, [str(i) for i in first["id"]], key="members", captions=captions)
    st.caption(f"{len(first)} of the {len(rows):,} {split} images in cluster {name}.")
