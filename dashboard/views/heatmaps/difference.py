"""Test whether the heatmaps of train and test images differ by more than chance."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.ui import download, health, messages
from dashboard.ui.components.drawing import drawing
from dashboard.views.heatmaps import loader
from dashboard.views.heatmaps.settings import Request
from xai_core.plots import image_sheet
from xai_core.plots.image_sheet import Row

if TYPE_CHECKING:
    from xai_core.attribution.group_means import SetDifference
    from xai_core.bundle.reading import Bundle

EACH = (50, 200, 500)
SETS = ("train against test", "two halves of train")
EQUIVALENT = 0.2
"""Difference, as a share of the mean map's length, below which both are explained alike."""


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Test the difference for one method, and draw where the means differ."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        method = request.choose_method("heat diff method", link="diffof")
        bound = state.bind("heat diff each", EACH[0], EACH, link="diffn")
        each = st.selectbox("Images per set", EACH, width=130, **bound)
        sets = st.segmented_control(
            "Compare", SETS, required=True,
            help="Two halves of one set do not differ, so the test should find nothing.",
            **state.bind("heat diff sets", SETS[0], SETS, link="diffsets"),
        )  # fmt: skip
    found = loader.compared(bundle, method, request.output, each, sets == SETS[1])
    if found is None:
        st.caption("This model has images in one set only, so there is nothing to compare.")
        return
    works = not health.problems(bundle, *health.needs(bundle, request.output))
    reading = _reading(found, new_images=works and sets == SETS[0])
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        limit = image_sheet.shared_limit([found.difference.numpy()], 1.0)
        row = Row(name="", values=found.difference.numpy()[None], limit=limit)
        sheet = image_sheet.compose([row], [""], state.dark())
        figure = image_sheet.drawing(
            sheet, state.dark(), unit="first mean minus second", width=340
        )
        drawing(figure, key="heat-difference", alt=f"Difference of the mean maps. {reading}")
    with right:
        st.markdown(f"**{reading}**")
        st.markdown(_numbers(found))
        download.picture(bundle, sheet.pixels, name="difference", explained=request.output,
                         method=method, sets=sets, limit=limit)  # fmt: skip
        download.for_print(
            bundle, [row], [""], name="difference", unit="first mean minus second",
            title=f"Difference of the mean maps: {sets}", explained=request.output,
            method=method, sets=sets,
        )  # fmt: skip


def _reading(found: "SetDifference", *, new_images: bool) -> str:
    """State the test's result; say what it means for new images where that was tested.

    Args:
        found: The result.
        new_images: Whether one set is new to the model, and the model works.
    """
    if not found.differs:
        carries = (
            " The explanation holds for new images too."
            if found.high < EQUIVALENT
            else " That is too wide to tell whether the explanation holds for new images; more "
            "images per set narrow it."
        )
        return (
            "No difference beyond chance was found. With 95 % confidence it is at most "
            f"{100 * found.high:.0f} % of the mean map's length.{carries if new_images else ''}"
        )
    count = int(found.pixels.sum())
    where = f"{count} pixels stand out" if count else "no single pixel stands out"
    return f"The mean maps of the two sets differ by more than chance gives; {where}."


def _numbers(found: "SetDifference") -> str:
    share = np.array([found.distance, found.low, found.high, found.chance]) * 100
    return (
        f"The mean maps lie **{share[0]:.1f} %** of the mean map's length apart, 95 % interval "
        f"{share[1]:.1f} to {share[2]:.1f} %. Shuffling the same images between the sets gives up "
        f"to {share[3]:.1f} % in 95 of 100 tries; p = {found.p_value:.3f} by permutation."
    )
