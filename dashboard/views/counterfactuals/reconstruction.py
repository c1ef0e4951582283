"""The reconstruction of the input, beside the input and its counterfactual."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals
from dashboard.ui import download, messages, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals.settings import Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "The reconstruction is what the model can draw of the input; *boundary search* keeps details "
    "that the decoder cannot reproduce, *latent ascent* loses them. A VAE only approximates the "
    "manifold of images, so where the reconstruction is poor, do not trust the counterfactual "
    "either. The error is input minus reconstruction: warm is ink that was lost, cold is ink "
    "that was added."
)


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show the reconstruction between input and counterfactual, and its error."""
    found = counterfactuals.change(bundle, *request.searched)
    error = found.image - found.reconstruction
    drawn = sprites.rgb(np.stack([found.image, found.reconstruction, found.counterfactual]))
    name = naming.display_name(request.image_id)
    image_grid(
        np.concatenate([drawn, change.coloured(error[None], state.dark())]),
        alt=[
            f"Input {name}",
            f"Reconstruction of {name}",
            "Counterfactual",
            f"Error of the reconstruction, {np.abs(error).sum():.1f} pixels' worth of ink",
        ],
        key="reconstructed",
        captions=["input", "reconstruction", "counterfactual", "error"],
        scale=5,
    )
    four = change.side_by_side(found.image, found.reconstruction, found.counterfactual)
    download.picture(bundle, four, name="reconstruction", **request.about)
    st.caption(
        f"The reconstruction differs from the input by {np.abs(error).sum():.1f} pixels' worth "
        f"of ink, the counterfactual by {found.l1:.1f}."
    )
