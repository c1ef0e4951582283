"""A static chart as an image, with its table and a button that saves it."""

import base64
from html import escape

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.ui import frontend, naming
from xai_core.plots import export
from xai_core.plots.drawing import Drawing

LARGEST, SMALLEST = 1.1, 0.7
"""Range of the scale at which a drawing is shown; below it, its box scrolls."""
BELOW = 26
"""Height of the line below a drawing, in screen pixels."""

_drawing = frontend.component(__file__, "drawing", html="<figure></figure>\n")


def drawing(drawn: Drawing, *, key: str, alt: str, **about: object) -> None:
    """Show a chart at which nobody zooms or selects; a file saved from it has its provenance.

    An empty space keeps its place until the browser has the component; both lie in one cell.

    Args:
        drawn: The chart.
        key: Unique on the page; part of the name of a saved file.
        alt: A description for screen readers.
        about: Further provenance besides bundle, image and version, such as settings.
    """
    image = {"image": state.selected_id()} if state.selected_id() else {}
    known = state.setting("about", {}) | {"what": key} | image | about
    origin = "; ".join(f"{name}: {value}" for name, value in known.items())
    parts = (state.bundle_name(), key, naming.display_name(state.selected_id()))
    data: dict[str, object] = {
        "svg": drawn.svg,
        "origin": f"<desc>{escape(origin)}</desc>",
        "columns": drawn.columns,
        "rows": drawn.rows,
        "alt": alt,
        "file": export.file_name(*filter(None, parts), suffix="svg"),
        "width": [SMALLEST * drawn.size[0], LARGEST * drawn.size[0]],
    }
    if drawn.values is not None:
        numbers = np.ascontiguousarray(drawn.values.numbers, "<f4")
        data["values"] = {
            "numbers": base64.b64encode(numbers.tobytes()).decode(),
            "columns": numbers.shape[1],
            "box": [float(side) for side in drawn.values.box],
        }
    with st.container(key=f"place-of-{key}"):
        st.space(drawn.size[1] + BELOW)
        _drawing(key=key, data=data)
