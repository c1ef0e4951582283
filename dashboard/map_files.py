"""The map's files under `static/`, made when a bundle is first opened.

A folder a bundle, named by its fingerprint: `points.bin`, one `.bin` a colouring, and
`pictures/`. Each is written aside and renamed, so that what is there is whole.
"""

import logging
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashboard.figures import map_points

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, kw_only=True, eq=False)
class MapFiles:
    """Where the browser finds a bundle's map.

    Attributes:
        places: The packed points.
        columns: A byte a point for each colouring, and the values at the ends of its colours.
        folder: Where the files are; None where they could not be written.
    """

    places: map_points.Places
    columns: dict[str, tuple[NDArray[np.uint8], float, float]]
    folder: Path | None

    @property
    def pictures(self) -> bool:
        """Whether all pictures are there."""
        return self.folder is not None and (self.folder / "pictures").is_dir()


def write(files: MapFiles) -> bool:
    """Write points and colourings; False where the folder cannot be written."""
    assert files.folder is not None
    content = {"points": files.places.blob}
    content |= {name: levels.tobytes() for name, (levels, _, _) in files.columns.items()}
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
        for name, blob in content.items():
            target = files.folder / f"{name}.bin"
            if not target.exists():
                aside = target.with_suffix(f".{os.getpid()}")
                aside.write_bytes(blob)
                aside.replace(target)
    except OSError as error:
        log.warning("the map's files cannot be written: %s", error)
        return False
    return True


def start_pictures(files: MapFiles, images: NDArray[np.uint8]) -> None:
    """Write the sheets of pictures in the background, unless they are there."""
    if files.folder is not None and not files.pictures:
        threading.Thread(
            target=_write_pictures, args=(files, images), name="map pictures", daemon=True
        ).start()


def _write_pictures(files: MapFiles, images: NDArray[np.uint8]) -> None:
    assert files.folder is not None
    aside = files.folder / f"pictures.{os.getpid()}"
    try:
        aside.mkdir(exist_ok=True)
        for k, sheet in enumerate(map_points.sheets(images, files.places.order)):
            (aside / f"{k}.png").write_bytes(sheet)
        aside.rename(files.folder / "pictures")
    except OSError as error:
        log.warning("the map's pictures cannot be written: %s", error)
        shutil.rmtree(aside, ignore_errors=True)
