"""What Streamlit's own frame lacks: roles for screen readers, and a history without doubles."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent

_roles = st.components.v2.component(
    "page_list",
    html="<span hidden></span>",
    js=(_HERE / "page_list.js").read_text(encoding="utf-8"),
)
_address_bar = st.components.v2.component(
    "address_bar",
    html="<span hidden></span>",
    js=(_HERE / "address_bar.js").read_text(encoding="utf-8"),
)


def mend() -> None:
    """Name the roles of the list of pages, and keep one history entry per page; draws nothing."""
    with st.container(key="page-list", gap=None):
        _roles(key="page list")
        _address_bar(key="address bar")
