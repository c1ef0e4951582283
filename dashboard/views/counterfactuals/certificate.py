"""Evidence for the counterfactual shown, and the first-order law of latent steps."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals, decoder_images, outputs
from dashboard.ui import download, first_order_law, health, messages, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent
from xai_core.plots.style import told_apart

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "**The distance** is the ink between $x'$ and the nearest image that the decoder can draw, "
    "found by gradient descent from the code of $x'$: the search is local, so the true distance "
    "may be smaller. It is compared with the same distance of real images. *Boundary search* "
    "keeps the ink of the input that the decoder cannot draw, so its distance is about that of "
    "the input; *latent ascent* returns a decoded image, so its distance is near 0 by "
    "construction. **The judges** were not used in the search: the model that is not explained, "
    "and the nearest real train images in pixels. \n\n"
    "**The law** is Taylor's theorem for the decoder. It holds for any function and any "
    "direction, so it describes steps in latent space and is no evidence for a counterfactual. "
    "Where a longer step crosses a kink of the decoder's ReLUs, the slope comes out above 2."
)

LAW = r"g(z+\lambda v)=g(z)+\lambda\,US^2U^\top\,\partial f_t/\partial x+\mathcal O(\lambda^2)"


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show the distance and the judges' answers, then the law where the method takes its steps."""
    found = counterfactuals.change(bundle, *request.searched)
    seen, usual = loader.evidence(bundle, *request.searched), decoder_images.usual_distance(bundle)
    pictures, words = st.columns([2, 3], gap="large", vertical_alignment="center")
    with pictures:
        _pictures(found, seen)
    with words:
        works = not health.problems(bundle, "reconstruction", "steps")
        st.markdown(f"**{_distance(seen, usual, works=works)}**")
        st.markdown("\n".join(f"- {line}" for line in _judges(bundle, request, found, seen)))
        table = pd.DataFrame(
            {
                "distance": [seen.distance],
                "distance_of_input": [seen.input_distance],
                "usual_limit": [usual.limit],
                "nearest_classes": [" ".join(request.names[c] for c in seen.nearest)],
            }
        )
        download.table(bundle, table, name="evidence", **request.about)
    _law(bundle, request)


def _pictures(found: counterfactuals.Change, seen: loader.Evidence) -> None:
    rest = change.coloured((found.counterfactual - seen.drawn)[None], state.dark())
    drawn = sprites.rgb(np.stack([found.counterfactual, seen.drawn]))
    image_grid(
        np.concatenate([drawn, rest]),
        alt=[
            "the counterfactual",
            "the nearest image that the decoder was found to draw",
            f"their difference, {seen.distance:.1f} pixels' worth of ink",
        ],
        key="nearest drawn",
        captions=["x'", "nearest drawn", "difference"],
        scale=4,
    )


def _distance(seen: loader.Evidence, usual: decoder_images.UsualDistance, *, works: bool) -> str:
    """State the distance to the decoder's images, compared with that of real images.

    Args:
        seen: The distance.
        usual: The distances of real images.
        works: Whether the decoder works; otherwise no verdict is given.
    """
    distance, limit = told_apart(seen.distance, usual.limit, digits=1)
    text = (
        f"$x'$ lies {distance} pixels' worth of ink from the nearest image that the "
        f"decoder was found to draw (the input: {seen.input_distance:.1f})."
    )
    if not works:
        return text
    inside = seen.distance <= usual.limit
    return (
        f"{text} That is {'below' if inside else 'above'} {limit}, the limit that 95 % "
        f"of {usual.images:,} {usual.split} images keep: "
        f"{'as near to' if inside else 'farther from'} what the decoder can draw "
        f"{'as' if inside else 'than'} real images are."
    )


def _judges(
    bundle: "Bundle", request: Request, found: counterfactuals.Change, seen: loader.Evidence
) -> list[str]:
    """State each judge's answer and whether it agrees with the target."""
    lines = []
    other = outputs.second_opinion(bundle, request.output)
    if found.other is not None and other is not None:
        best = int(found.other.argmax())
        names = naming.class_names(bundle, other, len(found.other))
        called = naming.called(bundle, other, names[best])
        lines.append(
            f"{outputs.classes(bundle, other).who.capitalize()}, which was not used, classifies "
            f"it as {messages.literal(called)} ({percent(found.other[best])})"
            f"{_agreement(bundle, request, best)}."
        )
    if seen.nearest:
        first, second = (
            messages.literal(request.names[c]) for c in (request.target, request.source)
        )
        target, kept = (seen.nearest.count(c) for c in (request.target, request.source))
        agree = "agree" if target > len(seen.nearest) / 2 else "do not agree"
        lines.append(
            f"The {len(seen.nearest)} real train images that are nearest in pixels {agree} with "
            f"the target: {target} are {first}, {kept} are still {second}."
        )
    return lines


def _agreement(bundle: "Bundle", request: Request, best: int) -> str:
    """Compare the other model's answer with the target, by the label of the cluster."""
    by_label = outputs.classes(bundle, request.output).labelled
    cluster, label = (best, request.target) if by_label else (request.target, best)
    named = bundle.cluster_labels[cluster]
    if named < 0:
        return ""
    return ": it agrees with the target" if named == label else ": it does not agree"


def _law(bundle: "Bundle", request: Request) -> None:
    if request.method not in counterfactuals.LATENT_METHODS:
        st.caption(
            f"*{METHODS[request.method][0]}* takes no step in latent space, so the first-order "
            "law of such steps does not apply to it."
        )
        return
    found = loader.law(bundle, request.image_id, request.output, request.target)
    law, spectrum = st.columns(2, gap="large")
    with law:
        st.markdown(f"**Residual of the first-order law** ${LAW}$")
        first_order_law.residual_chart(found.lengths, found.residuals, found.slope)
    with spectrum:
        st.markdown(r"**Singular values** of $\partial g/\partial z = USV^\top$")
        first_order_law.spectrum_chart(found.singular_values)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Measured slope {found.slope:.3f}, 2 by Taylor's theorem, at the code of the input. "
            "The theorem holds for any direction, also towards a counterfactual that fails above."
        )
        table = pd.DataFrame({"length": found.lengths, "residual": found.residuals})
        download.table(bundle, table, name="first-order law", **request.about)
