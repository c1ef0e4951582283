"""The list of pages in the sidebar, made a list for screen readers too."""

from pathlib import Path

import streamlit as st

_roles = st.components.v2.component(
    "page_list",
    html="<span hidden></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def name_roles() -> None:
    """Say which elements are the list and its items; draws nothing."""
    with st.container(key="page-list"):
        _roles(key="page list")
