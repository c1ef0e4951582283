"""Static charts as SVG, each with a table of its values: lines, marks, pictures, colour bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from . import sprites, theme
from .style import one_line

__all__ = [
    "BAR",
    "FONT",
    "MARKS",
    "Drawing",
    "Values",
    "breadth",
    "colour_bar",
    "grid_line",
    "heat_cell",
    "legend",
    "mark",
    "picture",
    "rectangle",
    "segment",
    "text",
]

FONT = "Source Sans, Source Sans 3, Helvetica Neue, Arial, sans-serif"
LETTER = 7.0
"""Estimated width of a letter."""
BAR = 46
"""Height of a colour bar with its numbers and its title."""
DASHES = {"": "", "dash": "8 5", "dot": "2 4"}
_STAR, _PENTAGON = (
    "M" + "L".join(
        f"{(r := inner if k % 2 and inner else 1.25) * math.sin(math.tau * k / n):.2f} "
        f"{-r * math.cos(math.tau * k / n):.2f}"
        for k in range(n)
    ) + "z"
    for n, inner in ((10, 0.5), (5, None))
)  # fmt: skip
MARKS = {
    "circle": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",
    "square": "M-.9-.9h1.8v1.8h-1.8z",
    "diamond": "M0-1.25L1.25 0 0 1.25-1.25 0z",
    "triangle": "M0-1.2L1.15.85h-2.3z",
    "cross": "M-.35-1.1h.7v.75h.75v.7h-.75v.75h-.7v-.75h-.75v-.7h.75z",
    "x": "M-1.1-.6L-.6-1.1 0-.5 .6-1.1 1.1-.6 .5 0 1.1.6 .6 1.1 0 .5-.6 1.1-1.1.6-.5 0z",
    "star": _STAR,
    "pointing down": "M0 1.2L1.15-.85h-2.3z",
    "pentagon": _PENTAGON,
    "hourglass": "M-1-1h2L-1 1h2z",
}
"""Marks as paths of radius 1 about 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """Numbers under the pixels of a drawing, which a page shows at the pointer.

    Attributes:
        numbers: (rows, columns), NaN where there is none.
        box: Left, top, width and height of the pixels in the drawing.
    """

    numbers: NDArray[np.floating]
    box: tuple[Number, Number, Number, Number]


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """An SVG image that follows the page's text colour, and its table.

    Attributes:
        svg: The image; its text has the colour of the text around it.
        size: Width and height at which its text has 13 screen pixels.
        columns: Names of the table's columns.
        rows: The table's cells, as text.
        values: Numbers of single pixels; the table shows them if it has no rows.
    """

    svg: str
    size: tuple[int, int]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: Values | None = None

    @classmethod
    def of(
        cls,
        size: tuple[Number, Number],
        parts: Sequence[str],
        *,
        columns: Sequence[str] = (),
        rows: Sequence[Sequence[str]] = (),
        values: Values | None = None,
    ) -> "Drawing":
        """Combine SVG elements into one image.

        Args:
            size: Width and height, in the units of the parts.
            parts: SVG elements, whose text is escaped.
            columns: Names of the table's columns.
            rows: The table's cells.
            values: Numbers of single pixels.
        """
        width, height = (math.ceil(side) for side in size)
        frame = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" '
            f'font-family="{FONT}" font-size="13" fill="currentColor">'
        )
        return cls(
            svg="".join([frame, *parts, "</svg>"]),
            size=(width, height),
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
            values=values,
        )


def text(
    words: str,
    x: Number,
    y: Number,
    *,
    anchor: str = "start",
    more: str = "",
    turned: Number = 0,
) -> str:
    """Return a text element; its words are escaped.

    Args:
        words: The text.
        x: Place of its anchor.
        y: Middle of its line.
        anchor: start, middle or end.
        more: Further attributes.
        turned: Degrees by which it is turned clockwise about its anchor.
    """
    turn = f'transform="rotate({turned} {x:.1f} {y:.1f})" ' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" dy="0.35em" text-anchor="{anchor}" '
        f'pointer-events="none" {turn}{more}>{escape(one_line(words))}</text>'
    )


def breadth(names: Sequence[str], most: Number = 150) -> float:
    """Estimate the width of the longest of some names, up to a limit."""
    return min(LETTER * max(map(len, names), default=0), float(most))


