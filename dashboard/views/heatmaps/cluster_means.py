"""The mean heatmap of each cluster, and the spread of its images around it."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import attributions
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.views.heatmaps import loader
from dashboard.views.heatmaps.settings import Request
from xai_core.plots import image_sheet
from xai_core.plots.image_sheet import Row

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPLITS, EACH = ("test", "train"), 20


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Draw mean input, mean heatmap and spread of every cluster."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        method = request.choose_method("heat mean method", link="meanof")
        split = st.segmented_control(
            "Images", SPLITS, required=True,
            **state.bind("heat mean split", SPLITS[0], SPLITS, link="meanin"),
        )  # fmt: skip
        place = st.container(horizontal=True)
    found = loader.cluster_means(bundle, method, request.output, split, EACH)
    limit = image_sheet.shared_limit([found.mean, found.spread], 0.999)
    names, order = naming.cluster_names(bundle), naming.cluster_order(bundle)
    rows = [
        Row(name="mean input", values=found.ink[order], kind="ink"),
        Row(name="mean heatmap", values=found.mean[order], limit=limit),
        Row(name="spread", values=found.spread[order], limit=limit),
    ]
    columns = [names[c] for c in order]
    sheet = image_sheet.compose(rows, columns, state.dark())
    with place:
        download.picture(bundle, sheet.pixels, name="mean heatmaps", explained=request.output,
                         method=method, split=split)  # fmt: skip
        download.for_print(
            bundle, rows, columns, name="mean heatmaps", unit=request.unit(method),
            title=f"Mean heatmap of each cluster ({attributions.title(method)}), {split} images",
            explained=request.output, method=method, split=split,
        )  # fmt: skip
    figure = image_sheet.drawing(sheet, state.dark(), unit=request.unit(method))
    drawing(figure, key="heat-means", alt="Mean input, mean heatmap and spread of every cluster")
    counts = sorted(set(found.counts))
    each = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    st.caption(f"{each} {split} images per cluster, drawn at random.")
