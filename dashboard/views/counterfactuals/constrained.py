"""A counterfactual that may change only a part of the image."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui import download, messages
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader, region
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "Only pixels within the orange line may change; all others keep the input's values exactly. "
    "The search moves the code in latent space, and the explained model sees the composite: "
    "the input outside the line, the counterfactual within it. The smaller the part, the more "
    "targets cannot be reached; what cannot be reached here says that the decision also rests on "
    "pixels outside."
)
FRAME = np.array([230, 120, 20], np.uint8)
SCALE = 6


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Let the visitor choose the part, then show what was found within it."""
    if request.method == "nearest":
        st.caption(
            f"*{METHODS['nearest'][0]}* returns a whole image, so it cannot keep a part of the "
            "input. Choose another method above."
        )
        return
    allowed = region.choose(bundle, request.image_id)
    if not allowed.any():
        st.caption("Draw a line on the image, around the pixels that may change.")
        return
    found = loader.constrained(bundle, *request.searched, allowed)
    x, target = found.image, messages.literal(request.names[request.target])
    delta = change.coloured((found.counterfactual - x)[None], state.dark())
    pictures = np.concatenate([sprites.rgb(np.stack([x, found.counterfactual])), delta])
    reached = f"{request.names[request.target]} at {percent(found.probability)}"
    image_grid(
        np.stack([_framed(picture, allowed) for picture in pictures]),
        alt=["the input, framed where it may change", f"counterfactual, {reached}", "the change"],
        key="constrained",
        captions=["input", reached, f"change, {found.l1:.0f} px"],
        scale=1,
    )
    held = f"{(~allowed).sum()} of {allowed.size} pixels were held fixed"
    if found.converged:
        st.markdown(f"{held}. **{target}** is reached at {percent(found.probability)}.")
    else:
        st.warning(
            f"{held}. No counterfactual for {target} was found: {found.reason}. What is shown is "
            "how far the search got. Let more pixels change, or choose another target.",
            icon=":material/warning:",
        )
    about = request.about | {"pixels_free": int(allowed.sum())}
    sheet = sprites.sheet(np.stack([x, found.counterfactual]), columns=2, gap=1)
    download.picture(bundle, sheet, name="constrained", **about)


def _framed(picture: NDArray[np.uint8], allowed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Enlarge an RGB image (H, W, 3) and outline the pixels that may change."""
    large = picture.repeat(SCALE, 0).repeat(SCALE, 1)
    free = np.pad(allowed.repeat(SCALE, 0).repeat(SCALE, 1), 1)
    within = free[:-2, 1:-1] & free[2:, 1:-1] & free[1:-1, :-2] & free[1:-1, 2:]
    large[free[1:-1, 1:-1] & ~within] = FRAME
    return large
