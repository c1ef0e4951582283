"""Fonts of printed figures: names for SVG, files for PNG, embedded or standard ones for PDF."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from .._paths import expand_home
from ..errors import ConfigError

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = ["css", "pdf_page", "pdf_words", "raster"]

ALIKE = {
    "times": ("Times New Roman", "Tinos", "Liberation Serif"),
    "helvetica": ("Arial", "Arimo", "Liberation Sans"),
    "arial": ("Helvetica", "Arimo", "Liberation Sans"),
    "courier": ("Courier New", "Cousine", "Liberation Mono"),
}
"""Fonts with the same widths, by family."""
GENERIC = {"times": "serif", "courier": "monospace"}
STANDARD = ("times", "helvetica", "arial", "courier")
"""Fonts that every PDF viewer has, so that they need not be embedded."""


def css(font: str) -> str:
    """Return a font family, followed by similar ones as fallbacks, for SVG."""
    name = Path(font).stem if _is_file(font) else font
    family = [f"'{part}'" for part in (name.replace("'", ""), *ALIKE.get(name.lower(), ()))]
    return ", ".join([*family, GENERIC.get(name.lower(), "sans-serif")])


@cache
def raster(font: str, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a Pillow font; for "", its default font.

    Raises:
        ConfigError: If neither the font nor one like it is installed.
    """
    if not font:
        return ImageFont.load_default(size)
    file = _file(font)
    if file is None:
        raise ConfigError(
            f"No font '{font}' is installed, which a PNG needs. Give the path of a .ttf or .otf "
            "file as `font`, or write SVG."
        )
    return ImageFont.truetype(file, size)


def pdf_page(font: str, size: tuple[float, float]) -> "FPDF":
    """Start a PDF of one page of a size in points, with the font chosen.

    Raises:
        ConfigError: If fpdf2 is not installed, or the font is not and is none of the PDF's own.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise ConfigError(
            'PDF needs the package fpdf2. Install it with pip install -e ".[print]", or write SVG.'
        ) from error
    page = FPDF(unit="pt", format=size)
    page.set_margin(0)
    page.set_auto_page_break(False)
    page.add_page()
    file = _file(font) if font else None
    if file is not None:
        page.add_font("given", fname=file)
        page.set_font("given", size=10)
    elif font and font.lower() not in STANDARD:
        raise ConfigError(
            f"No font '{font}' is installed. Give the path of a .ttf or .otf file as `font`, or "
            "Times, Helvetica or Courier."
        )
    else:
        page.set_font(font.lower() or "helvetica", size=10)
    return page


def pdf_words(page: "FPDF", words: str) -> str:
    """Return words as the page's font can draw them; a standard one has Latin-1 only.

    Raises:
        ConfigError: If it lacks a letter.
    """
    if page.is_ttf_font:
        return words
    plain = words.replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
    try:
        plain.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"The standard fonts of a PDF lack letters of '{words:.40}'. Give the path of a .ttf "
            "or .otf file as `font`."
        ) from error
    return plain


def _is_file(font: str) -> bool:
    return font.lower().endswith((".ttf", ".otf"))


@cache
def _file(font: str) -> str | None:
    """Find the file of a font, or of one like it."""
    if _is_file(font):
        path = expand_home(font)
        if not path.is_file():
            raise ConfigError(f"There is no font file '{font}'.")
        return str(path)
    for name in (font, *ALIKE.get(font.lower(), ())):
        joined = name.replace(" ", "")
        for tried in (f"{name}.ttf", f"{joined}-Regular.ttf", f"{joined}.ttf", f"{joined}.otf"):
            try:
                return str(ImageFont.truetype(tried).path)
            except OSError:
                continue
    return None
