"""A sheet of images as a figure for print: names at its sides, a scale below, PDF, SVG or PNG.

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
from ..errors import ConfigError
from . import fonts, sprites, theme
from .image_sheet import GAP, Sheet

__all__ = [
    "FORMATS",
    "Paper",
    "PrintConfig",
    "check_format",
    "lay_out",
    "pdf",
    "png",
    "svg",
]

SIDE = 84
"""Approximate side of an image in printed pixels: three per pixel of a 28-pixel side."""
INCH, MM, POINT = 96, 96 / 25.4, 96 / 72
"""Lengths in printed pixels, which are CSS pixels."""
LEAST_SIDE = 8
"""Printed pixels of the smallest image: about two millimetres."""
MOST_SIDE = 40 * MM
"""Printed pixels of the largest image: few images do not fill a wide figure."""
FONT = "'Source Sans 3', 'Source Sans Pro', 'Helvetica Neue', Arial, sans-serif"
INK, MUTED = "#1c2330", "#5b6472"
PAD = 12


@dataclass(frozen=True, kw_only=True)
class PrintConfig:
    """How a figure is printed.

    Attributes:
        width: Width in millimetres; None for three printed pixels per pixel of MNIST.
        font: Family of the text, or the path of a .ttf or .otf file; "" for a sans serif.
        font_size: Size of names in points; titles are larger, numbers smaller by a sixth.
        dpi: File pixels per inch, in PNG and in the images of a PDF.
        title: Whether the title stands above the figure. It is always stored in the file.
    """

    width: Number | None = None
    font: str = ""
    font_size: Number = 9.75
    dpi: int = 192
    title: bool = True

    def __post_init__(self) -> None:
        """Raise an error for impossible sizes."""
        limits = {"width": (10, 2000), "font_size": (3, 72), "dpi": (36, 2400)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"`{name}` must be {low} to {high}, got {value:g}.")

    @property
    def text(self) -> Number:
        """Return the size of names in printed pixels."""
        return self.font_size * POINT


PRINT = PrintConfig()


@dataclass(frozen=True, kw_only=True)
class _Text:
    """Text, anchored at its start, middle or end, vertically centred."""

    x: Number
    y: Number
    words: str
    anchor: str = "start"
    size: Number
    colour: str = INK


@dataclass(frozen=True, kw_only=True, eq=False)
class _Picture:
    """Pixels stretched over a rectangle."""

    x: Number
    y: Number
    width: Number
    height: Number
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
        config: How it is printed.
    """

    width: Number
    height: Number
    pictures: tuple[_Picture, ...]
    texts: tuple[_Text, ...]
    title: str
    about: Mapping[str, object]
    config: PrintConfig = PRINT


def lay_out(
    sheet: Sheet,
    *,
    title: str,
    unit: str,
    about: Mapping[str, object],
    config: PrintConfig = PRINT,
) -> Paper:
    """Put a title, names and a scale around a light sheet.

    Args:
        sheet: From `image_sheet.compose`, not dark.
        title: Title at the top.
        unit: Unit of a map's values, below the scale.
        about: Bundle, method, images, version.
        config: Width, font and title.

    Raises:
        ConfigError: If the images do not fit into the width.
    """
    text = config.text
    left = PAD + max([_width(name, text) for name in sheet.rows], default=0) + 8
    scale = _scale_of(sheet, left, config)
    down, across = (scale * (side + GAP) for side in sheet.cell)
    height, width = (scale * size for size in sheet.pixels.shape[:2])
    full = None if config.width is None else config.width * MM
    heading, top = _heading(title, full, config)
    names, top = _column_names(sheet, left, top, scale, across, text)
    texts = [*heading, *names]
    for row, name in enumerate(sheet.rows):
        y = top + row * down + scale * sheet.cell[0] / 2
        texts.append(_Text(x=left - 8, y=y, words=name, anchor="end", size=text))
    pictures = [_Picture(x=left, y=top, width=width, height=height, pixels=sheet.pixels)]
    bar, of_bar, below = _scale(sheet, left, top + height + PAD, (width, full), unit, text)
    natural = max([left + width, *(PAD + _width(t.words, t.size) for t in heading)]) + PAD
    return Paper(
        width=natural if full is None else full,
        height=below,
        pictures=(*pictures, *bar),
        texts=(*texts, *of_bar),
        title=title,
        about=about,
        config=config,
    )


