"""Input, reconstruction and signed error of one image, large and with numbers."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots import pixel_map
from xai_core.plots.image_sheet import Row
from xai_core.plots.probabilities import percent, share

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SCALES = ("Same for all images", "Fitted to this image")


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show the three side by side, the error about 0 with a colour bar."""
    seen = image_data.inferred(bundle, image_id)
    x = image_data.images(bundle, [image_id])[0] / np.float32(255)
    error, dark, text = x - seen.reconstruction, state.dark(), naming.describe(bundle, image_id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scale = st.segmented_control(
            "Colours of the error",
            SCALES,
            required=True,
            **state.bind("error scale", SCALES[0], SCALES, link="error"),
        )
        about = {"image": image_id, "error": "input minus reconstruction, pixels in [0, 1]"}
        triple = np.concatenate([x, seen.reconstruction, (error + 1) / 2], -1)
        download.picture(bundle, triple, name="input reconstruction error", **about)
        limit = 1.0 if scale == SCALES[0] else pixel_map.error_limit(error)
        rows = [
            Row(name="input", values=x[None], kind="ink"),
            Row(name="reconstruction", values=seen.reconstruction[None], kind="ink"),
            Row(name="error", values=error[None], limit=limit),
        ]
        download.for_print(bundle, rows, [naming.display_name(image_id)], unit=pixel_map.ERROR,
                           title="Input, reconstruction and error",
                           name="input reconstruction error", **about)  # fmt: skip
    left, middle, right = st.container(key="large").columns(3, gap="medium")
    with left:
        st.markdown("**Input** $x$")
        drawing(pixel_map.ink_map(x), key="input", alt=f"Input image, {text}")
        st.caption(_cluster(bundle, seen.probs))
    with middle:
        st.markdown("**Reconstruction** $g(z)$")
        figure = pixel_map.ink_map(seen.reconstruction)
        drawing(figure, key="reconstruction", alt=f"Reconstruction of {text}")
        st.caption(_cluster(bundle, seen.probs_of_reconstruction))
    with right:
        st.markdown("**Error** $x - g(z)$")
        figure = pixel_map.signed_map(error, dark, limit=limit)
        drawing(figure, key="error", alt=f"Input minus reconstruction: {_words(error)}")
        most = np.abs(error).max()
        st.caption(f"Warm: ink that is lost. Cold: ink that is added. Largest error: {most:.2f}.")


def finding(bundle: "Bundle", image_id: str) -> str:
    """Say in how many numbers the model keeps how much of an image's ink, as Markdown."""
    seen, ink = image_data.inferred(bundle, image_id), image_data.images(bundle, [image_id])[0]
    x = ink / np.float32(255)
    error = x - seen.reconstruction
    numbers, whole = bundle.model.config.latent_dim, float(x.sum())
    if not whole:
        return f"{naming.marked(image_id)} has no ink, and {numbers} numbers redraw it"
    kept, made = 1 - error[error > 0].sum() / whole, -error[error < 0].sum() / whole
    before, after = (int(p.argmax()) for p in (seen.probs, seen.probs_of_reconstruction))
    name = messages.literal(naming.cluster_names(bundle)[after])
    stays = "" if before == after else f"; what it draws falls into {name}"
    return (
        f"From {numbers} numbers, the model redraws **{share(kept)}** of the ink of "
        f"{naming.marked(image_id)} and adds {share(made)} where there was none{stays}"
    )


def _cluster(bundle: "Bundle", probs: np.ndarray) -> str:
    best = int(probs.argmax())
    return messages.literal(f"{naming.cluster_names(bundle)[best]} at {percent(probs[best])}")


def _words(error: np.ndarray) -> str:
    lost, made = error[error > 0].sum(), -error[error < 0].sum()
    return f"{lost:.1f} are lost and {made:.1f} are added"
