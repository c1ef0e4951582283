"""The latent map beside the images that are pointed at and selected, as a widget for notebooks.

`latent_map.js` draws the map, as on the page; `explorer.js` shows the images. Points, colours and
pictures travel as bytes. A picture is sent when it is first needed: all of MNIST's are 12 MB.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import pandas as pd
import torch
import traitlets

from xai_core._arguments import checked
from xai_core.data.io.pixel_values import pictures
from xai_core.data.preprocessing import to_float
from xai_core.plots import sprites
from xai_core.plots.latent_map import colouring, in_browser, points

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SHOWN = 60
"""Largest number of selected images whose pictures are shown."""
COLUMNS = 10
SHEET_VALUES = 80_000
"""Pixel values in a sheet of pictures: 102 images of MNIST, about 18 kB."""


def _module() -> str:
    """Return the JavaScript module of the widget, with its HTML and CSS as texts."""
    own = {kind: Path(__file__).with_name(f"explorer.{kind}") for kind in ("js", "css")}
    texts = {
        "MAP": in_browser.source("latent_map.html"),
        "STYLE": in_browser.source("latent_map.css", "around.css") + own["css"].read_text("utf-8"),
    }
    script = in_browser.source("latent_map.js", "around.js").replace("export default ", "")
    constants = (f"const {name} = {json.dumps(text)};\n" for name, text in texts.items())
    return "".join([script, *constants, own["js"].read_text("utf-8")])


class _Ids(traitlets.List):
    """Ids of images in the index, each once."""

    def validate(self, obj: "Explorer", value: Sequence[str]) -> list[str]:
        """Return the ids as a list, or raise the error that names the first wrong one."""
        return obj.known(value)


class _Colour(traitlets.Unicode):
    """Name of a colouring."""

    def validate(self, obj: "Explorer", value: str) -> str:
        """Return the name, or raise the error that lists those that exist."""
        colouring.called(obj.bundle.index, value)
        return value


class Explorer(anywidget.AnyWidget):
    """A live map of a bundle's images; `dashboard.notebook.explore` makes one.

    Attributes:
        selection: Ids of the selected images, in both directions.
        colour: Name of the colouring, in both directions.
    """

    _esm = _module()
    selection = _Ids().tag(sync=True)
    colour = _Colour("cluster").tag(sync=True)
    _map = traitlets.Dict().tag(sync=True)
    _colouring = traitlets.Dict().tag(sync=True)
    _pictures = traitlets.Dict().tag(sync=True)

    def __init__(self, bundle: "Bundle", selection: Sequence[str], colour: str) -> None:
        self.bundle = bundle
        self._ids = pd.Index(bundle.index["id"].astype(object))
        self._xy = bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32)
        self._places = points.places(self._xy)
        super().__init__(selection=selection, colour=colour, _map=self._fixed())
        self.on_msg(self._answer)

    @checked
    def known(self, selection: Sequence[str]) -> list[str]:
        """Return ids, each once.

        Raises:
            TypeError: If they are not listed.
            DataError: If an image is not in the index.
        """
        ids = list(dict.fromkeys(map(str, selection)))
        for unknown in np.flatnonzero(self._ids.get_indexer(ids) < 0)[:1]:
            self.bundle.position(ids[unknown])
        return ids

    def _fixed(self) -> dict[str, Any]:
        """Return what the browser needs once."""
        index, drawn, spec = self.bundle.index, len(self._places.order), self.bundle.spec
        columns = colouring.by_name(index)
        note = (
            f"{drawn:,} of {len(index):,} points are drawn, fewer where they lie close together. "
            "The lasso uses all of them."
        )
        return {
            **in_browser.fixed(self.bundle, self._places),
            "points": self._places.blob,
            "cluster": _levels(index, columns["cluster"]),
            "label": _levels(index, columns["label"]) if "label" in columns else None,
            "confidence": (index["confidence"].to_numpy() * 65535).round().astype("<u2").tobytes(),
            "cell": [spec.width, spec.height],
            "sheetImages": self._per_sheet,
            "sheetColumns": COLUMNS,
            "colours": [[name, column.title] for name, column in columns.items()],
            "note": note if drawn < len(index) else "",
        }

    @property
    def _per_sheet(self) -> int:
        return max(1, SHEET_VALUES // math.prod(self.bundle.spec.shape))

    @traitlets.default("_colouring")
    def _coloured(self) -> dict[str, Any]:
        return in_browser.whole(self.bundle, colouring.called(self.bundle.index, self.colour))

    @traitlets.observe("colour")
    def _recolour(self, _: object) -> None:
        self._colouring = self._coloured()

    @traitlets.default("_pictures")
    def _pictured(self) -> dict[str, Any]:
        """Return the first selected images as one sheet."""
        ids = self.selection[:SHOWN]
        return {"ids": ids, "png": self._sheet(ids) if ids else b""}

    @traitlets.observe("selection")
    def _picture(self, _: object) -> None:
        self._pictures = self._pictured()

    def _answer(self, _: object, asked: dict[str, Any], __: object) -> None:
        """Send a sheet or an image that the browser asks for, or select what a lasso encloses."""
        match asked:
            case {"sheet": int(number)}:
                per_sheet = self._per_sheet
                rows = self._places.order[number * per_sheet : (number + 1) * per_sheet]
                self.send(asked, [self._sheet(self._ids[rows])])
            case {"image": int(row)}:
                self.send(asked, [self._image(self._ids[row])])
            case {"lasso": corners, "only": only, "range": [low, high]}:
                inside = points.inside(np.asarray(corners, float), self._xy)
                levels = np.frombuffer(self._colouring["levels"], np.uint8)
                kept = colouring.within(levels, only, (low, high))
                self.selection = self._ids[inside if kept is None else inside & kept].tolist()

    def _sheet(self, ids: Sequence[str]) -> bytes:
        """Return images as a PNG of `COLUMNS` columns."""
        images = self.bundle.dataset.images(list(ids))
        return sprites.sprite_sheet(pictures(images), COLUMNS)

    def _image(self, image_id: str) -> bytes:
        """Return an image, and to its right its reconstruction if there is a decoder, as a PNG."""
        image = self.bundle.dataset.images([image_id])
        shown = [pictures(image)]
        if "decode" in self.bundle.model.parts:
            with torch.inference_mode():
                decoded = self.bundle.model.reconstruct(to_float(image, self.bundle.device))
            shown.append(sprites.as_bytes(pictures(decoded)))
        return sprites.sprite_sheet(np.concatenate(shown), len(shown))


def _levels(index: pd.DataFrame, column: colouring.Column) -> bytes:
    return colouring.encoded(index, column)[0].tobytes()
