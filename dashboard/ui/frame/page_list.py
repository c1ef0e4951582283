"""Additions to Streamlit's frame: roles for screen readers, a history without duplicates."""

from dashboard.ui import frontend

_roles = frontend.component(__file__, "page_list", html="<span hidden></span>", css=False)
_address_bar = frontend.component(__file__, "address_bar", html="<span hidden></span>", css=False)


def mend() -> None:
    """Set the roles of the list of pages and keep one history entry per page; draws nothing."""
    _roles(key="page list")
    _address_bar(key="address bar")
