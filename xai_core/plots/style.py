"""The style of all Plotly figures: transparent, in the page's font, with unobtrusive axes."""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import plotly.graph_objects as go

from .._numbers import Number
from . import theme

__all__ = [
    "colour_bar",
    "literal",
    "looks",
    "one_line",
    "plain",
    "signed",
    "styled",
    "told_apart",
]

FONT = '"Source Sans", sans-serif'
BAR = 52
"""Height of a colour bar in screen pixels, the top margin of a figure."""

MOST_DIGITS = 7
"""Least number of digits after the decimal point of compared numbers."""

_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and direction marks.

    Right-to-left text is isolated, so that it does not reorder its surroundings.
    """
    line = _CONTROLS.sub(" ", _DIRECTIONS.sub("", text)).strip()
    if not _RIGHT_TO_LEFT.search(line):
        return line
    return f"\N{FIRST STRONG ISOLATE}{line}\N{POP DIRECTIONAL ISOLATE}"


def literal(text: object) -> str:
    """Escape a text for Plotly, so that it is not read as tags, formulas or templates.

    Every name from a bundle is escaped here before it enters a figure.
    """
    line = escape(one_line(str(text)), quote=False)
    return line.replace("$", "&#36;").replace("%{", "%&#123;")


def styled(traces: Sequence[Any], dark: bool, *, height: int, **layout: Any) -> go.Figure:  # noqa: ANN401
    """Draw traces in the page's style.

    Args:
        traces: Traces of `plotly.graph_objects`.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
        layout: Further Plotly layout, which takes precedence.
    """
    return go.Figure(list(traces), {"template": looks(dark), "height": height, **layout})


@cache
def looks(dark: bool) -> go.layout.Template:
    """Return the template of all figures; Plotly validates a template only once."""
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
    """Place a colour bar above a figure, with its title below it.

    Args:
        words: Title of the colour bar.
        ends: Tick labels.
        values: Values of the ticks.
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
    """Format a number with its sign, a true minus and no negative zero."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "\N{MINUS SIGN}")


def plain(value: Number, digits: int = 2) -> str:
    """Format a number without a plus, with a true minus and no negative zero."""
    return signed(value, digits).removeprefix("+")


def told_apart(*values: Number, digits: int = 2) -> list[str]:
    """Format compared numbers with enough digits to distinguish them, at least `digits`.

    Args:
        values: Numbers that a sentence compares.
        digits: Least number of digits after the decimal point.
    """
    texts = [plain(value, digits) for value in values]
    while len(set(texts)) < len(set(values)) and digits < MOST_DIGITS:
        digits += 1
        texts = [plain(value, digits) for value in values]
    return texts
