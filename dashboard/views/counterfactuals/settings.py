"""The settings of the Counterfactuals page: image, explained model, target and method."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals, outputs
from dashboard.ui import explained, messages, naming
from dashboard.ui.target_choice import choose_target
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Ascent, Method

METHODS: "dict[Method, tuple[str, str]]" = {
    "default": (
        "Boundary search",
        "searches the latent space for the nearest code of the target class, and keeps details "
        "that the decoder cannot reproduce",
    ),
    "diffeomorphic": (
        "Latent ascent",
        "maximises log p(target) in the latent space, by Adam's or plain gradient steps: the "
        "diffeomorphic counterfactual",
    ),
    "pixel": (
        "Pixel ascent",
        "maximises the same log p(target) on the pixels themselves: an adversarial example, shown "
        "for contrast",
    ),
    "nearest": (
        "Nearest real image",
        "returns the train image of the target class that differs least in L1: the trivial "
        "baseline",
    ),
}
"""The title of each method, and how it works."""
STEPS: "dict[str, Ascent]" = {"Adam's": "adam", "Plain": "plain"}
RATES: "dict[Ascent, float]" = {"adam": 0.05, "plain": 0.1}
"""The usual λ of each kind of steps, that of `CounterfactualConfig`."""
ALL_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MOST_STEPS = (10, 30, 100, 300, 1000)
STOPS_AT = (0.5, 0.8, 0.9, 0.95, 0.99)


class Request(NamedTuple):
    """The settings.

    `source` is the class that the model assigns to the image; `order` lists the classes by name.
    """

    image_id: str
    output: str
    method: "Method"
    target: int
    source: int
    names: list[str]
    colours: list[str]
    order: list[int]
    ascent: counterfactuals.LatentAscent = counterfactuals.USUAL

    @property
    def searched(self) -> "tuple[str, str, Method, int, counterfactuals.LatentAscent]":
        """Return the arguments of a search for this request."""
        ascent = self.ascent if self.method == "diffeomorphic" else counterfactuals.USUAL
        return self.image_id, self.output, self.method, self.target, ascent

    @property
    def about(self) -> dict[str, object]:
        """Return the settings as a file holds them."""
        known: dict[str, object] = {
            "image": self.image_id,
            "explained": self.output,
            "method": self.method,
            "from": self.names[self.source],
            "to": self.names[self.target],
        }
        return known | (self.ascent._asdict() if self.method == "diffeomorphic" else {})


def ask(bundle: "Bundle") -> Request:
    """Draw the settings above the figures; without classes, explain and stop."""
    output, image_id = explained.chosen(bundle), state.selected_id()
    if not output:
        messages.empty(
            "Nothing to turn an image into",
            "This model has no classifier and a single cluster, so there is no other class. "
            "Train one with more clusters, or on data with labels.",
            "xai train --data mnist --clusters 10 --out checkpoints/mnist",
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        probs = counterfactuals.decided(bundle, image_id, output)
        names = naming.class_names(bundle, output, len(probs))
        order = naming.class_order(bundle, output, len(probs))
        source, target = choose_target(probs, names, order)
        method = st.selectbox(
            "Method", list(METHODS), format_func=lambda m: METHODS[m][0], width=210,
            **state.bind("cf method", "default", list(METHODS), link="method"),
        )  # fmt: skip
    ascent = _ascent() if method == "diffeomorphic" else counterfactuals.USUAL
    colours = naming.class_colours(bundle, output, len(names))
    return Request(image_id, output, method, target, source, names, colours, order, ascent)


def _ascent() -> counterfactuals.LatentAscent:
    """Let the visitor set how the latent ascent climbs and when it stops."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.segmented_control(
            "Steps", list(STEPS), required=True,
            **state.bind("cf steps", next(iter(STEPS)), list(STEPS), link="steps"),
        )  # fmt: skip
        kind = STEPS[name]
        usual = RATES[kind]
        rate = st.select_slider(
            "λ, length of a step", ALL_RATES, width=200,
            **state.bind(f"cf rate {kind}", usual, ALL_RATES, link="rate"),
        )  # fmt: skip
        most = st.select_slider(
            "Steps at most", MOST_STEPS, width=160,
            **state.bind("cf most steps", counterfactuals.USUAL.steps, MOST_STEPS, link="most"),
        )  # fmt: skip
        stop = st.select_slider(
            "Stop at p(target)", STOPS_AT, width=160,
            **state.bind("cf stop", counterfactuals.USUAL.probability, STOPS_AT, link="stop"),
        )  # fmt: skip
    return counterfactuals.LatentAscent(kind, None if rate == usual else rate, most, stop)


def sentence(bundle: "Bundle", request: Request) -> str:
    """Describe the model's decision and the search, in Markdown."""
    probs = counterfactuals.decided(bundle, request.image_id, request.output)
    classes, sure = outputs.classes(bundle, request.output), percent(probs[request.source])
    within = "" if classes.labelled else "in "
    seen = messages.literal(naming.called(bundle, request.output, request.names[request.source]))
    title, how = METHODS[request.method]
    return (
        f"To {classes.who}, {naming.marked(request.image_id)} is {within}{seen} ({sure}). "
        f"*{title}* {how}."
    )


def set_target(name: str) -> None:
    """Choose a target by its id in a grid, such as "to 3"."""
    state.put_setting("cf target", int(name.removeprefix("to ")))


def set_method(name: str) -> None:
    """Choose a method."""
    state.put_setting("cf method", name)
