"""Comparison of latent and pixel ascent, which the first-order law does not distinguish."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import decoder_images, outputs
from dashboard.ui import download, messages
from dashboard.ui.components import image_grid
from dashboard.views.theory.manifold import loader
from xai_core.plots.probabilities import percent
from xai_core.plots.style import told_apart

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Ascent

TITLES = ("Latent ascent", "Pixel ascent")
STEPS: "dict[str, Ascent]" = {"Plain, λ times the gradient": "plain", "Adam's": "adam"}


@st.fragment
def show(bundle: "Bundle", image_id: str, names: list[str]) -> None:
    """Show the results of both ascents and their distances from the decoder's images."""
    if not outputs.deciding(bundle):
        st.caption("This bundle has no two classes, so there is no target for an ascent.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = st.selectbox(
            "Both towards",
            names,
            width=200,
            **state.bind("ascent target", names[-1], names, link="to"),
        )
        kind = st.segmented_control(
            "Steps of both ascents", list(STEPS), required=True,
            **state.bind("ascent steps", next(iter(STEPS)), list(STEPS), link="ascent"),
        )  # fmt: skip
    asked = (bundle, image_id, names.index(target), STEPS[kind])
    found = []
    for title, method in zip(TITLES, loader.METHODS, strict=True):  # the first film shows early
        found.append(loader.ascended(*asked, method))
        _film(bundle, title, found[-1], target)
    st.caption(
        "The latent film decodes codes along the ascent, from the reconstruction on; the pixel "
        "film shows images that the ascent passed through, from the image itself on."
    )
    _distances(bundle, found, loader.distances(*asked), image_id, target)


def _distances(
    bundle: "Bundle",
    found: list[loader.Ascended],
    distances: tuple[float, float],
    image_id: str,
    target: str,
) -> None:
    """Compare the distances of both ends from the decoder's images with those of real images."""
    usual = decoder_images.usual_distance(bundle)
    *texts, limit = told_apart(*distances, usual.limit, digits=1)
    rows = []
    for column, title, one, distance, text in zip(
        st.columns(2), TITLES, found, distances, texts, strict=True
    ):
        verdict = (
            "**near** what the decoder can draw"
            if distance <= usual.limit
            else "**off** what the decoder can draw"
        )
        column.markdown(
            f"**{title}**  \np({messages.literal(target)}) = {percent(one.probability)} after "
            f"{one.steps} steps  \n{text} ink from the decoder's images  \n{verdict}"
        )
        rows.append((title, one.probability, one.steps, distance))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"95 % of {usual.images:,} real {usual.split} images lie within {limit} ink "
            "of an image that the decoder can draw: that is the limit."
        )
        columns = ["ascent", "probability", "steps", "distance"]
        table = pd.DataFrame(rows, columns=columns)
        download.table(bundle, table, name="two ascents", image=image_id, target=target)


def _film(bundle: "Bundle", title: str, one: loader.Ascended, target: str) -> None:
    """Show the images along an ascent, with their probabilities of the target."""
    shown = [f"{percent(value)}" for value in one.frame_probs]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{title}**, from the image to the end; below: p({messages.literal(target)})"
        )
        download.animation(bundle, one.frames, name=f"film {title}", target=target)
    image_grid.image_grid(
        one.frames,
        alt=[f"{title}, image {i + 1} of {len(shown)}: {p}" for i, p in enumerate(shown)],
        key=f"film {title}",
        captions=shown,
        scale=3,
    )
