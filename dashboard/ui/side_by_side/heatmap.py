"""One image's heatmap, to stand beside others."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import attributions, image_data
from dashboard.ui import messages, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots import pixel_map, sprites
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.explained_output import ExplainedOutput
    from xai_core.bundle.reading import Bundle

CLIP = 0.99
"""Quantile of the absolute values at which the colours of maps side by side end."""


def unit(output: "ExplainedOutput", method: str) -> str:
    """Return the unit of a method's numbers."""
    card = attributions.card(method)
    if card.kind in ("mask", "baseline"):
        return "weight of the pixel"
    if card.contribution:
        return f"share of the output, {output.unit}"
    return f"slope, {output.unit} per unit of ink"


def one_heatmap(
    bundle: "Bundle",
    image_id: str,
    values: np.ndarray,
    *,
    title: str,
    what: str,
    method: str,
    unit: str,
    limit: float,
) -> None:
    """Draw a map under a line that names it.

    Args:
        bundle: The model that is explained.
        image_id: The image.
        values: Its map, (height, width).
        title: Names the map among those beside it, as Markdown.
        what: The class or output that is explained.
        method: The attribution method.
        unit: Unit of the values.
        limit: Absolute value at which the colours end.
    """
    total, dark = signed(float(values.sum()), 2), state.dark()
    st.markdown(f"**{title}**, for {messages.literal(what)}: the map sums to {total}")
    ink = sprites.levels(image_data.images(bundle, [image_id]) / np.float32(255))[0]
    figure = (
        pixel_map.mask_map(values, ink, dark, limit=limit, words=unit)
        if attributions.card(method).kind == "mask"
        else pixel_map.signed_map(values, dark, under=ink, limit=limit, words=unit)
    )
    words = f"{attributions.title(method)} of {naming.describe(bundle, image_id)}, sum {total}"
    drawing(figure, key=f"heat-beside-{bundle.name}-{image_id}", alt=words)
