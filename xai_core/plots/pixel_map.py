"""One enlarged image with pixel values: ink on a grey scale, or signed values about 0."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .._numbers import Number
from . import sprites, theme
from .style import BAR, colour_bar, styled

__all__ = [
    "concentration",
    "error_limit",
    "ink_map",
    "mask_map",
    "signed_map",
]

ERROR = "input \N{MINUS SIGN} reconstruction"
PIXEL = "row %{y}, column %{x}<br>red, green, blue: %{z}<extra></extra>"
MARGIN = {"l": 0, "r": 0, "t": BAR, "b": 0}
INK = [(0.0, "#000000"), (1.0, "#ffffff")]


def ink_map(values: NDArray[np.floating], dark: bool, *, height: int = 350) -> go.Figure:
    """Draw an image in [0, 1]: (height, width), white on black, or (channels, height, width)."""
    if values.ndim == 3 and len(values) == 3:
        picture = go.Image(z=sprites.rgb(values[None])[0], hovertemplate=PIXEL)
        return styled([picture], dark, height=height, margin=MARGIN, **_axes())
    return _map(values, INK, (0.0, 1.0), ("0", "0.5", "1"), "ink", "%{z:.2f}", dark, height)


def signed_map(
    values: NDArray[np.floating],
    dark: bool,
    *,
    limit: Number = 1.0,
    words: str = ERROR,
    height: int = 350,
    under: NDArray[np.floating] | None = None,
) -> go.Figure:
    """Draw signed values with a symmetric colour scale about 0.

    Args:
        values: (height, width), or (channels, height, width), which is averaged; such as input
            minus reconstruction.
        dark: Whether the page has a dark theme.
        limit: The absolute value at both ends of the colours.
        words: Description of the values.
        height: Height on the screen, in pixels.
        under: An image in [0, 1], whose contour is drawn over the values.
    """
    scale = theme.plotly_scale(theme.diverging(dark), 33)
    digits = 1 if limit >= 0.5 else 2
    ends = (f"\N{MINUS SIGN}{limit:.{digits}f}", "0", f"+{limit:.{digits}f}")
    figure = _map(values, scale, (-limit, limit), ends, words, "%{z:+.2f}", dark, height)
    return figure if under is None else figure.add_trace(_contour(under, dark))


def mask_map(
    values: NDArray[np.floating],
    ink: NDArray[np.floating],
    dark: bool,
    *,
    limit: Number,
    words: str,
    height: int = 350,
) -> go.Figure:
    """Draw which pixels a mask keeps, over the faint image that it belongs to.

    Args:
        values: The mask (height, width), 0 where a pixel is left out.
        ink: The image (height, width), in [0, 1].
        dark: Whether the page has a dark theme.
        limit: The value at the end of the colours.
        words: Description of the values.
        height: Height on the screen, in pixels.
    """
    red, green, blue = (int(part) for part in theme.diverging(dark)[-1])
    warm = [(0.0, f"rgba({red}, {green}, {blue}, 0)"), (1.0, f"rgb({red}, {green}, {blue})")]
    ends = ("0", f"{limit / 2:.2f}", f"{limit:.2f}")
    figure = _map(values, warm, (0.0, limit), ends, words, "%{z:.2f}", dark, height)
    nothing = theme.hex_colours(theme.diverging(dark)[128:129])[0]
    ground = go.Heatmap(
        z=np.asarray(ink, np.float32),
        colorscale=[(0.0, nothing), (1.0, theme.muted(dark))],
        zmin=0,
        zmax=1,
        showscale=False,
        hoverinfo="skip",
    )
    figure.add_trace(ground)
    figure.data = (figure.data[-1], *figure.data[:-1])
    return figure.add_trace(_contour(ink, dark))


def error_limit(error: NDArray[np.floating]) -> float:
    """Return the largest absolute error, the end of its colour scale."""
    return max(float(np.ceil(np.abs(error).max() * 20) / 20), 0.05)


def concentration(values: NDArray[np.floating], drawn: NDArray[np.bool_]) -> tuple[int, float]:
    """Return how many pixels hold half of a map's absolute weight, and its share on the ink.

    Args:
        values: (height, width).
        drawn: Mask of the ink (height, width).
    """
    weight = np.abs(np.asarray(values, np.float64))
    total = float(weight.sum())
    if not total:
        return 0, 0.0
    sums = np.sort(weight, axis=None)[::-1].cumsum()
    return int(np.searchsorted(sums, total / 2)) + 1, float(weight[drawn].sum() / total)


def _contour(image: NDArray[np.floating], dark: bool) -> go.Contour:
    """Draw the contour of an image at half of its maximal ink."""
    return go.Contour(
        z=np.asarray(image, np.float32),
        contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
        line={"color": theme.ink(dark), "width": 1.5, "smoothing": 0.6},
        showscale=False,
        hoverinfo="skip",
    )


def _map(
    values: NDArray[np.floating],
    scale: list[tuple[float, str]],
    span: tuple[Number, Number],
    ends: tuple[str, str, str],
    words: str,
    number: str,
    dark: bool,
    height: int,
) -> go.Figure:
    trace = go.Heatmap(
        z=np.asarray(values if values.ndim == 2 else values.mean(0), np.float32),
        colorscale=scale,
        zmin=span[0],
        zmax=span[1],
        colorbar=colour_bar(words, ends, (span[0], sum(span) / 2, span[1])),
        hovertemplate=f"row %{{y}}, column %{{x}}<br>{words}: {number}<extra></extra>",
    )
    return styled(
        [trace],
        dark,
        height=height,
        margin=MARGIN,
        **_axes(),
    )


def _axes() -> dict[str, Any]:
    shared = {"visible": False, "constrain": "domain"}
    upright = {"autorange": "reversed", "scaleanchor": "x", "constraintoward": "top"}
    return {"xaxis": shared, "yaxis": {**shared, **upright}}
