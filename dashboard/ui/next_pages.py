"""Links to other pages as cards, and the order of the Theory pages."""

from collections.abc import Sequence

import streamlit as st

from dashboard.links import LISTED, PAGES

QUESTIONS = {
    "theory_contents": "Where is each formula of the sources?",
    "theory_hidden": "What is a latent variable for, and what do the graphs say?",
    "theory_inequalities": "Why is a bound a bound?",
    "theory": "What is maximised, and how far is it from log p(x)?",
    "theory_linear_vae": "Do the formulas hold where everything is known?",
    "theory_plane": "What does a whole latent space look like?",
    "theory_factorisations": "Where should c come from, the image or its code?",
    "theory_collapse": "When does the bound lose its clusters, and what does keeping them cost?",
    "theory_mixtures": "How are Gaussians fitted to points, and when does that go wrong?",
    "theory_probe": "What can be read from the codes, and how sure is that?",
    "theory_manifold": "How does a step in latent space move the image?",
    "theory_exercises": "What do you predict, and were you right?",
}
"""What each Theory page answers, in their order."""
STOPS = tuple(
    (name, LISTED[name].title, LISTED[name].icon, asks) for name, asks in QUESTIONS.items()
)
"""Page, title, icon, and the question that the page answers."""


def offer_neighbours(here: str) -> None:
    """Link to the Theory pages before and after this one."""
    names = [name for name, *_ in STOPS]
    at = names.index(here)
    _offer([STOPS[i] for i in (at - 1, at + 1) if 0 <= i < len(STOPS)])


def offer_all() -> None:
    """Link to every Theory page."""
    _offer(STOPS)


def _offer(stops: Sequence[tuple[str, str, str, str]]) -> None:
    page_cards([(PAGES[name], title, icon, asks) for name, title, icon, asks in stops])


def page_cards(pages: Sequence[tuple[str, str, str, str]], key: str = "") -> None:
    """Link to pages, one card each: path, title, icon, and the question that it answers.

    Args:
        pages: The cards.
        key: Key of the row, if it has its own style.
    """
    with st.container(horizontal=True, key=f"ways-{key or pages[0][0]}"):
        for path, title, icon, question in pages:
            with st.container(border=True, key=f"way-{path}"):
                st.page_link(path, label=f"**{title}**", icon=icon)
                st.caption(question)
