"""The effect of each latent dimension on one image."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import generation
from dashboard.ui import naming
from dashboard.ui.components.labelled_sheet import labelled_sheet
from dashboard.views.reconstructions import films

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "The middle column is the selected image's reconstruction in every row. Dimensions are sorted "
    "by what they carry over all images, in nats: half the logarithm of 1 + variance of the "
    "posterior means / mean of the posterior variances. One near 0 is not used. The unit is one "
    "standard deviation of that dimension under the whole prior $p(z)$."
)
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
        images = generation.traversal(bundle, image_id, reach, films.STEPS, dims)
        films.downloads(bundle, images, [f"z{j}" for j in dims], name="traversals", reach=reach,
                        title="Latent traversals, in standard deviations of the prior",
                        image=image_id, dimensions=dims)  # fmt: skip
    labelled_sheet(
        images,
        rows=[(f"z{j}", f"{nats[j]:.2f} nats") for j in dims],
        columns=films.columns(reach),
        marked=films.STEPS // 2,
        axis="standard deviations of the prior added to the dimension; framed: the image itself",
        alt=f"{len(dims)} rows of {films.STEPS} images: {naming.display_name(image_id)}, one "
        "dimension moved per row",
    )
