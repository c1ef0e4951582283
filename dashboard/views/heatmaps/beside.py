"""The selected image's heatmap beside those of the pinned images."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import attributions, image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.ui.frame import layout
from dashboard.ui.notes import tags
from dashboard.views.heatmaps.settings import Request
from xai_core.plots import image_sheet, pixel_map, sprites, theme
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

CLIP = 0.99
"""Quantile of the absolute values at which the colours end."""
HOW_TO_READ = (
    "The same method with the same settings on each image, all on one colour scale, which ends "
    "at the 99th percentile. Without a class chosen above, each map is for the image's own "
    "predicted class. Pin images in the bar above; the last two that were pinned are shown."
)


class Asked(NamedTuple):
    """The method and its settings; `target` is None for the predicted class."""

    method: str
    target: int | None
    baseline: str | None
    controls: attributions.Controls


def show(bundle: "Bundle", request: Request, image_id: str, asked: Asked) -> None:
    """Show the maps side by side; nothing where no other image is pinned."""
    pinned = tags.beside(bundle, image_id)
    if not pinned:
        return
    title = attributions.title(asked.method)
    layout.section("Beside the pinned images", f"{title} on each.", HOW_TO_READ)
    ids = [image_id, *pinned]
    found = [
        attributions.maps(
            bundle, (one,), asked.method, request.output, asked.target, asked.baseline,
            asked.controls,
        )
        for one in ids
    ]  # fmt: skip
    values = np.concatenate([one.values for one in found])
    limit = image_sheet.shared_limit([values], CLIP)
    targets = [int(one.targets[0]) for one in found]
    for k, box in enumerate(st.columns(len(ids), gap="medium")):
        with box:
            _map(bundle, request, asked.method, ids[k], values[k], targets[k], limit)
    pixels = theme.colourise(values, theme.diverging(state.dark()), limit)
    sheet = sprites.sheet(pixels, columns=len(ids), gap=2, fill=255)
    download.picture(bundle, sheet, name="maps beside", image=image_id, pinned=" ".join(pinned),
                     method=asked.method, explained=request.output, limit=limit)  # fmt: skip


def _map(
    bundle: "Bundle",
    request: Request,
    method: str,
    image_id: str,
    values: np.ndarray,
    target: int,
    limit: float,
) -> None:
    what = request.names[target] if request.names else request.words
    total = signed(float(values.sum()), 2)
    st.markdown(
        f"**{naming.marked(image_id)}**, for {messages.literal(what)}: the map sums to {total}"
    )
    ink = sprites.levels(image_data.images(bundle, [image_id]) / np.float32(255))[0]
    unit, dark = request.unit(method), state.dark()
    figure = (
        pixel_map.mask_map(values, ink, dark, limit=limit, words=unit)
        if attributions.card(method).kind == "mask"
        else pixel_map.signed_map(values, dark, under=ink, limit=limit, words=unit)
    )
    words = f"{attributions.title(method)} of {naming.describe(bundle, image_id)}, sum {total}"
    drawing(figure, key=f"heat-beside-{image_id}", alt=words)