def svg(paper: Paper) -> bytes:
    """Write a figure as SVG, with text as text and images embedded pixel by pixel."""
    size = [f"{paper.width:g}", f"{paper.height:g}"]
    if paper.config.width is not None:
        size = [f"{side / MM:g}mm" for side in (paper.width, paper.height)]
    family = escape(fonts.css(paper.config.font) if paper.config.font else FONT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {paper.width:g} {paper.height:g}" role="img" font-family="{family}">',
        f"<title>{escape(paper.title)}</title>",
        f"<desc>{escape('; '.join(f'{k}: {v}' for k, v in paper.about.items()))}</desc>",
        f'<rect width="{paper.width:g}" height="{paper.height:g}" fill="#ffffff"/>',
    ]
    for picture in paper.pictures:
        parts.append(
            f'<image x="{picture.x:g}" y="{picture.y:g}" width="{picture.width:g}" '
            f'height="{picture.height:g}" preserveAspectRatio="none" image-rendering="pixelated" '
            f'style="image-rendering: pixelated" '
            f'href="{sprites.data_url(sprites.png(picture.pixels))}"/>'
        )
    for text in paper.texts:
        parts.append(
            f'<text x="{text.x:g}" y="{text.y:g}" dy="0.35em" font-size="{text.size:g}" '
            f'fill="{text.colour}" text-anchor="{text.anchor}">{escape(text.words)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"]).encode()


def png(paper: Paper) -> bytes:
    """Write a figure as PNG, at the density of its config.

    Raises:
        ConfigError: If the font is not installed.
    """
    density = paper.config.dpi / INCH
    image = Image.new("RGB", (_at(paper.width, density), _at(paper.height, density)), "#ffffff")
    for picture in paper.pictures:
        place = _at(picture.x, density), _at(picture.y, density)
        image.paste(_enlarged(picture, density), place)
    pen, anchors = ImageDraw.Draw(image), {"start": "lm", "middle": "mm", "end": "rm"}
    for text in paper.texts:
        pen.text(
            (float(text.x * density), float(text.y * density)),
            text.words.replace("\N{MINUS SIGN}", "-"),  # Pillow's default font lacks them
            fill=text.colour,
            anchor=anchors[text.anchor],
            font=fonts.raster(paper.config.font, float(text.size * density)),
        )
    info, out = PngInfo(), io.BytesIO()
    for key, value in {"Title": paper.title, **paper.about}.items():
        info.add_itxt(key, str(value))
    image.save(out, "PNG", pnginfo=info, dpi=(paper.config.dpi,) * 2)
    return out.getvalue()


def pdf(paper: Paper) -> bytes:
    """Write a figure as PDF, with text as text and an installed font embedded.

    Raises:
        ConfigError: If fpdf2 is not installed, or the font is not and is none of the PDF's own.
    """
    size = (float(paper.width / POINT), float(paper.height / POINT))
    page = fonts.pdf_page(paper.config.font, size)
    for picture in paper.pictures:
        x, y, width, height = (
            float(v / POINT) for v in (picture.x, picture.y, picture.width, picture.height)
        )
        image = _enlarged(picture, paper.config.dpi / INCH)
        page.image(image, x=x, y=y, w=width, h=height)
    for text in paper.texts:
        words, points = fonts.pdf_words(page, text.words), float(text.size / POINT)
        page.set_font(size=points)
        page.set_text_color(*theme.rgb(text.colour))
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor]
        x = float(text.x / POINT) - before * page.get_string_width(words)
        page.text(x, float(text.y / POINT) + 0.35 * points, words)
    page.set_title(paper.title)
    page.set_subject("; ".join(f"{k}: {v}" for k, v in paper.about.items()))
    return bytes(page.output())


FORMATS = {"pdf": pdf, "svg": svg, "png": png}
"""Writers of a figure, by their formats."""


def check_format(kind: str, font: str) -> None:
    """Check that a figure can be written with a font.

    Raises:
        ConfigError: If PDF or PNG lack the font, or PDF its package.
    """
    if kind == "png":
        fonts.raster(font, 10.0)
    elif kind == "pdf":
        fonts.pdf_page(font, (10, 10))


def _at(length: Number, density: float) -> int:
    return round(float(length) * density)


