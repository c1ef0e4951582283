"""Buttons that save tables, images and figures with their provenance."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import bundles
from dashboard.ui import naming
from xai_core.plots import export
from xai_core.plots.counterfactual import change

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "png": "image/png",
    "gif": "image/gif",
    "npz": "application/zip",
    "html": "text/html",
    "svg": "image/svg+xml",
}


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
