"""The choice of a target class, shared by the pages that ask for a counterfactual."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state

RUNNER_UP = "runner-up"
"""The most probable class after the image's own."""


def choose_target(
    probs: NDArray[np.floating], names: list[str], order: list[int]
) -> tuple[int, int]:
    """Let the visitor choose a target class; return the image's own class and the target.

    Args:
        probs: The explained function's probabilities of the image, (classes,).
        names: The names of the classes.
        order: The classes in the order in which they are listed.
    """
    source, runner_up = (int(c) for c in probs.argsort()[::-1][:2])
    others = [c for c in order if c != source]
    labels = {RUNNER_UP: f"its runner-up: {names[runner_up]}"} | {c: names[c] for c in others}
    picked = st.selectbox(
        "Turn it into", list(labels), width=210, format_func=labels.__getitem__,
        **state.bind("cf target", RUNNER_UP, list(labels), link="to"),
    )  # fmt: skip
    return source, runner_up if picked == RUNNER_UP else int(picked)
