"""The thread through the Theory pages: what comes before and after each."""

from collections.abc import Sequence

import streamlit as st

from dashboard.links import PAGES

STOPS = (
    ("theory", "The bound", ":material/stacked_line_chart:",
     "What is maximised, and how far is it from log p(x)?"),
    ("theory_factorisations", "Two factorisations", ":material/call_split:",
     "Where should c come from, the image or its code?"),
    ("theory_collapse", "The collapse", ":material/trending_down:",
     "When does the bound lose its clusters, and what does the cure cost?"),
    ("theory_mixtures", "Mixtures by EM", ":material/blur_on:",
     "How are Gaussians fitted to points, and when does that go wrong?"),
    ("theory_probe", "Mean-field", ":material/linear_scale:",
     "What can be read from the codes, and how sure is that?"),
    ("theory_manifold", "On the manifold", ":material/landscape:",
     "How does a step in latent space move the image?"),
)  # fmt: skip
"""View, title, icon, the question it answers."""


def offer_neighbours(here: str) -> None:
    """Offer the stops before and after this one."""
    names = [name for name, *_ in STOPS]
    at = names.index(here)
    _offer([STOPS[i] for i in (at - 1, at + 1) if 0 <= i < len(STOPS)])


def offer_all() -> None:
    """Offer every stop."""
    _offer(STOPS)


def _offer(stops: Sequence[tuple[str, str, str, str]]) -> None:
    page_cards([(PAGES[name], title, icon, asks) for name, title, icon, asks in stops])


def page_cards(pages: Sequence[tuple[str, str, str, str]]) -> None:
    """Offer other pages as cards: path, title, icon, the question each one answers."""
    with st.container(horizontal=True, key=f"ways-{pages[0][0]}"):
        for path, title, icon, question in pages:
            with st.container(border=True, key=f"way-{path}"):
                st.page_link(path, label=f"**{title}**", icon=icon)
                st.caption(question)
