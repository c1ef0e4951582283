"""The settings of the Heatmaps page: which output of which model is explained."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.services import attributions, counterfactuals
from dashboard.ui import naming

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

TITLES = {
    **naming.TITLES,
    "elbo": "ELBO",
    "reconstruction": "Reconstruction term",
    "latent": "One latent",
}
UNITS = {
    "classifier": "logit",
    "cluster": "nats of log q(c|x)",
    "elbo": "nats",
    "reconstruction": "nats",
    "latent": "units of the latent",
}


class Question(NamedTuple):
    """What is explained, the methods that apply, and the names of the classes, if any."""

    of: str
    methods: list[str]
    names: list[str]

    @property
    def methods_of_model(self) -> list[str]:
        """Return the methods without the reference maps, which know no model."""
        return [m for m in self.methods if attributions.card(m).kind != "baseline"]

    @property
    def words(self) -> str:
        """Return what is explained, as part of a sentence."""
        return {
            "classifier": "what the classifier decides",
            "cluster": "which cluster the model sees",
            "elbo": "how well the model explains the image (its ELBO)",
            "reconstruction": "how well the model draws the image (its reconstruction term)",
        }.get(self.of, f"what {self.of.replace(':', ' ')} is")

    def choose_method(self, name: str, *, link: str) -> str:
        """Let the visitor choose a method; `name` and `link` are those of the setting."""
        return st.selectbox(
            "Method", self.methods, format_func=attributions.title, width=210,
            **state.bind(name, self.methods[0], self.methods, link=link),
        )  # fmt: skip

    def unit(self, method: str) -> str:
        """Return the unit of a method's numbers."""
        card, unit = attributions.card(method), UNITS[self.of.partition(":")[0]]
        if card.kind in ("mask", "baseline"):
            return "weight of the pixel"
        return (
            f"share of the output, {unit}"
            if card.contribution
            else f"slope, {unit} per unit of ink"
        )


def ask(bundle: "Bundle") -> Question:
    """Draw the settings above the figures."""
    functions = [*counterfactuals.explainable(bundle), "elbo", "reconstruction", "latent"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        of = st.segmented_control(
            "Explain", functions, format_func=TITLES.__getitem__, required=True,
            help="The classifier's decision, the cluster q(c|x), how well the model explains "
            "or draws the image, or one number of its code.",
            **state.bind("heat of", functions[0], functions, link="of"),
        )  # fmt: skip
        if of == "latent":
            dims = list(range(bundle.model.config.latent_dim))
            picked = st.selectbox("Latent", dims, width=100,
                                  **state.bind("heat latent", 0, dims, link="latent"))  # fmt: skip
            of = f"latent:{picked}"
    count = len(counterfactuals.decided(bundle, state.selected_id(), of)) if of in (
        "classifier", "cluster") else 0  # fmt: skip
    names = naming.class_names(bundle, of, count) if count else []
    return Question(of, attributions.methods(bundle, of), names)
