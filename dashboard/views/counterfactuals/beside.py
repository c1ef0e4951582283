"""The selected image's counterfactual beside those of the pinned images."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals
from dashboard.ui import download, messages, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.ui.frame import layout
from dashboard.ui.notes import tags
from dashboard.views.counterfactuals.settings import Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

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
            rows.append(_one(bundle, request._replace(image_id=image_id)))
    about = request.about | {"pinned": " ".join(pinned)}
    table = pd.DataFrame([row for row in rows if row])
    download.table(bundle, table, name="counterfactuals beside", **about)


def _one(bundle: "Bundle", request: Request) -> dict[str, object]:
    """Show an image, its counterfactual and the change; return the numbers."""
    probs = counterfactuals.decided(bundle, request.image_id, request.output)
    source, target = int(probs.argmax()), request.target
    names, image_id = request.names, naming.display_name(request.image_id)
    st.markdown(f"**{naming.marked(request.image_id)}**")
    if source == target:
        st.caption(f"It is {messages.literal(names[target])} already ({percent(probs[target])}).")
        return {}
    found = counterfactuals.change(bundle, *request.searched)
    delta = found.counterfactual - found.image
    before = f"{names[source]} at {percent(found.before[source])}"
    after = f"{names[target]} at {percent(found.after[target])}"
    image_grid(
        np.concatenate(
            [
                sprites.rgb(np.stack([found.image, found.counterfactual])),
                change.coloured(delta[None], state.dark()),
            ]
        ),
        alt=[f"Input {image_id}, {before}", f"Counterfactual of {image_id}, {after}",
             f"Change of {image_id}, L1 {found.l1:.1f}"],
        key=f"beside {request.image_id}",
        captions=[before, after, f"L1 {found.l1:.1f}"],
        scale=3,
        columns=3,
    )  # fmt: skip
    if not found.converged:
        st.caption(f"The target was not reached: {found.reason}.")
    return {"id": image_id, "from": names[source], "to": names[target], "l1": found.l1,
            "probability": float(found.after[target]), "converged": found.converged}  # fmt: skip
