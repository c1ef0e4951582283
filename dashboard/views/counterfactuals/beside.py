"""The selected image's counterfactual beside those of the pinned images."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.ui import download, messages, naming
from dashboard.ui.frame import layout
from dashboard.ui.notes import tags
from dashboard.ui.side_by_side.change import one_change
from dashboard.views.counterfactuals.settings import Request

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "The same search, by the same method and for the same class, from each image. Pin images in "
    "the bar above; the last two that were pinned are shown. L1 is the ink changed, summed over "
    "pixels."
)


def show(bundle: "Bundle", request: Request) -> None:
    """Show the results side by side; nothing where no other image is pinned."""
    pinned = tags.beside(bundle, request.image_id)
    if not pinned:
        return
    target = messages.literal(request.names[request.target])
    layout.section(f"Beside the pinned images, into {target}", "", HOW_TO_READ)
    rows = []
    boxes = st.columns(1 + len(pinned), gap="medium")
    for box, image_id in zip(boxes, (request.image_id, *pinned), strict=True):
        with box, messages.errors_as_text():
            rows.append(
                one_change(
                    bundle,
                    *request._replace(image_id=image_id).searched,
                    title=naming.marked(image_id),
                )
            )
    about = request.about | {"pinned": " ".join(pinned)}
    table = pd.DataFrame([row for row in rows if row])
    download.table(bundle, table, name="counterfactuals beside", **about)
