"""Buttons that save tables, images and figures with their provenance."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import messages, naming
from xai_core.plots import export, image_sheet, paper
from xai_core.plots.counterfactual import change

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "gif": "image/gif",
    "npz": "application/zip",
    "html": "text/html",
    "svg": "image/svg+xml",
}

FONTS = {"Sans serif": "", "Helvetica": "Helvetica", "Times": "Times", "Courier": "Courier"}
"""Fonts of print, by their names on the page; a path of a visitor's is never opened."""


def table(
    bundle: "Bundle", frame: pd.DataFrame, label: str = "", /, *, name: str, **about: object
) -> None:
    """Offer a table as CSV.

    Args:
        bundle: Named in the file.
        frame: The table that is shown.
        label: Text on the button; CSV if empty.
        name: Part of the file's name, unique on the page.
        about: Further provenance besides bundle and version, such as image and settings.
    """
    known = bundles.about(bundle, what=name, **about)
    _button("csv", lambda: export.csv(frame, known), bundle, name, about, label)


def picture(bundle: "Bundle", pixels: NDArray[np.generic], *, name: str, **about: object) -> None:
    """Offer an image, or one composed of many, as PNG."""
    known = bundles.about(bundle, what=name, **about)
    _button("png", lambda: export.png(pixels, known), bundle, name, about)


def animation(
    bundle: "Bundle", frames: NDArray[np.floating], *, name: str, **about: object
) -> None:
    """Offer images as an animated GIF."""
    known = bundles.about(bundle, what=name, **about)
    _button("gif", lambda: change.gif(frames, known), bundle, name, about)


def arrays(bundle: "Bundle", parts: Mapping[str, object], *, name: str, **about: object) -> None:
    """Offer arrays as .npz."""
    known = bundles.about(bundle, what=name, **about)
    _button("npz", lambda: change.arrays(parts, known), bundle, name, about)


def drawing(bundle: "Bundle", make: Callable[[], bytes], *, name: str, **about: object) -> None:
    """Offer a drawing as SVG, made when the button is pressed, with its origin inside."""
    _button("svg", make, bundle, name, about)


def page(
    bundle: "Bundle", make: Callable[[], bytes], *, name: str, label: str, **about: object
) -> None:
    """Offer an HTML page, made when the button is pressed, with its origin inside."""
    _button("html", make, bundle, name, about, label)


def notes(bundle: "Bundle") -> None:
    """Offer all notes on a bundle as JSON for `xai notes --import`."""
    from xai_core.bundle.tags import export_notes

    _button("json", lambda: export_notes(bundle).encode(), bundle, "notes", {}, "Export")


def for_print(
    bundle: "Bundle",
    rows: Sequence[image_sheet.Row],
    columns: Sequence[str],
    /,
    *,
    title: str,
    name: str,
    unit: str = "",
    **about: object,
) -> None:
    """Offer rows of images for print; nothing is drawn before a person opens it.

    Args:
        bundle: Named in the file.
        rows: Images and maps, one per column.
        columns: Names above the images.
        title: Title of the figure.
        name: Part of the file's name, unique on the page.
        unit: Unit of a map's values.
        about: Further provenance besides bundle and version, such as image and settings.
    """
    key = f"print {name}"
    box = st.popover("For print", type="tertiary", icon=":material/print:",
                     **state.act(key, lambda opened: _open_only(key, opened)))  # fmt: skip
    if not box.open or state.setting("print") != key:
        return
    with box, messages.errors_as_text():
        kind, config = _ask_for_print()
        paper.check_format(kind, config.font)
        sheet = image_sheet.compose(rows, columns, False)
        known = bundles.about(bundle, what=name, **about)
        drawn = paper.lay_out(sheet, title=title, unit=unit, about=known, config=config)
        _button(kind, lambda: paper.FORMATS[kind](drawn), bundle, f"{name} print", about, "Save")


def _open_only(key: str, opened: bool) -> None:
    """Keep which menu is open: all of them share their widgets."""
    if opened:
        state.put_setting("print", key)


def _ask_for_print() -> tuple[str, paper.PrintConfig]:
    """Let the visitor choose format, width, font, size, density and title, kept across pages."""
    kinds, fonts, dpis = list(paper.FORMATS), list(FONTS), (150, 300, 600, 1200)
    kind = st.segmented_control(
        "Format", kinds, required=True, format_func=str.upper,
        **state.bind("print format", kinds[0], kinds),
    )  # fmt: skip
    left, right = st.columns(2)
    span, sizes = (40.0, 400.0, 1.0), (5.0, 14.0, 0.5)
    width = left.number_input(
        "Width, mm", *span[:2], step=span[2], **state.bind("print width", 180.0, span=span)
    )
    font = right.selectbox("Font", fonts, **state.bind("print font", fonts[0], fonts))
    size = left.number_input(
        "Size, pt", *sizes[:2], step=sizes[2], **state.bind("print size", 8.0, span=sizes)
    )
    dpi = right.selectbox("Pixels per inch", dpis, **state.bind("print dpi", 600, dpis))
    title = st.toggle("Title above the figure", **state.bind("print title", False))
    config = paper.PrintConfig(width=width, font=FONTS[font], font_size=size, dpi=dpi, title=title)
    return kind, config


def _image(about: export.About) -> list[str]:
    """Return the image's name as part of a file's name."""
    return [naming.display_name(str(about["image"]))] if "image" in about else []


def _button(
    kind: str,
    make: Callable[[], bytes],
    bundle: "Bundle",
    name: str,
    about: export.About,
    label: str = "",
) -> None:
    parts = [bundle.name, name, *_image(about)]
    st.download_button(
        label or kind.upper(),
        data=make,
        file_name=export.file_name(*parts, suffix=kind),
        mime=_MIME[kind],
        key=f"save {kind} {name}",
        help=f"Save {name} as {kind.upper()}",
        icon=":material/download:",
        type="secondary" if label else "tertiary",
        on_click="ignore",
    )
