"""What all Plotly figures share: transparent, in the page's font, with quiet axes."""

from typing import Any

import plotly.graph_objects as go

from dashboard import theme

FONT = '"Source Sans", sans-serif'


def styled(figure: go.Figure, dark: bool, *, height: int, **layout: Any) -> go.Figure:  # noqa: ANN401
    """Give a figure the page's looks.

    Args:
        figure: Changed in place.
        dark: Whether the page is light on dark.
        height: On the screen, in pixels.
        layout: More of Plotly's layout, which wins.
    """
    ink, quiet = theme.ink(dark), theme.muted(dark)
    axis = {
        "gridcolor": quiet,
        "zerolinecolor": quiet,
        "linecolor": quiet,
        "tickcolor": quiet,
        "fixedrange": True,
        "automargin": True,
    }
    figure.update_xaxes(**axis).update_yaxes(**axis)
    settings = {
        "height": height,
        "font": {"family": FONT, "size": 13, "color": ink},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "hoverlabel": {"font": {"family": FONT, "size": 13}},
        "dragmode": False,
        "showlegend": False,
    }
    return figure.update_layout({**settings, **layout})


def signed(value: float, digits: int = 1) -> str:
    """Write a number with its sign, a true minus and no negative zero."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "\N{MINUS SIGN}")
