"""Where an image may change: a rectangle, or what a line on the image encloses."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import frontend
from xai_core.plots import sprites
from xai_core.plots.latent_map.points import inside

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

KEY = "counterfactual region"
KINDS = ("Rectangle", "Line")
SIDE = 280
"""Width on the screen of the image that a line is drawn on, at most."""
_canvas = frontend.component(__file__, "region", html='<canvas role="img"></canvas>\n')


def choose(bundle: "Bundle", image_id: str) -> NDArray[np.bool_]:
    """Let the visitor choose; returns the pixels that may change, (height, width)."""
    kind = st.segmented_control(
        "What may change",
        KINDS,
        required=True,
        **state.bind("cf region", KINDS[0], KINDS, link="region"),
    )
    height, width = bundle.spec.shape[-2:]
    return _rectangle(height, width) if kind == KINDS[0] else _line(bundle, image_id)


def _rectangle(height: int, width: int) -> NDArray[np.bool_]:
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
    (top, bottom), (left, right) = sorted(chosen[:2]), sorted(chosen[2:])
    allowed = np.zeros((height, width), bool)
    allowed[top : bottom + 1, left : right + 1] = True
    return allowed


def _line(bundle: "Bundle", image_id: str) -> NDArray[np.bool_]:
    """Draw the image, and mark the pixels whose centres the line on it encloses."""
    height, width = bundle.spec.shape[-2:]
    corners = state.region()
    pixels = sprites.rgb(image_data.images(bundle, [image_id]))[0]
    data = {
        "png": sprites.data_url(sprites.png(pixels)),
        "size": [height, width],
        "scale": max(1, SIDE // max(height, width)),
        "corners": corners or [],
        "label": "The input. Draw a line around the pixels that may change; with the keyboard, "
        "choose Rectangle above.",
    }
    _canvas(
        key=KEY,
        data=data,
        on_corners_change=state.from_component(KEY, "corners", state.set_region),
    )
    centres = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + 0.5
    if corners is None:
        return np.zeros((height, width), bool)
    return inside(np.array(corners), centres.reshape(-1, 2)).reshape(height, width)
