"""Images of a page as data URLs, with a variant for dark themes where colours are signed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from ..plots import sprites, theme

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Picture", "drawn", "picture", "signed"]


@dataclass(frozen=True)
class Picture:
    """An image as a data URL, with a variant for dark themes."""

    light: str
    alt: str
    dark: str = ""


def picture(pixels: NDArray[np.generic], alt: str) -> Picture:
    """Return one image, in a form that `sprites.pixels` accepts, as it is in both themes."""
    return Picture(_url(pixels), alt)


def drawn(image: "Tensor") -> NDArray[np.float32]:
    """Return an image (C, H, W) as a picture in [0, 1]."""
    from ..data.io.pixel_values import pictures

    found = pictures(image[None])[0]
    return found / np.float32(255) if found.dtype == np.uint8 else found


def signed(values: NDArray[np.floating], limit: Number, alt: str) -> Picture:
    """Colour signed values (H, W) or (3, H, W); `limit` is the value at the scale's ends."""
    values = values.mean(0) if values.ndim == 3 else values  # of three colours
    light, dark = (
        _url(theme.colourise(values, theme.diverging(night), limit)) for night in (False, True)
    )
    return Picture(light, alt, dark)


def _url(pixels: NDArray[np.generic]) -> str:
    return sprites.data_url(sprites.png(sprites.pixels(np.asarray(pixels)[None])[0]))
