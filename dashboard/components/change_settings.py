"""What is asked on the Counterfactuals page: of which image, for whom, by which method."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.components import classes, layout, messages
from dashboard.figures.probabilities import percent
from dashboard.loaders import counterfactuals as loaders

if TYPE_CHECKING:
    from xai_core.bundle import Bundle
    from xai_core.explain.counterfactual import Method

METHODS: "dict[Method, tuple[str, str]]" = {
    "default": (
        "Near search",
        "looks for the nearest code of the target class in the latent space, and carries over "
        "what the decoder does not draw",
    ),
    "diffeomorphic": (
        "Latent ascent",
        "climbs log p(target) in the latent space by plain gradient steps: the diffeomorphic "
        "counterfactual",
    ),
    "pixel": (
        "Pixel ascent",
        "climbs the same log p(target) on the pixels themselves: an adversarial example, shown "
        "for contrast",
    ),
    "nearest": (
        "Nearest real image",
        "hands back the train image of the target class that differs least: the trivial baseline",
    ),
}
"""A title, and how it works."""


RUNNER_UP = "runner-up"
"""The class that the image is likeliest of after its own."""


class Question(NamedTuple):
    """What is asked; `source` is the class that the image is taken for."""

    image_id: str
    of: str
    method: "Method"
    target: int
    source: int
    names: list[str]
    colours: list[str]

    @property
    def about(self) -> dict[str, object]:
        """Say it in a file."""
        return {
            "image": self.image_id,
            "explained": self.of,
            "method": self.method,
            "from": self.names[self.source],
            "to": self.names[self.target],
        }


def ask(bundle: "Bundle") -> Question:
    """Draw the settings above the figures; stop where nothing tells classes apart."""
    functions, image_id = loaders.explainable(bundle), state.selected_id()
    if not functions:
        messages.empty(
            "Nothing to turn an image into",
            "This bundle has no classifier and a single cluster, so there is no other class. "
            "Train one with more clusters, or on data with labels.",
            "xai train --data mnist --clusters 10 --out checkpoints/mnist",
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        of = st.segmented_control(
            "Explain", functions, format_func=classes.TITLES.__getitem__, required=True,
            help="Whose decision is explained: the supervised classifier's digit class, or the "
            "cluster that the model found without labels, q(c|x).",
            **state.bind("cf of", functions[0], functions, link="of"),
        )  # fmt: skip
        probs = loaders.decided(bundle, image_id, of)
        names = classes.names(bundle, of, len(probs))
        source, target = choose_target(probs, names)
        method = st.selectbox(
            "Method", list(METHODS), format_func=lambda m: METHODS[m][0], width=210,
            **state.bind("cf method", "default", list(METHODS), link="method"),
        )  # fmt: skip
    sure, within = percent(probs[source]), "in " if of == "cluster" else ""
    st.markdown(
        f"To {classes.WHO[of]}, {layout.marked(image_id)} is {within}"
        f"{classes.called(of, names[source])} ({sure}). "
        f"*{METHODS[method][0]}* {METHODS[method][1]}."
    )
    colours = classes.colours(bundle, of, len(names))
    return Question(image_id, of, method, target, source, names, colours)


def choose_target(probs: NDArray[np.floating], names: list[str]) -> tuple[int, int]:
    """Let a person choose what to turn the image into; give its own class and the target.

    Args:
        probs: What is explained says of the image, (classes,).
        names: Of the classes.
    """
    source, runner_up = (int(c) for c in probs.argsort()[::-1][:2])
    others = [c for c in range(len(names)) if c != source]
    labels = {RUNNER_UP: f"its runner-up: {names[runner_up]}"} | {c: names[c] for c in others}
    picked = st.selectbox(
        "Turn it into", list(labels), width=210, format_func=labels.__getitem__,
        **state.bind("cf target", RUNNER_UP, list(labels), link="to"),
    )  # fmt: skip
    return source, runner_up if picked == RUNNER_UP else int(picked)


def set_target(name: str) -> None:
    """Ask for another target, as named in a grid: "to 3"."""
    state.put_setting("cf target", int(name.removeprefix("to ")))


def set_method(name: str) -> None:
    """Ask for another method."""
    state.put_setting("cf method", name)
