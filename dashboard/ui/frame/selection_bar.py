"""The bar at the top of every page: selected image, steps to others, tags, explained model."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import explained, health
from dashboard.ui.components import image_grid
from dashboard.ui.frame import image_steps
from dashboard.ui.messages import literal
from dashboard.ui.naming import cluster_names, describe, label_name, marked
from dashboard.ui.notes import tags
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

PICTURE = 44
"""Side of the selected image in screen pixels."""


def show(bundle: "Bundle") -> None:
    """Draw the bar."""
    image_id = state.selected_id()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="selection"):
        image_grid.picture(
            image_data.images(bundle, [image_id])[0],
            alt=describe(bundle, image_id),
            key="selected",
            width=PICTURE,
        )
        st.markdown(_facts(bundle, image_id), width="content")
        image_steps.buttons(bundle)
        tags.of_image(bundle, image_id)
        explained.chip(bundle)
    if (
        image_data.is_own(image_id)
        and not health.problems(bundle, "images")
        and image_data.typicality(bundle, image_id).unlike
    ):
        st.caption(":orange[:material/warning: Out of distribution: do not trust the answers.]")
    if how := image_steps.found_by():
        st.caption(how)


def _facts(bundle: "Bundle", image_id: str) -> str:
    found = image_data.facts(bundle, image_id)
    cluster, label = int(found["cluster"]), int(found["label"])
    true = f", label **{literal(label_name(bundle, label))}**" if label >= 0 else ""
    return (
        f"{marked(image_id)} in **{literal(cluster_names(bundle)[cluster])}**  \n"
        f"{percent(float(found['confidence']))} sure{true}"
    )
