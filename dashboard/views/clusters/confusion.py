"""Counts of images by label and cluster."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import cache
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots.clusters import confusion
from xai_core.plots.drawing import Drawing

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPLITS = ("test", "train")
SHOWN: tuple[confusion.Shown, ...] = ("Counts", "% of the label")


@st.fragment
def show(bundle: "Bundle") -> None:
    """Show counts of label against cluster, and the accuracy that follows from them."""
    named = bundle.cluster_labels
    if max(named) < 0:
        messages.note(
            "These data come without labels, so there is nothing to compare the clusters with. "
            "Everything else on this page works without them."
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split = st.segmented_control(
            "Images",
            SPLITS,
            required=True,
            **state.bind("confusion split", "test", SPLITS, link="confusion"),
        )
        show = st.segmented_control(
            "In the cells",
            SHOWN,
            required=True,
            **state.bind("confusion cells", SHOWN[0], SHOWN, link="cells"),
        )
        table = _counts(bundle, split)
        long = table.stack().rename("images").reset_index()
        download.table(bundle, long, name="confusion", split=split)
    accuracy, total = confusion.accuracy(table, named), int(table.to_numpy().sum())
    st.markdown(f"**{_finding(bundle, table)}**")
    words = f"Counts of {split} images by label and cluster; accuracy {accuracy:.2%}"
    drawing(_figure(bundle, split, show or SHOWN[0], state.dark()), key="confusion", alt=words)
    st.caption(
        f"Accuracy on {split} images: **{100 * accuracy:.2f} %** = images whose cluster is named "
        f"after their label, {round(accuracy * total):,} of {total:,}. The names, one label per "
        "cluster, were chosen on the train images after training; labels were never used to train."
    )


def _finding(bundle: "Bundle", table: pd.DataFrame) -> str:
    found = confusion.most_confused(table, bundle.cluster_labels)
    if found is None:
        return "Every image is in the cluster that was matched with its label"
    label, cluster, count, of = found
    return (
        f"{messages.literal(naming.label_name(bundle, label))} is confused most often: "
        f"{count:,} of its {of:,} images are in {messages.literal(bundle.clusters.names[cluster])}"
    )


def _counts(bundle: "Bundle", split: str) -> pd.DataFrame:
    def count() -> pd.DataFrame:
        labels = max(len(bundle.dataset.class_names), int(bundle.index["label"].max()) + 1)
        return confusion.counts(bundle.index, split, bundle.model.config.num_clusters, labels)

    return cache.cached_per_bundle(bundle, f"confusion {split}", count)


def _figure(bundle: "Bundle", split: str, show: confusion.Shown, dark: bool) -> Drawing:
    def draw() -> Drawing:
        table, names = _counts(bundle, split), naming.cluster_names(bundle)
        order = naming.cluster_order(bundle)
        labels = [naming.label_name(bundle, label) for label in table.index]
        return confusion.heat_map(table[order], labels, [names[c] for c in order], dark, show=show)

    return cache.cached_per_bundle(bundle, f"confusion {split} {show} dark {dark}", draw)
