"""The selected image's heatmap beside those of the pinned images."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import attributions
from dashboard.ui import download, naming
from dashboard.ui.frame import layout
from dashboard.ui.notes import tags
from dashboard.ui.side_by_side.heatmap import CLIP, one_heatmap
from dashboard.views.heatmaps.settings import Request
from xai_core.plots import image_sheet, sprites, theme

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

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
    for k, box in enumerate(st.columns(len(ids), gap="medium")):
        target = int(found[k].targets[0])
        with box:
            one_heatmap(
                bundle, ids[k], values[k], title=naming.marked(ids[k]),
                what=request.names[target] if request.names else request.words,
                method=asked.method, unit=request.unit(asked.method), limit=limit,
            )  # fmt: skip
    pixels = theme.colourise(values, theme.diverging(state.dark()), limit)
    sheet = sprites.sheet(pixels, columns=len(ids), gap=2, fill=255)
    download.picture(bundle, sheet, name="maps beside", image=image_id, pinned=" ".join(pinned),
                     method=asked.method, explained=request.output, limit=limit)  # fmt: skip
