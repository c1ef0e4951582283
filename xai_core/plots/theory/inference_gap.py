"""The ascent from an encoder's Gaussian to the best one of an image, below log p(x)."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = ["COLOURS", "ascent"]

COLOURS = {"amortisation": theme.CATEGORIES[1], "approximation": theme.CATEGORIES[4]}


def ascent(
    steps: Sequence[int],
    elbos: Sequence[Number],
    log_evidence: Number,
    error: Number,
    dark: bool,
    *,
    height: int = 300,
) -> go.Figure:
    """Draw the ELBO against the steps of the ascent, and both gaps as bars to the right.

    Args:
        steps: Steps of the path; the first is the encoder's Gaussian.
        elbos: ELBO at each, in nats.
        log_evidence: log p(x), in nats.
        error: Its standard error.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    last, best = steps[-1], max(elbos)
    beside = 1.07 * last
    line = go.Scatter(
        x=list(steps), y=list(elbos), mode="lines+markers",
        line={"color": theme.CATEGORIES[0], "width": 2},
        hovertemplate="step %{x}: %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    band = go.Scatter(
        x=[0, beside, beside, 0], y=[log_evidence - error] * 2 + [log_evidence + error] * 2,
        fill="toself", fillcolor=theme.ink(dark) + "22", line={"width": 0}, mode="lines",
        hoverinfo="skip",
    )  # fmt: skip
    level = go.Scatter(
        x=[0, beside], y=[log_evidence] * 2, mode="lines",
        line={"color": theme.ink(dark), "dash": "dash", "width": 1.5},
        hovertemplate="log p(x): %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    spans = {"amortisation": (elbos[0], best), "approximation": (best, log_evidence)}
    bars = [
        go.Scatter(
            x=[beside, beside], y=list(span), mode="lines",
            line={"color": COLOURS[name], "width": 12},
            hovertemplate=f"{name} gap: {span[1] - span[0]:.2f} nats<extra></extra>",
        )
        for name, span in spans.items()
    ]  # fmt: skip
    notes = [
        {"x": beside, "y": sum(span) / 2, "text": f"{name} {span[1] - span[0]:.2f}",
         "xanchor": "left", "xshift": 10, "showarrow": False, "font": {"size": 13}}
        for name, span in spans.items()
    ]  # fmt: skip
    return styled(
        [band, level, line, *bars],
        dark,
        height=height,
        annotations=notes,
        xaxis={"title": {"text": "steps of the ascent; 0 is the encoder's q(z|x)"},
               "range": [-0.03 * last, 1.42 * last], "tickvals": list(steps)},
        yaxis={"title": {"text": "nats"}},
    )  # fmt: skip