def _enlarged(picture: _Picture, density: float) -> Image.Image:
    """Return a picture in file pixels, each of its own pixels a square."""
    size = _at(picture.width, density), _at(picture.height, density)
    return Image.fromarray(picture.pixels).resize(size, Image.Resampling.NEAREST)


def _scale_of(sheet: Sheet, left: Number, config: PrintConfig) -> Number:
    """Return the printed pixels per pixel of an image."""
    if config.width is None:
        return max(1, round(SIDE / max(sheet.cell)))
    found = (config.width * MM - left - PAD) / sheet.pixels.shape[1]
    if found * min(sheet.cell) < LEAST_SIDE:
        need = (LEAST_SIDE / min(sheet.cell) * sheet.pixels.shape[1] + left + PAD) / MM
        raise ConfigError(
            f"`width` must be at least {need:.0f} mm for {len(sheet.columns)} images and these "
            f"names, got {config.width:g} mm. Choose fewer images or a smaller font."
        )
    return min(found, MOST_SIDE / max(sheet.cell))


def _heading(title: str, full: Number | None, config: PrintConfig) -> tuple[list[_Text], Number]:
    """Break the title into lines; return them and the place below them."""
    if not config.title:
        return [], PAD
    size = config.text * 15 / 13
    lines = [title] if full is None else _lines(title, full - 2 * PAD, size)
    step = size * 1.25
    texts = [
        _Text(x=PAD, y=PAD + config.text / 2 + k * step, words=line, size=size)
        for k, line in enumerate(lines)
    ]
    return texts, PAD + 2 * config.text + (len(lines) - 1) * step


def _column_names(
    sheet: Sheet, left: Number, top: Number, scale: Number, across: Number, text: Number
) -> tuple[list[_Text], Number]:
    """Put the columns' names above the images; return them and the images' top."""
    size, step = text * 11 / 13, text * 15 / 13
    columns = [_lines(name, across - 4, size) for name in sheet.columns]
    top += max((len(words) for words in columns), default=0) * step + 6
    texts = [
        _Text(
            x=left + column * across + scale * sheet.cell[1] / 2,
            y=top - 6 - (len(words) - line - 0.5) * step,
            words=part,
            anchor="middle",
            colour=MUTED,
            size=size,
        )
        for column, words in enumerate(columns)
        for line, part in enumerate(words)
    ]
    return texts, top


def _scale(
    sheet: Sheet,
    left: Number,
    top: Number,
    widths: tuple[Number, Number | None],
    unit: str,
    text: Number,
) -> tuple[list[_Picture], list[_Text], Number]:
    """Draw the colour bar if all maps share one, otherwise write each row's scale.

    `widths` are those of the images, and of the figure where it is given.
    """
    limits = [limit for limit in sheet.limits if limit is not None]
    if not limits:
        return [], [], top
    alike, small = len(set(limits)) == 1, text * 11 / 13
    breadth = min(widths[0], 260)
    ends = [f"\N{MINUS SIGN}{limits[0]:.2g}", "0", f"+{limits[0]:.2g}"] if alike else [
        "against", "0", "for"
    ]  # fmt: skip
    y = top + 10 + text
    ticks = zip(ends, (0, breadth / 2, breadth), ("start", "middle", "end"), strict=True)
    texts = [
        _Text(x=left + x, y=y, words=words, anchor=anchor, colour=MUTED, size=small)
        for words, x, anchor in ticks
    ]
    words = unit if alike else f"{unit}; each row has a scale of its own"
    aside, size = left + breadth + 14, text * 12 / 13
    lines = [words]
    if widths[1] is not None and aside + _width(words, size) > widths[1] - PAD:
        lines = _lines(words, widths[1] - left - PAD, size)
        aside, start = left, y + 1.2 * text
        y = start + (len(lines) - 1) * 1.2 * text
    else:
        start = top + 5
    texts += [
        _Text(x=aside, y=start + k * 1.2 * text, words=line, colour=MUTED, size=size)
        for k, line in enumerate(lines)
    ]
    picture = _Picture(
        x=left, y=top, width=breadth, height=10, pixels=theme.diverging(False)[None]
    )
    return [picture], texts, y + text + PAD


def _lines(words: str, most: Number, size: Number) -> list[str]:
    """Break text into lines of a given width, with at least one word per line."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _width(words: str, size: Number) -> int:
    return int(ImageFont.load_default(float(size)).getlength(words)) + 1
