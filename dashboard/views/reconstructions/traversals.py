"""The effect of each latent dimension on one image."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import generation
from dashboard.ui import download, naming
from dashboard.ui.components.labelled_sheet import labelled_sheet
from xai_core.plots import sprites
from xai_core.plots.image_sheet import Row
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

STEPS = 13
REACH = (0.5, 5.0, 0.5)
FIRST = 8
"""Dimensions shown at first."""


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show one row of decoded images per dimension, the most informative first."""
    nats = generation.carried_nats(bundle)
    order = [int(j) for j in np.argsort(-nats, kind="stable")]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        reach = st.slider(
            "Reach, in standard deviations of the prior", *REACH[:2], step=REACH[2], width=300,
            **state.bind("reach", 3.0, span=REACH, link="reach"),
        )  # fmt: skip
        every = len(order) > FIRST and st.toggle(
            f"All {len(order)} dimensions", **state.bind("all dimensions", False, link="all")
        )
        dims = tuple(order if every else order[:FIRST])
        images = generation.traversal(bundle, image_id, reach, STEPS, dims)
        sheet = sprites.sheet(images.reshape(-1, *images.shape[2:]), columns=STEPS, gap=1)
        about = {"image": image_id, "reach": reach, "dimensions": dims}
        download.picture(bundle, sheet, name="traversals", **about)
        offsets = np.linspace(-reach, reach, STEPS)
        rows = [
            Row(name=f"z{j}", values=row, kind="ink") for j, row in zip(dims, images, strict=True)
        ]
        download.for_print(bundle, rows, [signed(v, 1) for v in offsets], name="traversals",
                           title="Latent traversals, in standard deviations of the prior",
                           **about)  # fmt: skip
    labelled_sheet(
        images,
        rows=[(f"z{j}", f"{nats[j]:.2f} nats") for j in dims],
        columns=[signed(v, 1) for v in offsets],
        marked=STEPS // 2,
        axis="standard deviations of the prior added to the dimension; framed: the image itself",
        alt=f"{len(dims)} rows of {STEPS} images: {naming.display_name(image_id)}, one "
        "dimension moved per row",
    )
