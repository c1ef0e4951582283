"""Small static charts as SVG, each with a table of its values."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .._numbers import Number
from .style import one_line

__all__ = [
    "FONT",
    "Drawing",
    "text",
]

FONT = "Source Sans, Source Sans 3, Helvetica Neue, Arial, sans-serif"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """An SVG image that follows the page's text colour, and its table.

    Attributes:
        svg: The image; its text has the colour of the text around it.
        columns: Names of the table's columns.
        rows: The table's cells, as text.
    """

    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        parts: Sequence[str],
        *,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
    ) -> "Drawing":
        """Combine SVG elements into one image.

        Args:
            size: Width and height, in the units of the parts.
            parts: SVG elements, whose text is escaped.
            columns: Names of the table's columns.
            rows: The table's cells.
        """
        width, height = size
        frame = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="{FONT}" font-size="13" fill="currentColor">'
        )
        cells = tuple(tuple(row) for row in rows)
        return cls(svg="".join([frame, *parts, "</svg>"]), columns=tuple(columns), rows=cells)


def text(words: str, x: Number, y: Number, *, anchor: str = "start", more: str = "") -> str:
    """Return a text element; its words are escaped.

    Args:
        words: The text.
        x: Place of its anchor.
        y: Middle of its line.
        anchor: start, middle or end.
        more: Further attributes.
    """
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" dy="0.35em" text-anchor="{anchor}" {more}>'
        f"{escape(one_line(words))}</text>"
    )
