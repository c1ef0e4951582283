"""One chart: Plotly without its tool bar, but for saving what is shown."""

import plotly.graph_objects as go
import streamlit as st


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Show a figure as wide as its place.

    Args:
        figure: Drawn with `style.styled`.
        key: Unique on the page; also the name of a saved picture.
        alt: What is to be seen, for those who cannot see it.
    """
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": key},
        "doubleClick": False,
        "scrollZoom": False,
    }
    st.plotly_chart(figure, theme=None, key=key, alt=alt, config=config)
