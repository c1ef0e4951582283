"""The classes that a model cannot exclude for an image."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import image_data, outputs, prediction_sets
from dashboard.services.prediction_sets import LEVELS
from dashboard.ui import explained, messages, naming
from dashboard.ui.frame import layout
from xai_core.plots.probabilities import share

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "The *prediction set* holds each class that is not excluded: a class is excluded if too few "
    "of its own test images are given as little probability as this image. **At 95 %, the set "
    "contains the label of 95 of 100 images like the test images**, within each class too, "
    "however good or bad the model is. Two classes show that the model hesitates; an empty set "
    "shows that the image would be among the least typical of any class. Clusters stand for the "
    "labels that they are named after. Labels serve this comparison alone, and no test image was "
    "used in training."
)


def show(bundle: "Bundle", image_id: str) -> None:
    """Show which classes the explained model cannot exclude, at a level to choose."""
    output = explained.chosen(bundle)
    if not output:
        return
    title = "Which classes cannot be excluded?"
    if problem := prediction_sets.obstacle(bundle, output):
        layout.section(title, messages.plain_message(problem), HOW_TO_READ)
        return
    level = float(state.keep("level", LEVELS[1], LEVELS, link="level"))
    answer = explained.prediction_set(bundle, output, image_id, level)
    at = f"{100 * level:.0f} %"
    who = outputs.classes(bundle, output).who
    layout.section(
        messages.literal(f"{answer[:1].upper()}{answer[1:]}, at {at}"),
        f"The classes that {who} cannot exclude, by comparison with the test images.",
        HOW_TO_READ,
    )
    st.segmented_control(
        "At which level?", LEVELS, required=True, width="content",
        format_func=lambda one: f"{100 * one:.0f} %",
        **state.bind("level", LEVELS[1], LEVELS, link="level"),
    )  # fmt: skip
    for other in explained.choices(bundle):
        if other != output and not prediction_sets.obstacle(bundle, other):
            words = messages.literal(explained.prediction_set(bundle, other, image_id, level))
            st.markdown(f"{outputs.classes(bundle, other).who.capitalize()}: **{words}**")
    for sentence in _limits(bundle, output, image_id, level):
        st.markdown(sentence)
    st.caption(_measured(bundle, output, level))


def prepare(bundle: "Bundle") -> None:
    """Calibrate the models in advance."""
    for output in explained.choices(bundle):
        if not prediction_sets.obstacle(bundle, output):
            prediction_sets.held_out(bundle, output)


def _limits(bundle: "Bundle", output: str, image_id: str, level: float) -> list[str]:
    """Return what an empty set means, and why the level may not hold for this image."""
    found, at = [], f"{100 * level:.0f} %"
    p_values = prediction_sets.p_values(bundle, output, image_id)
    if not prediction_sets.members(p_values, level):
        best = messages.literal(naming.label_name(bundle, int(p_values.argmax())))
        found.append(
            f"The nearest class is **{best}**: only {share(p_values.max())} of its test images "
            "are given as little probability as this image."
        )
    if short := prediction_sets.held_out(bundle, output).calibration.uncalibrated(level):
        names = ", ".join(messages.literal(naming.label_name(bundle, c)) for c in short)
        needed = prediction_sets.images_needed(level)
        found.append(
            f"There are too few test images to exclude {names} at {at}, so each set holds "
            f"{'it' if len(short) == 1 else 'them'}. A class needs {needed} labelled test images."
        )
    if image_data.is_own(image_id):
        if image_data.typicality(bundle, image_id).unlike:
            found.append(f"**This image is out of distribution, so {at} does not hold for it.**")
    elif image_data.facts(bundle, image_id)["split"] == "train":
        found.append(f"The model was trained on this image, so {at} does not hold for it.")
    return found


def _measured(bundle: "Bundle", output: str, level: float) -> str:
    """Return how often the sets of test images are right, and how large they are."""
    known = prediction_sets.held_out(bundle, output)
    found, count = known.coverage(level), int((known.labels >= 0).sum())
    worst = int(np.nanargmin(found.by_class))
    return (
        f"Measured on {count:,} test images, each half calibrated by the other: "
        f"**{share(found.overall)}** of the sets contain the label "
        f"({share(found.by_class[worst])} in the worst class, "
        f"{messages.literal(naming.label_name(bundle, worst))}), with {found.mean_size:.2f} "
        f"classes on average; {share(found.empty)} are empty."
    )
