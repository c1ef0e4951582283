"""One chart: Plotly without its tool bar, but for saving what is shown."""

import plotly.graph_objects as go
import streamlit as st

from dashboard import state
from dashboard.components import layout
from dashboard.figures import export


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Show a figure as wide as its place.

    Args:
        figure: Drawn with `style.styled`.
        key: Unique on the page; also in the name of a saved picture, after the bundle and
            before the image.
        alt: What is to be seen, for those who cannot see it.
    """
    parts = (state.bundle_name(), key, layout.display_name(state.selected_id()))
    saved = export.stem(*filter(None, parts))
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": saved},
        "doubleClick": False,
        "scrollZoom": False,
    }
    st.plotly_chart(figure, theme=None, key=key, alt=alt, config=config)
