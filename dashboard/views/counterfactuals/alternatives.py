"""Several different counterfactuals of one image for one target."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals
from dashboard.ui import download, messages
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import Question
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "There is never just one answer. Each search begins at the mean of a few real codes of the "
    "target class, spread over the class, and ends in the part where it began. What all of them "
    "change is needed; what only some change is a choice."
)


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", asked: Question) -> None:
    """Show counterfactuals that differ, each with its change beside it."""
    target = messages.literal(asked.names[asked.target])
    with st.container(horizontal=True, vertical_alignment="center"):
        seed = state.keep("cf alternatives seed", 0, span=state.SEEDS, link="starts")
        st.button(
            "Other starts", icon=":material/casino:",
            on_click=state.put_setting, args=("cf alternatives seed", seed + 1),
        )  # fmt: skip
        found = loader.alternatives(bundle, asked.image_id, asked.of, asked.target, seed)
        if found is not None and len(found.l1):
            about = asked.about | {"method": "default", "seed": seed}
            sheet = sprites.sheet(found.counterfactuals, columns=len(found.l1), gap=1)
            download.picture(bundle, sheet, name="alternatives", **about)
    if found is None:
        messages.note(f"No train image is taken for {target}, so there is nowhere to start from.")
        return
    if len(found.l1):
        _pictures(bundle, asked, found)
    st.caption(
        f"{found.searched} starts in {1000 * found.seconds:.0f} ms, {found.converged} of them got "
        f"there. Shown are {len(found.l1)} that differ from each other by at least half of the "
        "ink that they change."
    )


def _pictures(bundle: "Bundle", asked: Question, found: loader.Alternatives) -> None:
    x = counterfactuals.change(bundle, *asked[:4]).image
    image_grid(
        change.with_change(found.counterfactuals, found.counterfactuals - x, state.dark()),
        alt=[f"counterfactual and change, {l1:.0f} pixels' worth of ink" for l1 in found.l1],
        key="alternatives",
        captions=[
            f"{l1:.0f} px, {percent(p[asked.target])}"
            for l1, p in zip(found.l1, found.probs, strict=True)
        ],
        scale=3,
    )
