"""Pages of HTML that carry everything inside: tables, pictures, numbers with all their digits."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from ..plots import sprites

__all__ = [
    "Html",
    "figure",
    "join",
    "number",
    "page",
    "picture",
    "section",
    "table",
    "tag",
    "text",
]


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing but what it holds."""


class Html(str):
    """Text that is HTML already; any other is escaped."""

    __slots__ = ()


def text(words: object) -> Html:
    """Write words so that they are read as words."""
    return words if isinstance(words, Html) else Html(escape(str(words)))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Put parts after each other."""
    return Html(between.join(text(part) for part in parts))


def tag(name: str, *inside: object, **attributes: object) -> Html:
    """Write an element; attributes are written as in Python: class_, aria_label."""
    named = ((k.rstrip("_").replace("_", "-"), v) for k, v in attributes.items())
    given = "".join(f' {k}="{escape(str(v))}"' for k, v in named)
    return Html(f"<{name}{given}>{join(inside)}</{name}>")


def number(value: Number, shown: str, of: str = "") -> Html:
    """Write a number for people, with all its digits for programs, and what it is the number of.

    Args:
        value: As measured.
        shown: As read.
        of: Its name for programs.
    """
    return tag("data", shown, value=f"{value:.9g}", **({"id": of} if of else {}))


def picture(
    pixels: NDArray[np.generic], alt: str, *, dark: NDArray[np.generic] | None = None
) -> Html:
    """Show an image, and another in its place on a dark screen."""
    shown = f'<img src="{_url(pixels)}" alt="{escape(alt)}">'
    if dark is None:
        return Html(shown)
    media = "screen and (prefers-color-scheme: dark)"
    return Html(f'<picture><source media="{media}" srcset="{_url(dark)}">{shown}</picture>')


def figure(shown: Html, caption: object) -> Html:
    """Write a caption below what is shown."""
    return tag("figure", shown, tag("figcaption", caption))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: str) -> Html:
    """Write a table whose first column names its rows."""
    names = join(tag("th", name, scope="col") for name in head)
    body = join(
        tag("tr", tag("th", row[0], scope="row"), join(tag("td", cell) for cell in row[1:]))
        for row in rows
    )
    inside = tag("caption", caption), tag("thead", tag("tr", names)), tag("tbody", body)
    return tag(
        "div", tag("table", *inside), class_="wide", role="region", tabindex="0",
        aria_label=caption,
    )  # fmt: skip


def section(title: str, *inside: object) -> Html:
    """Write a part of a page under its heading."""
    return tag("section", tag("h2", title), *inside)


def page(title: str, *inside: object) -> bytes:
    """Write a whole page."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", title),
            tag("style", Html(style)),
        ],
        "\n",
    )
    body = tag("body", tag("main", join(inside, "\n")))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n{body}\n</html>\n'.encode()
    )


def _url(pixels: NDArray[np.generic]) -> str:
    return sprites.data_url(sprites.png(sprites.as_bytes(np.asarray(pixels))))
