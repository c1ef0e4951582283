"""One strategy of a class: its numbers, its flag, its images, and a tag for them."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services.jobs import runs
from dashboard.ui import image_strip
from dashboard.ui.notes import tags
from xai_core.bundle.cluster_names import letters
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.strategies.of_bundle import ClassStrategies
    from xai_core.evaluation.strategies.shortcuts import Confirmation

SHOWN = 12


def finding(found: "ClassStrategies", called: str) -> str:
    """State how many strategies there are, and whether one may be a shortcut."""
    groups, count = found.strategies.groups, len(found.rows)
    flagged = [letters(number) for number, group in enumerate(groups) if group.flagged]
    ways = "one way" if len(groups) == 1 else f"{len(groups)} ways"
    said = f"{count} images are decided as {called} in {ways}"
    if not flagged:
        return f"{said}; none rests on one place off the object."
    return f"{said}; possible shortcut: {', '.join(flagged)}."


def show(bundle: "Bundle", found: "ClassStrategies", ids: pd.Index, called: str) -> None:
    """Let the visitor choose a strategy; show its numbers and images, and tag them."""
    from xai_core.bundle.tags import tag_images

    groups = found.strategies.groups
    names = [letters(number) for number in range(len(groups))]
    first = next((letters(n) for n, group in enumerate(groups) if group.flagged), names[0])
    chosen = st.pills(
        "Strategy", names, required=True, **state.bind("heat strategy", first, names)
    )
    number = names.index(chosen)
    group = groups[number]
    own = [str(i) for i in ids[group.rows]]
    st.markdown(
        f"**{len(own)}** images, {percent(len(own) / len(ids))}. Their heatmaps agree with their "
        f"mean direction by a cosine of {group.consistency:.2f}; {percent(group.off_object)} of "
        f"the relevance lies off the object. {'**Possible shortcut.** ' if group.flagged else ''}"
        f"{group.reason} {_confirmed(found.confirmations[number])}"
    )
    image_strip.show(bundle, own[:SHOWN], key="strategy")
    with st.container(horizontal=True, vertical_alignment="center"):
        tag = f"{called}: strategy {letters(number)}"
        if runs.allowed():
            st.button(f"Tag these {len(own)} images", icon=":material/sell:", key="tag strategy",
                      on_click=tags.change, args=(tag_images, bundle, tag, own))  # fmt: skip
        st.page_link(PAGES["latent_map"], label="Tags on the map", icon=":material/scatter_plot:")


def _confirmed(found: "Confirmation | None") -> str:
    if found is None:
        return ""
    return (
        f"{'Confirmed' if found.confirmed else 'Not confirmed'}: this square alone, taken from "
        f"these images, makes {percent(found.added)} of other images this class (by chance "
        f"{percent(found.added_by_chance)}); without it, {percent(found.removed)} of these lose "
        "it."
    )
