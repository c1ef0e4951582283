"""A mean-field posterior: weights with error bars, a predictive band, two estimators."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = [
    "ascents",
    "band",
    "two_ellipses",
    "variances",
    "weights",
]

ESTIMATOR_COLOURS = {"score": theme.CATEGORIES[6], "reparameterised": theme.CATEGORIES[0]}
ESTIMATOR_NAMES = {"score": "score function", "reparameterised": "reparameterised"}


def weights(
    names: Sequence[str],
    mean: NDArray[np.floating],
    std: NDArray[np.floating],
    dark: bool,
    *,
    row_height: int = 21,
) -> go.Figure:
    """Draw each weight with two standard deviations to both sides, the strongest first.

    Args:
        names: Names of the weights.
        mean: Mean of q(w).
        std: Standard deviation of q(w).
        dark: Whether the page has a dark theme.
        row_height: Screen pixels per weight.
    """
    order = np.argsort(-np.abs(mean), kind="stable")
    clear = np.abs(mean) > 2 * std
    colours = [theme.CATEGORIES[0] if clear[i] else theme.CATEGORIES[3] for i in order]
    bars = go.Scatter(
        x=mean[order],
        y=[names[i] for i in order],
        mode="markers",
        marker={"color": colours, "size": 8},
        error_x={"type": "data", "array": 2 * std[order], "color": theme.CATEGORIES[8],
                 "thickness": 1.5, "width": 3},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )  # fmt: skip
    return styled(
        [bars],
        dark,
        height=row_height * len(names) + 60,
        xaxis={"title": {"text": "weight, by standard deviation of the latent"}, "zeroline": True},
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )


def band(
    reach: NDArray[np.floating],
    probs: NDArray[np.floating],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    axis: str,
    dark: bool,
    *,
    height: int = 300,
) -> go.Figure:
    """Draw p(y = 1) against one latent, with its 95 % band under q(w).

    Args:
        reach: Offsets of the latent; 0 is the image itself.
        probs: Prediction.
        low: Lower edge of 95 %.
        high: Upper edge.
        axis: Name of the latent, for the axis.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    accent = theme.CATEGORIES[0]
    area = go.Scatter(
        x=np.concatenate([reach, reach[::-1]]), y=np.concatenate([high, low[::-1]]),
        fill="toself", fillcolor=accent + "33", line={"width": 0}, mode="lines", hoverinfo="skip",
    )  # fmt: skip
    line = go.Scatter(
        x=reach, y=probs, mode="lines", line={"color": accent, "width": 2},
        hovertemplate="%{x:+.1f}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    here = int(np.abs(reach).argmin())
    dot = go.Scatter(
        x=reach[here : here + 1], y=probs[here : here + 1], mode="markers", hoverinfo="skip",
        marker={"color": theme.ink(dark), "size": 10, "symbol": "diamond"},
    )  # fmt: skip
    return styled(
        [area, line, dot],
        dark,
        height=height,
        xaxis={"title": {"text": axis}},
        yaxis={"range": [-0.03, 1.03], "tickformat": ".0%", "title": {"text": "p(yes)"}},
    )


def variances(
    counts: Sequence[int],
    variance: Mapping[str, Sequence[Number]],
    dark: bool,
    *,
    height: int = 290,
) -> go.Figure:
    """Draw both estimators' variance against the draws behind an estimate, both axes logarithmic.

    Args:
        counts: Draws of w in one estimate.
        variance: Summed over parameters, for each count, by estimator.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    traces = [
        go.Scatter(
            x=list(counts),
            y=list(values),
            name=ESTIMATOR_NAMES[name],
            mode="lines+markers",
            line={"color": ESTIMATOR_COLOURS[name], "width": 2},
            hovertemplate=f"{ESTIMATOR_NAMES[name]}, %{{x}} draws: %{{y:.3g}}<extra></extra>",
        )
        for name, values in variance.items()
    ]
    return styled(
        traces,
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"type": "log", "title": {"text": "draws of w in one estimate"},
               "tickvals": list(counts), "ticktext": [str(c) for c in counts]},
        yaxis={"type": "log", "title": {"text": "variance of the gradient"},
               "exponentformat": "power", "dtick": 1},
    )  # fmt: skip


def ascents(
    elbos: Mapping[str, NDArray[np.floating]], every: int, dark: bool, *, height: int = 290
) -> go.Figure:
    """Draw the exact ELBO over the steps of both estimators.

    Args:
        elbos: ELBO in nats, every `every` steps, by estimator.
        every: Steps between two values.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    traces = [
        go.Scatter(
            x=every * np.arange(len(values)),
            y=values,
            name=ESTIMATOR_NAMES[name],
            mode="lines",
            line={"color": ESTIMATOR_COLOURS[name], "width": 2},
            hovertemplate=f"{ESTIMATOR_NAMES[name]}, step %{{x}}: %{{y:.1f}}<extra></extra>",
        )
        for name, values in elbos.items()
    ]
    best = max(float(values.max()) for values in elbos.values())
    start = min(float(values[0]) for values in elbos.values())
    return styled(
        traces,
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "step"}},
        yaxis={"title": {"text": "ELBO of the probe, nats"},
               "range": [start - 0.3 * (best - start), best + 0.1 * (best - start)]},
    )  # fmt: skip


def two_ellipses(
    rho: Number,
    means: Sequence[tuple[Number, Number]],
    variance: Number,
    dark: bool,
    *,
    height: int = 380,
) -> go.Figure:
    """Draw a correlated Gaussian and an independent one, with the path of the latter's mean.

    Args:
        rho: Correlation of the first, of mean 0 and variances 1.
        means: Means of the second, step by step.
        variance: Variance of both factors of the second.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    angle = np.linspace(0, 2 * np.pi, 120)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    root = np.linalg.cholesky(np.array([[1.0, float(rho)], [float(rho), 1.0]]))
    last = np.array(means[-1], dtype=float)
    traces = []
    for size in (1, 2):
        target = size * root @ circle
        own = last[:, None] + size * np.sqrt(float(variance)) * circle
        for (x, y), name, colour, dash in (
            (target, "p", theme.ink(dark), "solid"),
            (own, "q", theme.CATEGORIES[0], "dash"),
        ):
            traces.append(
                go.Scatter(
                    x=x, y=y, mode="lines", name=name, showlegend=size == 1, hoverinfo="skip",
                    line={"color": colour, "dash": dash, "width": 2 / size + 0.5},
                )
            )  # fmt: skip
    path = np.array(means, dtype=float)
    traces.append(
        go.Scatter(
            x=path[:, 0], y=path[:, 1], mode="lines+markers", name="mean of q",
            line={"color": theme.CATEGORIES[1], "width": 1.5}, marker={"size": 6},
            hovertemplate="(%{x:.3f}, %{y:.3f})<extra></extra>",
        )
    )  # fmt: skip
    return styled(
        traces,
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "z\u2081"}, "range": [-3.4, 3.4]},
        yaxis={"title": {"text": "z\u2082"}, "range": [-3.4, 3.4], "scaleanchor": "x"},
    )
