"""A question at the end of a section, with feedback on the answer."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state


def choose(key: str, question: str, choices: Sequence[str], *, right: int, because: str) -> None:
    """Ask for one of several answers.

    Args:
        key: Unique on the page; the answer is kept under it.
        question: The question.
        choices: Answers to choose from.
        right: Index of the right answer.
        because: Why, with the numbers of this page.
    """
    with st.container(border=True, key=f"question-{key}"):
        st.markdown(f":material/quiz: **Check yourself.** {question}")
        picked = st.radio(
            question, choices, label_visibility="collapsed", **state.bind(f"answer {key}", None)
        )
        if picked in choices:
            _say(choices.index(picked) == right, because)


def estimate(
    key: str, question: str, *, values: Sequence[float], within: float, unit: str, because: str
) -> None:
    """Ask for a number that can be read or computed from the page.

    Args:
        key: Unique on the page; the answer is kept under it.
        question: The question.
        values: The answers that count as right.
        within: Largest error that counts as right.
        unit: Unit of the answer.
        because: Why, with the numbers of this page.
    """
    with st.container(border=True, key=f"question-{key}"):
        st.markdown(f":material/quiz: **Check yourself.** {question}")
        given = st.number_input(
            f"Your answer, in {unit}",
            step=0.1,
            format="%.2f",
            width=220,
            **state.bind(f"answer {key}", None),
        )
        if given is not None:
            _say(any(abs(given - value) <= within + 1e-9 for value in values), because)


def _say(is_right: bool, because: str) -> None:
    if is_right:
        st.success(f"Right. {because}", icon=":material/check:")
    else:
        st.warning(f"Not quite. {because}", icon=":material/close:")
