"""The explained model, cluster model or classifier: one choice for all pages."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import outputs, prediction_sets
from dashboard.ui import naming

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

MEANS = {
    "cluster": "The cluster VAE sorts images into clusters and was trained without labels; "
    "explained is the probability $q(c|x)$ of its cluster.",
    "classifier": "A separate network, trained with labels and independent of the clusters; "
    "explained is the probability $p(class|x)$ of its class.",
}


def choices(bundle: "Bundle") -> list[str]:
    """List the outputs with classes, the cluster model first."""
    return sorted(
        outputs.deciding(bundle), key=lambda name: outputs.classes(bundle, name).labelled
    )


def chosen(bundle: "Bundle") -> str:
    """Return the chosen output; "" if none has classes."""
    found = choices(bundle)
    return str(state.keep("explained", found[0], found, link="of")) if found else ""


def means(bundle: "Bundle", output: str) -> str:
    """Describe the explained model in one sentence of Markdown."""
    words = outputs.explained(bundle, output).words
    return MEANS.get(output, f"Explained is {words}.")


def chip(bundle: "Bundle") -> None:
    """Let the visitor choose the explained model, on every page."""
    if found := choices(bundle):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="who"):
            st.markdown("Explaining:", width="content")
            st.segmented_control(
                "Explaining", found, required=True, label_visibility="collapsed", width="content",
                format_func=lambda name: outputs.classes(bundle, name).who,
                **state.bind("explained", found[0], found, link="of"),
            )  # fmt: skip


def prediction_set(bundle: "Bundle", output: str, image_id: str, level: float) -> str:
    """Return an image's prediction set in plain text, the most plausible first: "a 3 or an 8"."""
    p_values = prediction_sets.p_values(bundle, output, image_id)
    members = prediction_sets.members(p_values, level)
    if len(members) == len(p_values) > 2:
        return "any class"
    names = [naming.with_article(naming.label_name(bundle, c)) for c in members]
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "no class"
