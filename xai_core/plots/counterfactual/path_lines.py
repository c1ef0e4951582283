"""Numbers along the path from an image to its counterfactual, one value per frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..style import literal, styled

__all__ = [
    "density_lines",
    "probability_lines",
]

SEEN = 0.02
"""Classes that stay below this probability in every frame are left out."""
PATH_AXIS = "share of the path"


def probability_lines(
    probs: NDArray[np.floating],
    names: Sequence[str],
    colours: Sequence[str],
    dark: bool,
    *,
    source: int,
    target: int,
    at: int,
    stop: Number,
    symbol: str,
    height: int = 300,
) -> go.Figure:
    """Draw the probability of each class, one line per class, labelled in the figure.

    Args:
        probs: (frames, classes), rows sum to 1.
        names: One per class.
        colours: One per class, `#rrggbb`.
        dark: Whether the page has a dark theme.
        source: The class at the first frame: a dashed line.
        target: The target class: a thick line.
        at: The frame to mark.
        stop: The probability at which the target counts as reached.
        symbol: Symbol for the axis.
        height: Height on the screen, in pixels.
    """
    along, names = np.linspace(0, 1, len(probs)), [literal(name) for name in names]
    seen = [c for c in range(len(names)) if probs[:, c].max() >= SEEN or c in (source, target)]
    lines = [
        go.Scatter(
            x=along,
            y=probs[:, c],
            name=names[c],
            mode="lines",
            line=_stroke(c, source, target, colours[c]),
            hovertemplate=f"{names[c]}: %{{y:.1%}} at %{{x:.0%}} of the path<extra></extra>",
        )
        for c in sorted(seen, key=lambda c: (c == target, c == source))
    ]
    return styled(
        lines,
        dark,
        height=height,
        margin={"l": 8, "r": 14, "t": 22, "b": 8},
        xaxis={"tickformat": ".0%", "range": [-0.02, 1.02], "title": {"text": PATH_AXIS}},
        yaxis={
            "tickformat": ".0%",
            "range": [-0.03, 1.06],
            "tickvals": [0, 0.5, 1],
            "title": {"text": symbol},
        },
        shapes=[_marker(along[at], dark), _level(stop, dark)],
        annotations=_names(probs, along, seen, names, dark, source, target),
    )


def density_lines(
    density: NDArray[np.floating],
    usual: tuple[Number, Number, Number],
    dark: bool,
    *,
    at: int,
    height: int = 300,
) -> go.Figure:
    """Draw log p(z) along the path, over the range of real images' codes.

    Args:
        density: (frames,), in nats.
        usual: The 5th, 50th and 95th percentile over real images.
        dark: Whether the page has a dark theme.
        at: The frame to mark.
        height: Height on the screen, in pixels.
    """
    along, (low, middle, high) = np.linspace(0, 1, len(density)), usual
    line = go.Scatter(
        x=along,
        y=density,
        mode="lines+markers",
        line={"color": theme.ink(dark), "width": 2.5},
        marker={"size": 5},
        hovertemplate="%{y:.1f} nats at %{x:.0%} of the path<extra></extra>",
    )
    least, most = min(low, float(density.min())), max(high, float(density.max()))
    room = 0.12 * max(most - least, 1.0)
    band = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high}
    fill = {"fillcolor": theme.CATEGORIES[0], "opacity": 0.18, "line": {"width": 0}}
    mean = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": middle, "y1": middle}
    words = {"text": "9 in 10 real images", "xref": "paper", "x": 0.01, "y": high}
    return styled(
        [line],
        dark,
        height=height,
        margin={"l": 8, "r": 14, "t": 22, "b": 8},
        xaxis={"tickformat": ".0%", "range": [-0.02, 1.02], "title": {"text": PATH_AXIS}},
        yaxis={
            "range": [least - room, most + room],
            "title": {"text": "log p(z), nats"},
            "zeroline": False,
        },
        shapes=[
            band | fill | {"layer": "below"},
            mean | {"line": {"color": theme.CATEGORIES[0], "width": 1, "dash": "dot"}},
            _marker(along[at], dark),
        ],
        annotations=[words | _SMALL | {"xanchor": "left", "yanchor": "top"}],
    )


_SMALL: dict[str, Any] = {"showarrow": False, "font": {"size": 12}}


def _stroke(c: int, source: int, target: int, colour: str) -> dict[str, Any]:
    if c == target:
        return {"color": colour, "width": 4}
    return {"color": colour, "width": 2.5, "dash": "dash" if c == source else "dot"}


def _marker(x: Number, dark: bool) -> dict[str, Any]:
    line = {"color": theme.ink(dark), "width": 1.5}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": x, "x1": x, "line": line}


def _level(y: Number, dark: bool) -> dict[str, Any]:
    line = {"color": theme.ink(dark), "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line,
            "opacity": 0.5}  # fmt: skip


def _names(
    probs: NDArray[np.floating],
    along: NDArray[np.floating],
    seen: Sequence[int],
    names: Sequence[str],
    dark: bool,
    source: int,
    target: int,
) -> list[dict[str, Any]]:
    """Label each line: the source at its start, the target at its end, others at their peak."""
    found = []
    for c in seen:
        at = {source: 0, target: len(probs) - 1}.get(c, int(probs[:, c].argmax()))
        side = "left" if along[at] < 0.1 else "right" if along[at] > 0.9 else "center"
        bold = f"<b>{names[c]}</b>" if c in (source, target) else names[c]
        place = {"x": along[at], "y": min(float(probs[at, c]), 1.0), "xanchor": side}
        shift = {"left": 6, "right": -6, "center": 0}[side]
        text = {"text": bold, "yanchor": "bottom", "yshift": 2, "xshift": shift}
        found.append({**place, **text, "showarrow": False, "font": {"color": theme.ink(dark)}})
    return found
