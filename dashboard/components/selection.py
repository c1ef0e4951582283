"""A click in a part of a page, and the rest of the page."""

import streamlit as st

from dashboard import state


def follow(shown: str) -> None:
    """Draw the whole page anew when a click in this fragment selected another image.

    Args:
        shown: The image that the rest of the page shows.
    """
    if state.selected_id() != shown:
        st.rerun()
