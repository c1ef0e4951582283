"""A talk: `?present=1` shows pages large and without forms; arrow keys walk the questions."""

from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.links import QUESTIONS
from dashboard.ui import frontend

NAME, SPAN = "present", (0, 1, 1)
STOPS = ("home", *QUESTIONS)
"""The pages that the arrow keys walk, in order."""

_keys = frontend.component(__file__, "presentation", html="<span hidden></span>", css=False)


def show() -> None:
    """Draw nothing, unless the link asks for a talk or a visitor began one."""
    if not state.keep(NAME, 0, link=NAME, span=SPAN):
        return
    st.html(Path(__file__).with_suffix(".css"))
    _keys(
        key="presentation keys",
        data={"stops": ["" if name == "home" else name for name in STOPS]},
        on_leave_change=state.from_component("presentation keys", "leave", _leave),
    )


def offer() -> None:
    """Offer to begin a talk."""
    st.button(
        "Present",
        icon=":material/slideshow:",
        help="Large text, no side bar and no forms. Arrow keys walk the five questions; Escape "
        "ends it.",
        on_click=state.put_setting,
        args=(NAME, 1),
    )


def _leave(_: object) -> None:
    state.put_setting(NAME, 0)
