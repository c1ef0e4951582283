"""A sheet to draw an image on with mouse, finger or keyboard."""

import base64
import binascii
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui import frontend

KEY = "draw pad"
SIDE = 112
"""Side of the drawing in pixels, four per pixel of the model's input."""

_pad = frontend.component(__file__, "draw_pad")


def draw_pad(
    shown: NDArray[np.uint8] | None,
    *,
    name: str,
    drawn: bool,
    on_draw: Callable[[NDArray[np.uint8] | None], None],
) -> None:
    """Show the sheet; each stroke passes the drawing to `on_draw`.

    Args:
        shown: Image (28, 28) on the sheet, to be drawn on; None for an empty sheet.
        name: Id of the selected image; the sheet changes with it.
        drawn: Whether that image was drawn on this sheet, which then stays as it is.
        on_draw: Called before the page runs again, with the ink (112, 112), up to 255, or None for
            an empty sheet.
    """
    data = {
        "token": name,
        "drawn": drawn,
        "seed": "" if shown is None else base64.b64encode(shown.tobytes()).decode(),
        "label": "Sheet to draw on. Arrow keys move the pen, Space puts it down and lifts "
        "it, Backspace takes a stroke back, Delete clears.",
    }
    _pad(
        key=KEY,
        data=data,
        on_ink_change=state.from_component(KEY, "ink", lambda ink: on_draw(_pixels(ink))),
    )


def _pixels(ink: object) -> NDArray[np.uint8] | None:
    """Return the pixels that the browser sent; None for an empty sheet or invalid data."""
    try:
        content = base64.b64decode(str(ink), validate=True)
    except (binascii.Error, ValueError):
        return None
    pixels = np.frombuffer(content, np.uint8)
    return pixels.reshape(SIDE, SIDE) if pixels.size == SIDE**2 and pixels.any() else None
