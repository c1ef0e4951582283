"""Real images between two clusters."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import bundles, image_data
from dashboard.ui import download, image_strip, messages, naming
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 20
SPLITS = ("test", "train")


@st.fragment
def show(bundle: "Bundle", cluster: int, image_id: str) -> None:
    """Show the images with the smallest margin between their two best clusters."""
    state.rerun_if_moved(image_id)
    if bundle.model.config.num_clusters < 2:
        messages.note("This model has one cluster, so no image lies between two.")
        return
    names = naming.cluster_names(bundle)
    where = {"All clusters": None, "This cluster only": cluster}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Where", list(where), required=True,
            **state.bind("border where", "All clusters", list(where), link="border"),
        )  # fmt: skip
        split = st.segmented_control(
            "Images",
            SPLITS,
            required=True,
            **state.bind("border split", "test", SPLITS, link="borders"),
        )
        ids, probs = image_data.boundary_images(bundle, split, where[chosen], COUNT)
        table = _two_best(bundle, ids, probs)
        download.table(bundle, table, name="border cases", split=split, where=chosen)
    if not ids:
        st.caption(f"There is no such {split} image.")
        return
    captions = [
        f"{names[r.first]}: {percent(r.first_prob)}\n{names[r.second]}: {percent(r.second_prob)}"
        + (f"\nlabel {r.label}" if r.label is not None else "")
        for r in table.itertuples()
    ]
    image_strip.show(bundle, ids, key="borders", captions=captions)


def _two_best(bundle: "Bundle", ids: list[str], probs: np.ndarray) -> pd.DataFrame:
    best = np.argsort(-probs, axis=1, kind="stable")[:, :2]
    found = bundle.index["label"].to_numpy()[bundles.rows_of(bundle, ids)]
    return pd.DataFrame(
        {
            "id": ids,
            "label": [naming.label_name(bundle, int(y)) if y >= 0 else None for y in found],
            "first": best[:, 0],
            "first_prob": np.take_along_axis(probs, best[:, :1], 1)[:, 0],
            "second": best[:, 1],
            "second_prob": np.take_along_axis(probs, best[:, 1:], 1)[:, 0],
        }
    )
