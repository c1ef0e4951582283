"""A question with feedback on the answer, which stays in the link and in the list of answers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.links import slug
from dashboard.views.theory.questions import QUESTIONS

NUMBERS: state.Span = (-100_000.0, 100_000.0, 0.01)
"""Numbers that can be given as an answer."""
CHECKED = "checked answers"


class Checked(NamedTuple):
    """An answer, the judgement on it, and the model and image that it is about."""

    answer: float
    is_right: bool
    model: str
    image: str


def choose(key: str, *, because: str, right: int | None = None) -> None:
    """Ask for one of several answers.

    Args:
        key: One of `QUESTIONS`.
        because: Why, with the numbers of this page.
        right: Index of the right answer where it depends on the page's numbers.
    """
    with st.container(border=True, key=f"question-{key}"):
        st.markdown(f":material/quiz: **Check yourself.** {QUESTIONS[key].text}")
        picked = _pick(key)
        if picked is not None:
            say(key, picked == (QUESTIONS[key].right if right is None else right), because)


def predict(key: str) -> bool:
    """Ask for a prediction before something is shown; `say` follows below what is shown.

    Args:
        key: One of `QUESTIONS`.

    Returns:
        Whether there is an answer.
    """
    with st.container(border=True, key=f"question-{key}"):
        st.markdown(f":material/psychology_alt: **Predict first.** {QUESTIONS[key].text}")
        return _pick(key) is not None


def estimate(key: str, *, values: Sequence[float], within: float, because: str) -> None:
    """Ask for a number that can be read or computed from the page.

    Args:
        key: One of `QUESTIONS`.
        values: The answers that count as right.
        within: Largest error that counts as right.
        because: Why, with the numbers of this page.
    """
    asked = QUESTIONS[key]
    with st.container(border=True, key=f"question-{key}"):
        st.markdown(f":material/quiz: **Check yourself.** {asked.text}")
        given = st.number_input(
            f"Your answer, in {asked.unit}", NUMBERS[0], NUMBERS[1], step=0.1, format="%.2f",
            width=220, **state.bind(f"answer {key}", None, **_kept(key)),
        )  # fmt: skip
        if given is not None:
            say(key, any(abs(given - value) <= within + 1e-9 for value in values), because)


def say(key: str, is_right: bool, because: str) -> None:
    """Say whether the current answer is right, and keep the judgement with it."""
    given = answer(key)
    found = checked(key)
    if given is not None and (found is None or found.answer != given):
        here = Checked(given, is_right, state.bundle_name(), state.selected_id())
        state.put_setting(CHECKED, {**state.setting(CHECKED, {}), key: here})
    if is_right:
        st.success(f"Right. {because}", icon=":material/check:")
    else:
        st.warning(f"Not quite. {because}", icon=":material/close:")


def answer(key: str) -> float | None:
    """Return the current answer, an index or a number; None without one."""
    return state.setting(f"answer {key}")


def keep_all() -> None:
    """Keep the answers to the questions of all pages in this page's link."""
    for key in QUESTIONS:
        state.keep(f"answer {key}", None, **_kept(key))


def checked(key: str) -> Checked | None:
    """Return the judgement on the current answer, if its page has been open since."""
    found = state.setting(CHECKED, {}).get(key)
    return found if found is not None and found.answer == answer(key) else None


def _pick(key: str) -> int | None:
    choices = QUESTIONS[key].choices
    return st.radio(
        QUESTIONS[key].text, range(len(choices)), format_func=choices.__getitem__,
        label_visibility="collapsed", **state.bind(f"answer {key}", None, **_kept(key)),
    )  # fmt: skip


def _kept(key: str) -> dict[str, Any]:
    """Return where a link holds an answer, and which answers there are."""
    choices = QUESTIONS[key].choices
    kind = {"options": range(len(choices))} if choices else {"span": NUMBERS}
    return {"link": f"answer-{slug(key)}", **kind}
