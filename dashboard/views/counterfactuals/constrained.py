"""A counterfactual that may change the image only within a rectangle."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "Only pixels within the orange frame may change; all others keep the input's values exactly. "
    "The search moves the code in latent space, and the explained model sees the composite: "
    "the input outside the frame, the counterfactual within it. The smaller the frame, the more "
    "targets cannot be reached; what cannot be reached here says that the decision also rests on "
    "pixels outside."
)
FRAME = np.array([230, 120, 20], np.uint8)
SCALE = 6


class Rectangle(NamedTuple):
    """Rows and columns that may change, first and last included, from 0."""

    top: int
    bottom: int
    left: int
    right: int


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Let the visitor choose the rectangle, then show what was found within it."""
    if request.method == "nearest":
        st.caption(
            f"*{METHODS['nearest'][0]}* returns a whole image, so it cannot keep a part of the "
            "input. Choose another method above."
        )
        return
    height, width = bundle.spec.shape[-2:]
    where = _choose(height, width)
    found = loader.constrained(bundle, *request.searched, where)
    x, target = found.image, messages.literal(request.names[request.target])
    delta = change.coloured((found.counterfactual - x)[None], state.dark())
    pictures = np.concatenate([sprites.rgb(np.stack([x, found.counterfactual])), delta])
    reached = f"{request.names[request.target]} at {percent(found.probability)}"
    image_grid(
        np.stack([_framed(picture, where) for picture in pictures]),
        alt=["the input, framed where it may change", f"counterfactual, {reached}", "the change"],
        key="constrained",
        captions=["input", reached, f"change, {found.l1:.0f} px"],
        scale=1,
    )
    free = (where.bottom - where.top + 1) * (where.right - where.left + 1)
    held = f"{height * width - free} of {height * width} pixels were held fixed"
    if found.converged:
        st.markdown(f"{held}. **{target}** is reached at {percent(found.probability)}.")
    else:
        st.warning(
            f"{held}. No counterfactual for {target} was found: {found.reason}. What is shown is "
            "how far the search got. Widen the frame, or choose another target.",
            icon=":material/warning:",
        )
    about = request.about | where._asdict()
    sheet = sprites.sheet(np.stack([x, found.counterfactual]), columns=2, gap=1)
    download.picture(bundle, sheet, name="constrained", **about)


def _choose(height: int, width: int) -> Rectangle:
    """Draw the four sliders; crossed ends change places."""
    ends = {
        "First row": ("rows", 0, height), "Last row": ("rowe", height // 2, height),
        "First column": ("cols", 0, width), "Last column": ("cole", width - 1, width),
    }  # fmt: skip
    chosen = []
    with st.container(horizontal=True, gap="medium"):
        for label, (link, default, size) in ends.items():
            span = (0, size - 1, 1)
            chosen.append(
                st.slider(
                    label, 0, size - 1, width=150,
                    **state.bind(f"cf {label.lower()}", default, link=link, span=span),
                )
            )  # fmt: skip
    return Rectangle(*sorted(chosen[:2]), *sorted(chosen[2:]))


def _framed(picture: np.ndarray, where: Rectangle) -> np.ndarray:
    """Enlarge an RGB image (H, W, 3) and outline the rectangle."""
    large = picture.repeat(SCALE, 0).repeat(SCALE, 1)
    top, bottom = where.top * SCALE, (where.bottom + 1) * SCALE
    left, right = where.left * SCALE, (where.right + 1) * SCALE
    for edge in (
        (slice(top, bottom), slice(left, left + 1)),
        (slice(top, bottom), slice(right - 1, right)),
        (slice(top, top + 1), slice(left, right)),
        (slice(bottom - 1, bottom), slice(left, right)),
    ):
        large[edge] = FRAME
    return large
