"""What Streamlit's own frame lacks: roles for screen readers, and a history without doubles."""

import streamlit as st

from dashboard.ui import frontend

_roles = frontend.component(__file__, "page_list", html="<span hidden></span>", css=False)
_address_bar = frontend.component(__file__, "address_bar", html="<span hidden></span>", css=False)


def mend() -> None:
    """Name the roles of the list of pages, and keep one history entry per page; draws nothing."""
    with st.container(key="page-list", gap=None):
        _roles(key="page list")
        _address_bar(key="address bar")
