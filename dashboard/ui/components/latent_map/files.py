"""The map's files under `static/`, written when a bundle is first opened.

Each bundle has a folder named by its fingerprint: `points.bin`, one `.bin` per colouring with one
byte per image in index order, and `pictures/` of the points. Files are written under a temporary
name and renamed, so existing ones are complete.
"""

import contextlib
import logging
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import bundles, cache
from xai_core.plots.latent_map import colouring, points

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

log = logging.getLogger(__name__)

STATIC = Path(__file__).parents[3] / "static"
KEPT = 8
"""Number of most recently opened bundles whose files are kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MapFiles:
    """Where the browser finds a bundle's map.

    Attributes:
        places: The packed points.
        columns: One byte per point for each colouring, and the values at the ends of its scale.
        folder: Folder of the files; None if they could not be written.
    """

    places: points.Places
    columns: dict[str, tuple[NDArray[np.uint8], float, float]]
    folder: Path | None

    @property
    def pictures(self) -> bool:
        """Whether all pictures are there."""
        return self.folder is not None and (self.folder / "pictures").is_dir()


def map_files(bundle: "Bundle") -> MapFiles:
    """Return a bundle's map, created on first use; its pictures follow in the background."""
    return cache.cached_per_bundle(bundle, "map files", lambda: _make(bundle))


def column_levels(
    bundle: "Bundle", column: colouring.Column
) -> tuple[NDArray[np.uint8], float, float]:
    """Return one byte per point, in index order, and the values at the ends of the scale."""
    known = map_files(bundle).columns.get(column.name)
    return colouring.encoded(bundle.index, column) if known is None else known


def address(bundle: "Bundle") -> str:
    """Return the path at which the server offers a bundle's files."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"{f'/{base}' if base else ''}/app/static/{cache.fingerprint(bundle)}"


def _make(bundle: "Bundle") -> MapFiles:
    index, folder = bundle.index, STATIC / cache.fingerprint(bundle)
    columns = {c.name: colouring.encoded(index, c) for c in colouring.available(index)}
    places = points.places(bundles.map_places(bundle))
    made = MapFiles(places=places, columns=columns, folder=folder)
    if not st.get_option("server.enableStaticServing") or not _write(made, folder):
        return MapFiles(places=places, columns=columns, folder=None)
    if not made.pictures:
        threading.Thread(
            target=_write_pictures, args=(made, folder, bundle), name="map pictures", daemon=True
        ).start()
    return made


def _write(files: MapFiles, folder: Path) -> bool:
    """Write points and colourings; return False if the folder cannot be written."""
    content = {"points": files.places.blob}
    content |= {name: levels.tobytes() for name, (levels, _, _) in files.columns.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, blob in content.items():
            target = folder / f"{name}.bin"
            if not target.exists():
                aside = target.with_suffix(f".{os.getpid()}")
                try:
                    aside.write_bytes(blob)
                    aside.replace(target)
                finally:
                    aside.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the map's files cannot be written: %s", error)
        return False
    with contextlib.suppress(OSError):  # another server may remove them at the same time
        _forget_long_unseen(folder)
    return True


def _forget_long_unseen(folder: Path) -> None:
    """Remove the files of all but the most recently opened bundles."""
    os.utime(folder)
    found = sorted(folder.parent.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
    for other in found[KEPT:]:
        shutil.rmtree(other, ignore_errors=True)


def _write_pictures(files: MapFiles, folder: Path, bundle: "Bundle") -> None:
    """Write the sheets of pictures."""
    from xai_core.data.io.pixel_values import pictures

    aside, ids = folder / f"pictures.{os.getpid()}", bundle.index["id"]

    def images(rows: NDArray[np.uint32]) -> NDArray[np.uint8]:
        return pictures(bundle.dataset.images(ids.take(rows).tolist()))

    try:
        aside.mkdir(exist_ok=True)
        for k, sheet in enumerate(points.sheets(images, files.places.order)):
            (aside / f"{k}.png").write_bytes(sheet)
        aside.rename(folder / "pictures")
    except OSError as error:
        log.warning("the map's pictures cannot be written: %s", error)
        shutil.rmtree(aside, ignore_errors=True)
