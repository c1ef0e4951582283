"""The report of the selected image, as one file."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import reports
from dashboard.ui import download, explained, naming
from xai_core.report import html

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOLDS = (
    "Its reconstruction and error, the bound term by term, clusters and classes, its place on "
    "the map, the methods' heatmaps with their scores, a counterfactual for each target, "
    "settings, versions, and `xai` commands that repeat the computations. One HTML file that "
    "opens offline, in light and dark, and prints."
)


def show(bundle: "Bundle") -> None:
    """Offer the report of the selected image, made when the button is pressed."""
    image_id, output = state.selected_id(), explained.chosen(bundle) or None
    download.page(
        bundle,
        lambda: html.html(bundle, reports.image_report(bundle, image_id, output)),
        name="report",
        label=f"Report of {naming.display_name(image_id)}",
        image=image_id,
    )
    st.caption(HOLDS)
