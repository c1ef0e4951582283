"""Rows of images and maps on one scale, coloured once for page and print."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .._numbers import Number
from . import sprites, style, theme
from .drawing import BAR, Drawing, Values, breadth, colour_bar, picture, text
from .style import literal, styled

__all__ = [
    "Row",
    "Sheet",
    "compose",
    "drawing",
    "figure",
    "shared_limit",
]

GAP = 2
"""Pixels between images."""
NAMES = 27
"""Height of the columns' names in screen pixels."""
WIDTH = 900
"""Width of a drawing of a sheet."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One row of a sheet.

    Attributes:
        name: Name at its left.
        values: Ink in [0, 1] or values of a map: (images, height, width), or (images, channels,
            height, width).
        kind: "ink" is drawn as is, grey or colour; "map" averages channels and diverges about 0,
            warm where positive.
        limit: For a map, the absolute value at both ends of the colour scale, one for all images.
        under: Ink, in the form of `values`, visible through a map.
    """

    name: str
    values: NDArray[np.floating]
    kind: Literal["ink", "map"] = "map"
    limit: Number = 1.0
    under: NDArray[np.floating] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """A sheet's pixels and their values.

    Attributes:
        pixels: (height, width, 3) colours.
        numbers: (height, width) values, NaN between images.
        rows: Names of the rows.
        columns: Names of the columns.
        limits: The maps' scales, one per row; None for ink.
        cell: Height and width of an image.
    """

    pixels: NDArray[np.uint8]
    numbers: NDArray[np.float32]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    limits: tuple[Number | None, ...]
    cell: tuple[int, int]


def shared_limit(maps: Sequence[NDArray[np.floating]], quantile: Number = 0.998) -> float:
    """Return a common scale for maps: a high quantile of their absolute values."""
    sizes = np.concatenate([np.abs(np.asarray(part)).ravel() for part in maps])
    sizes = sizes[~np.isnan(sizes)]  # a group without images has no mean
    return max(float(np.quantile(sizes, quantile)), 1e-9) if sizes.size else 1.0


def compose(
    rows: Sequence[Row], columns: Sequence[str], dark: bool, *, through: Number = 0.0
) -> Sheet:
    """Colour images and arrange them, one row per entry.

    Args:
        rows: Rows with one image per column.
        columns: Names above the images.
        dark: Whether the page has a dark theme.
        through: Opacity of the ink below a map, 0 to 1.
    """
    page = 24 if dark else 255
    pixels = [sprites.sheet(_coloured(r, dark, through), len(columns), GAP, page) for r in rows]
    numbers = [_numbers(row.values) for row in rows]
    between = np.full((GAP, *pixels[0].shape[1:]), page, np.uint8)
    nothing = np.full((GAP, numbers[0].shape[1]), np.nan, np.float32)
    return Sheet(
        pixels=np.concatenate([part for p in pixels for part in (p, between)][:-1]),
        numbers=np.concatenate([part for n in numbers for part in (n, nothing)][:-1]),
        rows=tuple(row.name for row in rows),
        columns=tuple(columns),
        limits=tuple(row.limit if row.kind == "map" else None for row in rows),
        cell=(rows[0].values.shape[-2], rows[0].values.shape[-1]),
    )


def figure(sheet: Sheet, dark: bool, *, unit: str, height: int) -> go.Figure:
    """Draw a sheet; hovering over a pixel shows its value.

    Args:
        sheet: From `compose`.
        dark: Whether the page has a dark theme.
        unit: Unit of a map's values.
        height: Height on the screen, in pixels.
    """
    down, across = (
        [(side + GAP) * i + (side - 1) / 2 for i in range(count)]
        for side, count in zip(sheet.cell, (len(sheet.rows), len(sheet.columns)), strict=True)
    )
    picture = go.Image(source=sprites.data_url(sprites.png(sheet.pixels)), hoverinfo="skip")
    numbers = go.Heatmap(
        z=sheet.numbers,
        opacity=0,
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{z:.3~g}<extra></extra>",
    )
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "ticklabelstandoff": 4}
    bar = _bar(sheet, dark, unit)
    return styled(
        [picture, numbers, *bar],
        dark,
        height=height,
        margin={"t": style.BAR + NAMES if bar else NAMES},
        xaxis={
            **axis,
            "side": "top",
            "tickvals": across,
            "ticktext": [literal(name) for name in sheet.columns],
            "range": [-0.5, sheet.pixels.shape[1] - 0.5],
            "constrain": "domain",
        },
        yaxis={
            **axis,
            "tickvals": down,
            "ticktext": [literal(name) for name in sheet.rows],
            "range": [sheet.pixels.shape[0] - 0.5, -0.5],
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "top",
        },
    )


