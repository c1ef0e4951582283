"""What all Plotly figures share: transparent, in the page's font, with quiet axes."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import plotly.graph_objects as go

from .._numbers import Number
from . import theme

__all__ = [
    "colour_bar",
    "looks",
    "plain",
    "signed",
    "styled",
]


FONT = '"Source Sans", sans-serif'
BAR = 52
"""Screen pixels that a colour bar takes, a figure's top margin."""


def styled(traces: Sequence[Any], dark: bool, *, height: int, **layout: Any) -> go.Figure:  # noqa: ANN401
    """Draw traces with the page's looks.

    Args:
        traces: Of `plotly.graph_objects`.
        dark: Whether the page is light on dark.
        height: On the screen, in pixels.
        layout: More of Plotly's layout, which wins.
    """
    return go.Figure(list(traces), {"template": looks(dark), "height": height, **layout})


@cache
def looks(dark: bool) -> go.layout.Template:
    """Return the template of all figures; a template is checked once, a layout every time."""
    quiet = theme.muted(dark)
    axis = {
        "gridcolor": quiet,
        "zerolinecolor": quiet,
        "linecolor": quiet,
        "tickcolor": quiet,
        "fixedrange": True,
        "automargin": True,
        "ticklabelstandoff": 5,
        "title": {"font": {"size": 13}, "standoff": 8},
    }
    layout = {
        "font": {"family": FONT, "size": 13, "color": theme.ink(dark)},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "hoverlabel": {"font": {"family": FONT, "size": 13}},
        "dragmode": False,
        "showlegend": False,
        "xaxis": axis,
        "yaxis": axis,
    }
    return go.layout.Template(layout=layout)


def colour_bar(words: str, ends: Sequence[str], values: Sequence[Number]) -> dict[str, Any]:
    """Lay a colour bar above a figure, its words below it.

    Args:
        words: What the colours say.
        ends: What is written at some values.
        values: These values.
    """
    return {
        "orientation": "h",
        "thickness": 10,
        "len": 0.96,
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "ypad": 0,
        "outlinewidth": 0,
        "tickvals": values,
        "ticktext": ends,
        "title": {"text": words, "side": "bottom", "font": {"size": 12}},
    }


def signed(value: Number, digits: int = 1) -> str:
    """Write a number with its sign, a true minus and no negative zero."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "\N{MINUS SIGN}")


def plain(value: Number, digits: int = 2) -> str:
    """Write a number without a plus, with a true minus and no negative zero."""
    return signed(value, digits).removeprefix("+")
