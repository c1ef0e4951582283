"""Several different counterfactuals of one image for one target."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals
from dashboard.ui import download, messages
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "One question has many answers, and no search is sure to find the smallest. Each search "
    "starts at the mean of a few real codes of the target class, spread over the class, and ends "
    "near its start. *Boundary search* and *latent ascent* start at the image itself. Compare "
    "what all of these counterfactuals change with what only some change."
)


class Candidate(NamedTuple):
    """One counterfactual that was found through latent space, and how."""

    how: str
    image: counterfactuals.Floats
    probability: float
    l1: float


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show counterfactuals that differ, each with its change beside it, the smallest first."""
    target = messages.literal(request.names[request.target])
    with st.container(horizontal=True, vertical_alignment="center"):
        seed = state.keep("cf alternatives seed", 0, span=state.SEEDS, link="starts")
        st.button(
            "Other starts", icon=":material/casino:",
            on_click=state.put_setting, args=("cf alternatives seed", seed + 1),
        )  # fmt: skip
        found = loader.alternatives(bundle, request.image_id, request.output, request.target, seed)
        shown = candidates(bundle, request, found)
        if shown:
            about = request.about | {"method": "all through latent space", "seed": seed}
            images = np.stack([one.image for one in shown])
            sheet = sprites.sheet(images, columns=len(shown), gap=1)
            download.picture(bundle, sheet, name="alternatives", **about)
    if shown:
        _pictures(bundle, request, shown)
        first = shown[0]
        st.markdown(
            f"Smallest found: **{first.l1:.1f}** pixels' worth of ink, by *{first.how}*. A "
            "smaller one may exist."
        )
    if found is None:
        messages.note(f"The model takes no train image for {target}, so no search can start.")
        return
    st.caption(
        f"{found.searched} starts in {1000 * found.seconds:.0f} ms, {found.converged} of them "
        f"reached {target}. Shown are {len(found.l1)} that differ from each other by at least "
        "30 % of the ink that the nearer one changes, and the searches from the image itself."
    )


def candidates(
    bundle: "Bundle", request: Request, found: loader.Alternatives | None
) -> list[Candidate]:
    """Collect the counterfactuals that reached the target, the smallest change first."""
    shown = []
    for method in counterfactuals.LATENT_METHODS:
        one = counterfactuals.change(bundle, *request._replace(method=method).searched)
        if one.converged:
            how = METHODS[method][0].lower()
            shown.append(
                Candidate(how, one.counterfactual, float(one.after[request.target]), one.l1)
            )
    if found is not None:
        shown += [
            Candidate("another start", image, float(p[request.target]), l1)
            for image, p, l1 in zip(found.counterfactuals, found.probs, found.l1, strict=True)
        ]
    return sorted(shown, key=lambda one: one.l1)


def _pictures(bundle: "Bundle", request: Request, shown: list[Candidate]) -> None:
    x = counterfactuals.change(bundle, *request.searched).image
    images = np.stack([one.image for one in shown])
    image_grid(
        change.with_change(images, images - x, state.dark()),
        alt=[
            f"counterfactual and change by {one.how}, {one.l1:.0f} pixels' worth of ink"
            for one in shown
        ],
        key="alternatives",
        captions=[f"{one.how}\n{one.l1:.0f} px, {percent(one.probability)}" for one in shown],
        scale=3,
    )
