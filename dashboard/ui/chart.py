"""A Plotly chart with a button to save it."""

import plotly.graph_objects as go
import streamlit as st

from dashboard import state
from dashboard.ui import naming
from xai_core.plots import export, style


def chart(figure: go.Figure, *, key: str, alt: str, **about: object) -> None:
    """Show a figure; a file saved from it contains its provenance.

    Args:
        figure: Drawn with `style.styled`.
        key: Unique on the page; part of the name of a saved file.
        alt: A description for screen readers.
        about: Further provenance besides bundle, image and version, such as settings.
    """
    image = {"image": state.selected_id()} if state.selected_id() else {}
    known = state.setting("about", {}) | {"what": key} | image | about
    origin = style.literal("; ".join(f"{name}: {value}" for name, value in known.items()))
    unseen = {"size": 1, "color": "rgba(0, 0, 0, 0)"}
    figure.update_layout(
        title={"text": origin, "font": unseen, "x": 0, "y": 0, "yanchor": "bottom"}
    )
    parts = (state.bundle_name(), key, naming.display_name(state.selected_id()))
    saved = export.stem(*filter(None, parts))
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": saved},
        "doubleClick": False,
        "scrollZoom": False,
    }
    st.plotly_chart(figure, theme=None, key=key, alt=alt, config=config)