def segment(
    points: Sequence[tuple[Number, Number]],
    title: str = "",
    *,
    colour: str = "currentColor",
    width: Number = 1,
    dash: str = "",
    opacity: Number = 1,
) -> str:
    """Draw a line through places; its title shows at the pointer, `dash` is a key of `DASHES`."""
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    broken = f' stroke-dasharray="{DASHES[dash]}"' if dash else ""
    return (
        f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round" opacity="{opacity}"{broken}>{_title(title)}</path>'
    )


def rectangle(
    box: tuple[Number, Number, Number, Number], fill: str, title: str = "", *, opacity: Number = 1
) -> str:
    """Draw a filled rectangle; its title shows at the pointer."""
    x, y, width, height = box
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}" fill-opacity="{opacity}">{_title(title)}</rect>'
    )


def heat_cell(
    box: tuple[Number, Number, Number, Number],
    colour: NDArray[np.uint8],
    said: str,
    title: str,
    *,
    bold: bool = False,
) -> list[str]:
    """Draw a cell of a heat map, with a text in it that is readable on its colour.

    Args:
        box: Left, top, width and height, with the gap to the next cells.
        colour: Red, green and blue.
        said: The text; empty for none.
        title: Shown at the pointer.
        bold: Whether the text is bold.
    """
    x, y, width, height = box
    parts = [rectangle((x, y, width - 1, height - 1), theme.hex_colours(colour[None])[0], title)]
    if said:
        light = colour @ np.array([0.299, 0.587, 0.114]) > 140
        ink = f'fill="{theme.ink(not light)}"' + (' font-weight="700"' if bold else "")
        parts.append(text(said, x + width / 2, y + height / 2, anchor="middle", more=ink))
    return parts


def mark(
    x: Number,
    y: Number,
    title: str = "",
    *,
    kind: str = "circle",
    size: Number = 4,
    colour: str = "currentColor",
    edge: str = "none",
) -> str:
    """Draw a mark of a radius; its title shows at the pointer."""
    return (
        f'<path transform="translate({x:.1f} {y:.1f}) scale({size})" d="{MARKS[kind]}" '
        f'fill="{colour}" stroke="{edge}" stroke-width="2" vector-effect="non-scaling-stroke" '
        f'pointer-events="all">{_title(title)}</path>'
    )


def picture(pixels: NDArray[np.uint8], box: tuple[Number, Number, Number, Number]) -> str:
    """Stretch pixels, (height, width) or (height, width, 3 or 4), over a rectangle."""
    return _image(sprites.data_url(sprites.png(pixels)), box)


def colour_bar(
    colours: NDArray[np.uint8],
    ends: Sequence[str],
    words: str,
    box: tuple[Number, Number, Number],
) -> list[str]:
    """Draw a colour bar, `BAR` high, with its numbers and its title below it.

    Args:
        colours: 256 rows of red, green, blue.
        ends: Numbers at its start, its middle and its end.
        words: What the colours show.
        box: Left, top, width.
    """
    left, top, width = box
    places = zip(ends, (0, width / 2, width), ("start", "middle", "end"), strict=True)
    return [
        _image(sprites.data_url(sprites.png(colours[None])), (left, top, width, 9)),
        *(text(end, left + x, top + 17, anchor=anchor) for end, x, anchor in places),
        text(words, left + width / 2, top + 32, anchor="middle"),
    ]


def legend(
    entries: Sequence[tuple[str, str]], left: Number, top: Number, width: Number
) -> tuple[list[str], float]:
    """List samples, drawn about 0 and 20 wide, with their names in lines; return their height too.

    Args:
        entries: Sample and name of each.
        left: Left edge.
        top: Top edge.
        width: Room for a line.
    """
    x, y, parts = float(left), float(top) + 10, []
    for sample, name in entries:
        room = 30 + breadth([name]) + 14
        if x > left and x + room > left + width:
            x, y = float(left), y + 20
        parts += [
            f'<g transform="translate({x + 10:.1f} {y:.1f})">{sample}</g>',
            text(name, x + 26, y),
        ]
        x += room
    return parts, y + 10 - float(top)


def grid_line(way: str) -> str:
    """Draw a faint line along an SVG path."""
    return f'<path d="{way}" stroke="currentColor" stroke-opacity="0.18" fill="none"/>'


def _image(url: str, box: tuple[Number, Number, Number, Number]) -> str:
    x, y, width, height = box
    return (
        f'<image x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'preserveAspectRatio="none" style="image-rendering: pixelated" href="{url}"/>'
    )


def _title(words: str) -> str:
    return f"<title>{escape(one_line(words))}</title>" if words else ""
