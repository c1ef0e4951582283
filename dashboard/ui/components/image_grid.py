"""Small images with sharp pixels: one picture, or a grid whose images can be clicked."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui import frontend
from xai_core.plots import sprites

SHEET_COLUMNS = 20

_grid = frontend.component(__file__, "image_grid", html='<div class="grid" role="list"></div>\n')


def picture(
    pixels: NDArray[np.generic],
    *,
    alt: str,
    key: str,
    width: int | Literal["stretch"] = "stretch",
    caption: str | None = None,
) -> None:
    """Show one image, or one composed of many, with sharp pixels.

    The image is embedded in the page. The next run of the script would drop a separate file, often
    before the browser has requested it.

    Args:
        pixels: One image in a form that `sprites.pixels` accepts; bytes, or floats in [0, 1].
        alt: A description for screen readers.
        key: Unique on the page.
        width: Width on the screen in pixels, or "stretch".
        caption: Text below.
    """
    with st.container(key=f"picture-{key}", width=width):
        url = sprites.data_url(sprites.png(sprites.pixels(np.asarray(pixels)[None])[0]))
        st.image(url, caption=caption, width=width, alt=alt)


def image_grid(
    images: NDArray[np.generic],
    *,
    alt: Sequence[str],
    key: str,
    captions: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    selected: str | None = None,
    scale: int = 2,
    columns: int | None = None,
    on_pick: Callable[[str], None] = state.select_image,
) -> None:
    """Show small images side by side; with `ids`, each is a button.

    Args:
        images: Images in a form that `sprites.pixels` accepts; bytes, or floats in [0, 1].
        alt: One description per image.
        key: Unique on the page.
        captions: One short text per image; line breaks are kept.
        ids: One id per image, passed to `on_pick` by a click; None if images are not clickable.
        colours: The colour of a bar under each image, `#rrggbb`; colour means cluster.
        selected: Id of the framed image.
        scale: Screen pixels per image pixel.
        columns: Images per row; as many as fit if None.
        on_pick: Called with the id of the clicked image before the page runs again.
    """
    cells = sprites.pixels(images)
    data = {
        "png": sprites.data_url(sprites.sprite_sheet(cells, SHEET_COLUMNS)),
        "count": len(cells),
        "size": list(cells.shape[1:3]),
        "sheet": SHEET_COLUMNS,
        "scale": scale,
        "columns": columns,
        "alt": list(alt),
        "captions": list(captions or ()),
        "ids": list(ids or ()),
        "colours": list(colours or ()),
        "selected": selected,
    }
    _grid(key=key, data=data, on_pick_change=state.from_component(key, "pick", on_pick))
