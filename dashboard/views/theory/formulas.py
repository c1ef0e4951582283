"""Formulas side by side where they fit, below each other where they do not."""

import streamlit as st


def formulas(*lines: str) -> None:
    """Show formulas.

    Args:
        lines: LaTeX, one formula each.
    """
    with st.container(horizontal=True, horizontal_alignment="center", gap="medium"):
        for line in lines:
            st.latex(line, width="content")
