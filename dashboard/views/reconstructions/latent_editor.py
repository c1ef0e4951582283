"""Move single latent dimensions of one image and decode the result."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import generation, image_data
from dashboard.ui import download, naming
from dashboard.ui.components import image_grid
from dashboard.ui.components.drawing import drawing
from xai_core.plots import probabilities

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "Each slider adds standard deviations of the prior to one latent dimension of the selected "
    "image, the strongest first. Far from 0 the code lies where few training images are, and "
    "decoded images may stop looking like the data."
)
FIRST = 8
SHIFTS = (-4.0, 4.0, 0.1)


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show one slider per dimension, the decoded image, and its q(c|x)."""
    dims = generation.carried_nats(bundle).argsort(kind="stable")[::-1].tolist()
    sliders, images, bars = st.columns([5, 3, 4], gap="large")
    with sliders:
        shifts = _sliders(image_id, dims)
    made = generation.edited(bundle, image_id, shifts)
    seen, names = image_data.inferred(bundle, image_id), naming.cluster_names(bundle)
    probs, best = made.probs[0], int(made.probs[0].argmax())
    with images:
        st.markdown("**Edited** $g(z')$")
        image_grid.picture(made.images[0], alt=_words(names[best], probs[best]), key="edited")
        change = made.images[0] - seen.reconstruction
        ink, (height, width) = np.abs(change).sum(), change.shape[-2:]
        st.caption(f"Changed: {ink:.1f} of {height * width} pixels' worth of ink")
        about = {"image": image_id, "shifts": shifts, "unit": "standard deviations of the prior"}
        download.picture(bundle, made.images[0], name="edited image", **about)
    with bars:
        st.markdown("**Cluster** $q(c|g(z'))$; a line marks the value before the edit")
        before = generation.edited(bundle, image_id, (0.0,) * len(dims)).probs[0]
        figure = probabilities.bar_chart(
            probs, names, order=naming.cluster_order(bundle), before=before,
            symbol="q(c|g(z'))",
        )  # fmt: skip
        drawing(figure, key="edited clusters", alt=_words(names[best], probs[best]))


def _sliders(image_id: str, dims: list[int]) -> tuple[float, ...]:
    """Draw one slider per dimension; the settings are kept for each image."""
    keys = {j: f"edit {image_id} z{j}" for j in dims}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Reset", icon=":material/restart_alt:", on_click=_reset, args=(list(keys.values()),)
        )
        every = len(dims) > FIRST and st.toggle(
            f"All {len(dims)}", **state.bind("edit all dimensions", False, link="editall")
        )
    shown = dims if every else dims[:FIRST]
    columns = st.columns(2)
    for at, j in enumerate(shown):
        with columns[at % 2]:
            st.slider(
                f"z{j}", *SHIFTS[:2], step=SHIFTS[2], format="%+.1f",
                **state.bind(keys[j], 0.0, span=SHIFTS, link=f"z{j}"),
            )  # fmt: skip
    return tuple(
        float(state.keep(keys[j], 0.0, span=SHIFTS, link=f"z{j}")) for j in range(len(dims))
    )


def _reset(names: list[str]) -> None:
    for name in names:
        state.put_setting(name, 0.0)


def _words(name: str, prob: float) -> str:
    return f"Edited image, taken for cluster {name} at {probabilities.percent(prob)}"
