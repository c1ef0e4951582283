"""Buttons that select another image: by index, by latent distance, or hard to classify."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import bundles, cache, image_data
from dashboard.ui import messages
from xai_core.evaluation import exemplars

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

Step = tuple[str, str]
"""An id, and a sentence on how the image was found."""

AT_ONCE = 64
"""Number of neighbours searched at a time."""


def found_by() -> str:
    """Return how the selected image was found; "" for steps without a description."""
    found, how = state.setting("found by", ("", ""))
    return str(how) if found == state.selected_id() else ""


def buttons(bundle: "Bundle") -> None:
    """Draw the buttons."""
    labelled = bool((bundle.index["label"] >= 0).any())
    mistakes = (
        "the most confident mistake of the label and cluster most often confused; again for "
        "the next"
        if labelled
        else "these images have no labels to confuse"
    )
    with st.container(horizontal=True, gap="xxsmall", key="steps", width="content"):
        for label, icon, says, find in (
            ("Previous", "chevron_left", "the image before this one", lambda: _beside(bundle, -1)),
            ("Next", "chevron_right", "the image after this one", lambda: _beside(bundle, 1)),
            ("Random", "casino", "any image", lambda: _random(bundle)),
            ("Most similar", "join_inner", "the image with the nearest code; again for the next "
             "nearest", lambda: _nearest(bundle)),
            ("Least sure", "help", "the image with the lowest confidence; again for the next",
             lambda: _least_sure(bundle)),
            ("Common mistakes", "error", mistakes, lambda: _confused(bundle)),
        ):  # fmt: skip
            st.button(
                label, icon=f":material/{icon}:", help=f"{label}: {says}", key=f"step {label}",
                type="tertiary", wrap=False, on_click=_select, args=(find,),
                disabled=label == "Common mistakes" and not labelled,
            )  # fmt: skip


def _select(find: Callable[[], Step | None]) -> None:
    with messages.errors_as_text():
        found = find()
        if found is not None:
            state.put_setting("found by", found)
            state.select_image(found[0])


def _beside(bundle: "Bundle", by: int) -> Step:
    """Step through the index; a visitor's own image steps to the first or last row."""
    row = bundles.row_of(bundle, state.selected_id())
    start = row if row is not None else 0 if by < 0 else -1
    return _id(bundle, (start + by) % len(bundle.index)), ""


def _random(bundle: "Bundle") -> Step:
    return _id(bundle, random.randrange(len(bundle.index))), ""


def _nearest(bundle: "Bundle") -> Step | None:
    """Select the next nearest neighbour of the first image, until another image is selected."""
    here = state.selected_id()
    start, last, place = state.setting("outwards", ("", "", 0))
    if last != here or not image_data.is_known(bundle, start):
        start, place = here, 0
    within = AT_ONCE * (place // AT_ONCE + 1)
    ids, distances = image_data.neighbours(bundle, start, within)
    if place >= len(ids):
        return None
    state.put_setting("outwards", (start, ids[place], place + 1))
    name = "your image" if image_data.is_own(start) else f"`{start}`"
    nearest = "Nearest" if place == 0 else f"{_ordinal(place + 1)} nearest"
    return ids[place], f"{nearest} to {name}, {distances[place]:.2f} latent units away"


def _least_sure(bundle: "Bundle") -> Step:
    rows = cache.cached_per_bundle(
        bundle, "least sure", lambda: exemplars.least_sure(bundle.index)
    )
    place = _following("least sure", len(rows))
    return _id(bundle, rows[place]), f"{_ordinal(place + 1)} least sure of {len(rows):,} images"


def _confused(bundle: "Bundle") -> Step | None:
    named = bundle.cluster_labels
    found = cache.cached_per_bundle(
        bundle, "confused", lambda: exemplars.most_confused(bundle.index, named)
    )
    if not len(found.rows):
        return None
    place, classes = _following("confused", len(found.rows)), bundle.manifest.dataset.class_names
    label = messages.literal(classes[found.label])
    cluster = messages.literal(bundle.clusters.names[found.cluster])
    how = f"{place + 1} of {len(found.rows):,} with label {label} in cluster {cluster}"
    return _id(bundle, found.rows[place]), how


def _following(name: str, count: int) -> int:
    """Return the next position in a list, beginning with the first."""
    place = state.setting(f"next {name}", 0) % count
    state.put_setting(f"next {name}", place + 1)
    return int(place)


def _id(bundle: "Bundle", row: int | np.integer) -> str:
    return str(bundles.rows(bundle)[row])


def _ordinal(number: int) -> str:
    teen = 10 < number % 100 < 14
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
