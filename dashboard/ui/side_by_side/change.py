"""One image, its counterfactual and the change, to stand beside others."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals
from dashboard.ui import messages, naming
from dashboard.ui.components.image_grid import image_grid
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method


def one_change(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    target: int,
    ascent: counterfactuals.LatentAscent = counterfactuals.USUAL,
    *,
    title: str,
) -> dict[str, object]:
    """Show the counterfactual under its title; return its numbers, none if it needs no change.

    Args:
        bundle: The model that is explained.
        image_id: The image.
        output: What is explained.
        method: The search.
        target: The class to reach.
        ascent: Settings of the latent ascent.
        title: Names the counterfactual among those beside it, as Markdown.
    """
    probs = counterfactuals.decided(bundle, image_id, output)
    names = naming.class_names(bundle, output, len(probs))
    source, name = int(probs.argmax()), naming.display_name(image_id)
    st.markdown(f"**{title}**")
    if source == target:
        st.caption(f"It is {messages.literal(names[target])} already ({percent(probs[target])}).")
        return {}
    found = counterfactuals.change(bundle, image_id, output, method, target, ascent)
    delta = found.counterfactual - found.image
    before = f"{names[source]} at {percent(found.before[source])}"
    after = f"{names[target]} at {percent(found.after[target])}"
    image_grid(
        np.concatenate(
            [
                sprites.rgb(np.stack([found.image, found.counterfactual])),
                change.coloured(delta[None], state.dark()),
            ]
        ),
        alt=[f"Input {name}, {before}", f"Counterfactual of {name}, {after}",
             f"Change of {name}, L1 {found.l1:.1f}"],
        key=f"beside {bundle.name} {image_id}",
        captions=[before, after, f"L1 {found.l1:.1f}"],
        scale=3,
        columns=3,
    )  # fmt: skip
    if not found.converged:
        st.caption(f"The target was not reached: {found.reason}.")
    return {"model": bundle.name, "id": name, "from": names[source], "to": names[target],
            "l1": found.l1, "probability": float(found.after[target]),
            "converged": found.converged}  # fmt: skip
