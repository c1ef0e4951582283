"""A sheet of counterfactuals: input, reconstruction, counterfactual, and the ink changed."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import sprites

if TYPE_CHECKING:
    from ...counterfactual.api import Counterfactual

__all__ = ["draw_counterfactuals"]

SIDE = 84
"""Approximate side of an image on the sheet, in pixels."""
GAP = 8
TEXT_WIDTH = 190
HEADER = 24
ADDED, REMOVED = (216, 84, 34), (38, 110, 196)
INK = (20, 24, 32)
MUTED = (96, 104, 116)
COLUMNS = ("input", "reconstruction", "counterfactual", "ink changed")


def draw_counterfactuals(found: "Counterfactual", *, rows: int = 64) -> Image.Image:
    """Draw one row per image: input, reconstruction, counterfactual and the ink changed.

    Added ink is orange, removed ink blue.

    Args:
        found: Results.
        rows: Largest number of rows drawn, from the first.
    """
    count = min(rows, len(found))
    scale = max(1, round(SIDE / max(found.images.shape[2:])))
    height, width = (scale * size for size in found.images.shape[2:])
    sheet = Image.new(
        "RGB",
        (4 * (width + GAP) + GAP + TEXT_WIDTH, HEADER + count * (height + GAP) + GAP),
        "white",
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for place, title in enumerate(COLUMNS):
        pen.text((GAP + place * (width + GAP), 6), title, fill=MUTED, font=font)
    for row in range(count):
        top = HEADER + row * (height + GAP)
        images = [part[row].numpy() for part in
                  (found.images, found.reconstructions, found.counterfactuals)]  # fmt: skip
        change = (images[2] - images[0]).mean(0)
        for place, cell in enumerate((*sprites.rgb(np.stack(images)), _change(change))):
            picture = Image.fromarray(cell).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (GAP + place * (width + GAP), top))
        left = 4 * (width + GAP) + GAP
        for line, text in enumerate(_caption(found, row)):
            pen.text((left, top + 16 * line), text, fill=INK if not line else MUTED, font=font)
    return sheet


def _change(change: np.ndarray) -> np.ndarray:
    """Blend white with the colour of added or removed ink."""
    colour = np.where(change[..., None] > 0, ADDED, REMOVED)
    strength = np.abs(change)[..., None].clip(0, 1)
    return np.rint(255 + (colour - 255) * strength).astype(np.uint8)


def _caption(found: "Counterfactual", row: int) -> tuple[str, ...]:
    source, target = int(found.source[row]), int(found.target[row])
    reached = float(found.probabilities[row, target])
    state = "converged" if found.converged[row] else "not converged"
    return (
        f"{source} to {target}, {state}",
        f"p({target}) = {reached:.4f}",
        f"L1 {float(found.l1[row]):.1f} ink, L2 {float(found.l2[row]):.2f}",
    )
