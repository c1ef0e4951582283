"""Files of images along lines in latent space, one row per line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.ui import download
from xai_core.plots import sprites
from xai_core.plots.image_sheet import Row
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

STEPS = 13
"""Images per row."""


def columns(reach: float) -> list[str]:
    """Name the offsets of the images of a row."""
    return [signed(v, 1) for v in np.linspace(-reach, reach, STEPS)]


def downloads(
    bundle: "Bundle", images: NDArray[np.floating], names: Sequence[str], *, name: str,
    title: str, reach: float, **about: object,
) -> None:  # fmt: skip
    """Offer rows of images as a picture and for print.

    Args:
        bundle: Named in the files.
        images: (rows, STEPS) pictures in [0, 1].
        names: One per row.
        name: Part of the files' names, unique on the page.
        title: Title of the figure, with the unit of the offsets.
        reach: The last offset.
        about: Further provenance.
    """
    sheet = sprites.sheet(images.reshape(-1, *images.shape[2:]), columns=STEPS, gap=1)
    download.picture(bundle, sheet, name=name, reach=reach, **about)
    rows = [Row(name=n, values=v, kind="ink") for n, v in zip(names, images, strict=True)]
    about |= {"reach": reach}
    download.for_print(bundle, rows, columns(reach), name=name, title=title, unit="", **about)