def drawing(sheet: Sheet, dark: bool, *, unit: str, width: Number = WIDTH) -> Drawing:
    """Draw a sheet as SVG, with the value of each pixel.

    Args:
        sheet: From `compose`.
        dark: Whether the page has a dark theme.
        unit: Unit of a map's values.
        width: Width of the drawing.
    """
    limit, left = _limit(sheet), breadth(sheet.rows) + 14 if any(sheet.rows) else 0
    top = (0 if limit is None else BAR) + (NAMES - 5 if any(sheet.columns) else 0)
    scale = (width - left) / sheet.pixels.shape[1]
    box = (left, top, width - left, scale * sheet.pixels.shape[0])
    down, across = (scale * (side + GAP) for side in sheet.cell)
    middle = (scale * sheet.cell[0] / 2, scale * sheet.cell[1] / 2)
    parts = [picture(sheet.pixels, box)]
    parts += [
        text(name, left - 6, top + down * k + middle[0], anchor="end")
        for k, name in enumerate(sheet.rows)
    ]
    parts += [
        text(name, left + across * k + middle[1], top - 11, anchor="middle")
        for k, name in enumerate(sheet.columns)
    ]
    if limit is not None:
        place = (left + 0.2 * box[2], 0, 0.6 * box[2])
        parts += colour_bar(theme.diverging(dark), _ends(limit), unit, place)
    return Drawing.of((width, top + box[3]), parts, values=Values(numbers=sheet.numbers, box=box))


def _coloured(row: Row, dark: bool, through: Number) -> NDArray[np.uint8]:
    if row.kind == "ink":
        return sprites.rgb(row.values)
    colours = theme.colourise(sprites.levels(row.values), theme.diverging(dark), row.limit)
    if row.under is None or not through:
        return colours
    ink = sprites.rgb(row.under)
    return (colours * (1 - through) + ink * through).round().astype(np.uint8)


def _numbers(values: NDArray[np.floating]) -> NDArray[np.float32]:
    numbers = sprites.levels(values)
    count, height, width = numbers.shape
    cells = np.full((height, count, width + GAP), np.nan, np.float32)
    cells[..., :width] = numbers.swapaxes(0, 1)
    return cells.reshape(height, -1)[:, : count * (width + GAP) - GAP]


def _limit(sheet: Sheet) -> Number | None:
    """Return the limit of the maps' colours if they share one scale."""
    limits = {limit for limit in sheet.limits if limit is not None}
    return limits.pop() if len(limits) == 1 else None


def _ends(limit: Number) -> tuple[str, str, str]:
    return f"\N{MINUS SIGN}{limit:.2g}", "0", f"+{limit:.2g}"


def _bar(sheet: Sheet, dark: bool, unit: str) -> list[go.Heatmap]:
    """Return the colour bar of the maps if they share one scale."""
    limit = _limit(sheet)
    if limit is None:
        return []
    scale = theme.plotly_scale(theme.diverging(dark), 33)
    bar = style.colour_bar(unit, _ends(limit), (-limit, 0, limit)) | {"len": 0.6, "x": 0.5}
    return [
        go.Heatmap(
            z=[[0]],
            x=[-99],
            y=[-99],
            opacity=0,
            hoverinfo="skip",
            colorscale=scale,
            zmin=-limit,
            zmax=limit,
            colorbar=bar,
        )
    ]
