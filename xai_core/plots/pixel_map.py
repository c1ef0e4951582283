"""One enlarged image with pixel values: ink on a grey scale, or signed values about 0."""

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from . import sprites, theme
from .drawing import BAR, Drawing, Values, colour_bar, picture

__all__ = [
    "concentration",
    "error_limit",
    "ink_map",
    "mask_map",
    "signed_map",
]

ERROR = "input \N{MINUS SIGN} reconstruction"
WIDTH = 320
GREY = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)


def ink_map(values: NDArray[np.floating]) -> Drawing:
    """Draw an image in [0, 1]: (height, width), white on black, or (channels, height, width)."""
    return _map(sprites.rgb(values[None])[0], values, GREY, ("0", "0.5", "1"), "ink")


def signed_map(
    values: NDArray[np.floating],
    dark: bool,
    *,
    limit: Number = 1.0,
    words: str = ERROR,
    under: NDArray[np.floating] | None = None,
) -> Drawing:
    """Draw signed values with a symmetric colour scale about 0.

    Args:
        values: (height, width), or (channels, height, width), which is averaged; such as input
            minus reconstruction.
        dark: Whether the page has a dark theme.
        limit: The absolute value at both ends of the colours.
        words: Description of the values.
        under: An image in [0, 1], whose contour is drawn over the values.
    """
    lut, digits = theme.diverging(dark), 1 if limit >= 0.5 else 2
    ends = (f"\N{MINUS SIGN}{limit:.{digits}f}", "0", f"+{limit:.{digits}f}")
    pixels = theme.colourise(sprites.levels(values[None])[0], lut, limit)
    return _map(pixels, values, lut, ends, words, under)


def mask_map(
    values: NDArray[np.floating],
    ink: NDArray[np.floating],
    dark: bool,
    *,
    limit: Number,
    words: str,
) -> Drawing:
    """Draw which pixels a mask keeps, over the faint image that it belongs to.

    Args:
        values: The mask (height, width), 0 where a pixel is left out.
        ink: The image (height, width), in [0, 1].
        dark: Whether the page has a dark theme.
        limit: The value at the end of the colours.
        words: Description of the values.
    """
    warm, nothing = theme.diverging(dark)[-1], theme.diverging(dark)[128]
    ground = _mixed(nothing, np.array(theme.rgb(theme.muted(dark))), ink)
    pixels = _mixed(ground, warm, np.clip(values / limit, 0, 1))
    scale = _mixed(nothing, warm, np.linspace(0, 1, 256))
    return _map(pixels, values, scale, ("0", f"{limit / 2:.2f}", f"{limit:.2f}"), words, ink)


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


def _map(
    pixels: NDArray[np.uint8],
    values: NDArray[np.floating],
    colours: NDArray[np.uint8],
    ends: tuple[str, str, str],
    words: str,
    under: NDArray[np.floating] | None = None,
) -> Drawing:
    """Draw pixels below their colour bar, with the contour of an image over them."""
    side = WIDTH / pixels.shape[1]
    box = (0, BAR, WIDTH, side * pixels.shape[0])
    parts = [*colour_bar(colours, ends, words, (4, 0, WIDTH - 8)), picture(pixels, box)]
    if under is not None:
        place = f'transform="translate(0 {BAR}) scale({side:.3f})"'
        parts.append(
            f'<path {place} d="{_contour(under)}" fill="none" stroke="currentColor" '
            'stroke-width="1.5" vector-effect="non-scaling-stroke" pointer-events="none"/>'
        )
    numbers = sprites.levels(values[None])[0]
    return Drawing.of((WIDTH, BAR + box[3]), parts, values=Values(numbers=numbers, box=box))


def _contour(image: NDArray[np.floating]) -> str:
    """Return the border between pixels of at least half of the maximal ink and the others."""
    inside = np.pad(np.asarray(image) >= 0.5, 1)
    across = np.argwhere(inside[1:, 1:-1] != inside[:-1, 1:-1])
    down = np.argwhere(inside[1:-1, 1:] != inside[1:-1, :-1])
    return "".join([*(f"M{x} {y}h1" for y, x in across), *(f"M{x} {y}v1" for y, x in down)])


def _mixed(
    low: NDArray[np.integer], high: NDArray[np.integer], share: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Mix two colours by a share per pixel."""
    weight = np.asarray(share, np.float64)[..., None]
    return (low * (1 - weight) + high * weight).round().astype(np.uint8)
