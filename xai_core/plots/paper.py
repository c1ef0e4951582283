"""A sheet of images as a figure for print: names at its sides, a scale below, PNG or SVG.

The pixels come from `image_sheet.compose`, which the page uses too.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from .._numbers import Number
from . import sprites, theme
from .image_sheet import GAP, Sheet

__all__ = [
    "Paper",
    "lay_out",
    "png",
    "svg",
]

SIDE = 84
"""Approximate side of an image in printed pixels: three per pixel of a 28-pixel side."""
TEXT = 13
"""Font size in printed pixels."""
FONT = "'Source Sans 3', 'Source Sans Pro', 'Helvetica Neue', Arial, sans-serif"
INK, MUTED = "#1c2330", "#5b6472"
PAD = 12


@dataclass(frozen=True, kw_only=True)
class _Text:
    """Text, anchored at its start, middle or end, vertically centred."""

    x: Number
    y: Number
    words: str
    anchor: str = "start"
    colour: str = INK
    size: int = TEXT


@dataclass(frozen=True, kw_only=True, eq=False)
class _Picture:
    """Pixels stretched over a rectangle."""

    x: int
    y: int
    width: int
    height: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Paper:
    """The layout of a figure; sizes in printed pixels.

    Attributes:
        width: Width of the figure.
        height: Height of the figure.
        pictures: Images, drawn first.
        texts: Texts, drawn over them.
        title: Title, also used as alternative text.
        about: Provenance, written into the file.
    """

    width: int
    height: int
    pictures: tuple[_Picture, ...]
    texts: tuple[_Text, ...]
    title: str
    about: Mapping[str, object]


def lay_out(sheet: Sheet, *, title: str, unit: str, about: Mapping[str, object]) -> Paper:
    """Put a title, names and a scale around a light sheet.

    Args:
        sheet: From `image_sheet.compose`, not dark.
        title: Title at the top.
        unit: Unit of a map's values, below the scale.
        about: Bundle, method, images, version.
    """
    scale = max(1, round(SIDE / max(sheet.cell)))
    down, across = (scale * (side + GAP) for side in sheet.cell)
    columns = _wrapped(sheet.columns, across - 4)
    lines = max((len(words) for words in columns), default=0)
    left = PAD + max([_width(name) for name in sheet.rows], default=0) + 8
    top = PAD + 2 * TEXT + lines * (TEXT + 2) + 6
    height, width = (scale * size for size in sheet.pixels.shape[:2])
    texts = [_Text(x=PAD, y=PAD + TEXT / 2, words=title, size=TEXT + 2)]
    for row, name in enumerate(sheet.rows):
        y = top + row * down + scale * sheet.cell[0] // 2
        texts.append(_Text(x=left - 8, y=y, words=name, anchor="end"))
    for column, words in enumerate(columns):
        for line, part in enumerate(words):
            above = top - 6 - (len(words) - line - 0.5) * (TEXT + 2)
            texts.append(
                _Text(
                    x=left + column * across + scale * sheet.cell[1] // 2,
                    y=above,
                    words=part,
                    anchor="middle",
                    colour=MUTED,
                    size=TEXT - 2,
                )
            )
    pictures = [_Picture(x=left, y=top, width=width, height=height, pixels=sheet.pixels)]
    below = top + height + PAD
    bar, of_bar, below = _scale(sheet, left, below, width, unit)
    return Paper(
        width=max(left + width, PAD + _width(title, TEXT + 2)) + PAD,
        height=below,
        pictures=(*pictures, *bar),
        texts=(*texts, *of_bar),
        title=title,
        about=about,
    )


def svg(paper: Paper) -> bytes:
    """Write a figure as SVG, with text as text and images embedded pixel by pixel."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{paper.width}" height="{paper.height}" '
        f'viewBox="0 0 {paper.width} {paper.height}" role="img" font-family="{FONT}">',
        f"<title>{escape(paper.title)}</title>",
        f"<desc>{escape('; '.join(f'{k}: {v}' for k, v in paper.about.items()))}</desc>",
        f'<rect width="{paper.width}" height="{paper.height}" fill="#ffffff"/>',
    ]
    for picture in paper.pictures:
        parts.append(
            f'<image x="{picture.x}" y="{picture.y}" width="{picture.width}" '
            f'height="{picture.height}" preserveAspectRatio="none" image-rendering="pixelated" '
            f'style="image-rendering: pixelated" '
            f'href="{sprites.data_url(sprites.png(picture.pixels))}"/>'
        )
    for text in paper.texts:
        parts.append(
            f'<text x="{text.x:g}" y="{text.y:g}" dy="0.35em" font-size="{text.size}" '
            f'fill="{text.colour}" text-anchor="{text.anchor}">{escape(text.words)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"]).encode()


def png(paper: Paper, density: int = 2) -> bytes:
    """Write a figure as PNG.

    Args:
        paper: The figure.
        density: File pixels per printed pixel.
    """
    size = (paper.width * density, paper.height * density)
    image = Image.new("RGB", size, "#ffffff")
    for picture in paper.pictures:
        large = Image.fromarray(picture.pixels).resize(
            (picture.width * density, picture.height * density), Image.Resampling.NEAREST
        )
        image.paste(large, (picture.x * density, picture.y * density))
    pen, anchors = ImageDraw.Draw(image), {"start": "lm", "middle": "mm", "end": "rm"}
    for text in paper.texts:
        pen.text(
            (float(text.x * density), float(text.y * density)),
            text.words.replace("\N{MINUS SIGN}", "-"),  # Pillow's default font lacks them
            fill=text.colour,
            anchor=anchors[text.anchor],
            font=ImageFont.load_default(text.size * density),
        )
    info, out = PngInfo(), io.BytesIO()
    for key, value in {"Title": paper.title, **paper.about}.items():
        info.add_itxt(key, str(value))
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _scale(
    sheet: Sheet, left: int, top: int, width: int, unit: str
) -> tuple[list[_Picture], list[_Text], int]:
    """Draw the colour bar if all maps share one, otherwise write each row's scale."""
    limits = [limit for limit in sheet.limits if limit is not None]
    if not limits:
        return [], [], top
    alike = len(set(limits)) == 1
    bar = theme.diverging(False)[None]
    breadth = min(width, 260)
    middle = left + breadth / 2
    ends = [f"\N{MINUS SIGN}{limits[0]:.2g}", "0", f"+{limits[0]:.2g}"] if alike else [
        "against", "0", "for"
    ]  # fmt: skip
    y = top + 10 + TEXT
    texts = [
        _Text(x=left, y=y, words=ends[0], colour=MUTED, size=TEXT - 2),
        _Text(x=middle, y=y, words=ends[1], anchor="middle", colour=MUTED, size=TEXT - 2),
        _Text(x=left + breadth, y=y, words=ends[2], anchor="end", colour=MUTED, size=TEXT - 2),
    ]
    words = unit if alike else f"{unit}; each row has a scale of its own"
    texts.append(_Text(x=left + breadth + 14, y=top + 5, words=words, colour=MUTED, size=TEXT - 1))
    picture = _Picture(x=left, y=top, width=breadth, height=10, pixels=bar)
    return [picture], texts, y + TEXT + PAD


def _wrapped(names: tuple[str, ...], most: int) -> list[list[str]]:
    """Break names into lines that fit above an image."""
    found = []
    for name in names:
        lines: list[str] = []
        for word in name.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and _width(longer, TEXT - 2) <= most:
                lines[-1] = longer
            else:
                lines.append(word)
        found.append(lines or [""])
    return found


def _width(words: str, size: int = TEXT) -> int:
    return int(ImageFont.load_default(size).getlength(words)) + 1
