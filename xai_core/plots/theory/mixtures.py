"""A Gaussian mixture at one iteration of EM, and its objective over all of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..._numbers import Number
from .. import theme
from ..style import styled

__all__ = [
    "densities",
    "gaussians",
    "half_step",
    "objectives",
]


def gaussians(
    points: NDArray[np.floating],
    responsibilities: NDArray[np.floating],
    means: NDArray[np.floating],
    covariances: NDArray[np.floating],
    weights: NDArray[np.floating],
    axes: tuple[str, str],
    dark: bool,
    *,
    height: int = 380,
) -> go.Figure:
    """Draw points in the mixed colours of their components, and each component's ellipses.

    Args:
        points: (points, 2).
        responsibilities: (points, clusters), rows sum to one.
        means: (clusters, 2).
        covariances: (clusters, 2, 2).
        weights: (clusters,).
        axes: Names of the two axes.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    palette = theme.categorical(len(means))
    mixed = _blend(responsibilities, palette)
    best = responsibilities.argmax(1)
    dots = go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        marker={"color": mixed, "size": 5, "opacity": 0.75},
        text=[f"component {b}: {r[b]:.0%}" for b, r in zip(best, responsibilities, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )
    rings = [
        _ring(
            means[k], covariances[k], radius, palette[k], f"component {k}, weight {weights[k]:.2f}"
        )
        for k in range(len(means))
        for radius in (1.0, 2.0)
    ]
    centres = go.Scatter(
        x=means[:, 0],
        y=means[:, 1],
        mode="markers",
        marker={"symbol": "cross", "size": 9, "color": palette,
                "line": {"color": theme.ink(dark), "width": 1}},
        hoverinfo="skip",
    )  # fmt: skip
    low, high = points.min(0), points.max(0)
    pad = 0.06 * (high - low) + 1e-9
    return styled(
        [dots, *rings, centres],
        dark,
        height=height,
        xaxis={"title": {"text": axes[0]}, "range": [low[0] - pad[0], high[0] + pad[0]]},
        yaxis={"title": {"text": axes[1]}, "range": [low[1] - pad[1], high[1] + pad[1]]},
    )


def objectives(
    curves: Mapping[str, Sequence[Number]],
    at: int,
    axis: str,
    dark: bool,
    *,
    along: str = "iteration",
    height: int = 230,
) -> go.Figure:
    """Draw objectives against the steps of a fit.

    Args:
        curves: Values at each step, by name.
        at: Selected step.
        axis: Quantity and unit for the axis.
        dark: Whether the page has a dark theme.
        along: What a step is called.
        height: Height on the screen, in pixels.
    """
    colours = (theme.CATEGORIES[0], theme.CATEGORIES[6])
    traces = [
        go.Scatter(
            x=list(range(len(values))),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": [12 if i == min(at, len(values) - 1) else 3
                             for i in range(len(values))]},
            hovertemplate=f"{name}, {along} %{{x}}: %{{y:.4f}}<extra></extra>",
        )
        for (name, values), colour in zip(curves.items(), colours, strict=False)
    ]  # fmt: skip
    return styled(
        traces,
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": along}},
        yaxis={"title": {"text": axis}},
    )


def _blend(shares: NDArray[np.floating], palette: Sequence[str]) -> list[str]:
    rgb = np.array([list(bytes.fromhex(c[1:])) for c in palette], float)
    mixed = (shares @ rgb).round().astype(int).clip(0, 255)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in mixed]


def _ring(
    mean: NDArray[np.floating],
    covariance: NDArray[np.floating],
    radius: Number,
    colour: str,
    text: str,
) -> go.Scatter:
    """Draw the points at `radius` standard deviations from the mean."""
    turn = np.linspace(0, 2 * np.pi, 61)
    values, vectors = np.linalg.eigh(covariance)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    x, y = mean[:, None] + radius * vectors @ (np.sqrt(values)[:, None] * circle)
    return go.Scatter(
        x=x, y=y, mode="lines", text=text, hovertemplate="%{text}<extra></extra>",
        line={"color": colour, "width": 2 if radius == 1 else 1},
    )  # fmt: skip


def densities(
    x: NDArray[np.floating],
    weights: NDArray[np.floating],
    means: NDArray[np.floating],
    variances: NDArray[np.floating],
) -> NDArray[np.floating]:
    """Evaluate each component of a mixture on a line, times its weight: (places, components).

    Args:
        x: (places,).
        weights: (components,), sum 1.
        means: (components,).
        variances: (components,).
    """
    heights = weights / np.sqrt(2 * np.pi * variances)
    return heights * np.exp(-((x[:, None] - means) ** 2) / (2 * variances))


def half_step(
    points: NDArray[np.floating],
    responsibilities: NDArray[np.floating],
    weights: NDArray[np.floating],
    means: NDArray[np.floating],
    variances: NDArray[np.floating],
    centres: NDArray[np.floating],
    dark: bool,
    *,
    height: int = 260,
) -> go.Figure:
    """Draw a mixture of two Gaussians on a line, the points, and the centres of K-means.

    Args:
        points: (points,).
        responsibilities: (points, 2), rows sum to one.
        weights: (2,), sum 1.
        means: (2,).
        variances: (2,).
        centres: (2,), those of K-means.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    pad = 0.2 * (points.max() - points.min())
    x = np.linspace(points.min() - pad, points.max() + pad, 300)
    parts = densities(x, weights, means, variances)
    palette = theme.categorical(2)
    curves = [
        go.Scatter(
            x=x, y=parts[:, k], mode="lines", name=f"component {k + 1}",
            line={"color": palette[k], "width": 2},
            hovertemplate=f"component {k + 1}: %{{y:.4f}}<extra></extra>",
        )
        for k in range(2)
    ]  # fmt: skip
    shares = [f"component 1: {r:.1%}" for r in responsibilities[:, 0]]
    dots = _on_the_line(points, "points", "circle", _blend(responsibilities, palette), dark)
    dots.update(text=shares, hovertemplate="%{x}, %{text}<extra></extra>")
    centre_marks = _on_the_line(centres, "K-means centres", "triangle-up", palette, dark)
    return styled(
        [*curves, dots, centre_marks],
        dark,
        height=height,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "x"}},
        yaxis={"title": {"text": "π p(x)"}, "rangemode": "tozero"},
    )


def _on_the_line(
    x: NDArray[np.floating], name: str, symbol: str, colours: Sequence[str], dark: bool
) -> go.Scatter:
    return go.Scatter(
        x=x, y=np.zeros(len(x)), mode="markers", name=name, cliponaxis=False,
        marker={"symbol": symbol, "size": 13, "color": list(colours),
                "line": {"color": theme.ink(dark), "width": 1}},
        hovertemplate=f"{name}: %{{x:.4f}}<extra></extra>",
    )  # fmt: skip
