"""Process very many images on an engine: each block of images becomes one part.

The parts are one Parquet data set, the same whatever the engine:

    folder/_manifest.json       the command, the bundle and the images that the parts belong to
    folder/part-00000.parquet   images 0 to 1,999
    folder/part-00001.parquet   images 2,000 to 3,999

Parts that are there are not computed again, so the same command continues where one stopped.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..atomic_write import atomic_write
from ..errors import DataError
from .options import images_of
from .terminal import print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._types import ByteImages
    from ..bundle.reading import Bundle

__all__ = ["PartTask", "write_parts"]

AXES = {"umap": ("umap_x", "umap_y"), "distances": ("l1", "l2")}
"""Columns with named instead of numbered axes."""
IMAGES_PER_PART = 2_000
TIMEOUT = 3_600.0
"""Seconds after which a process that computes one part is given up."""
MANIFEST, PIXELS, LOCK = "_manifest.json", ".images.npy", ".lock"
"""Names that readers of Parquet data sets skip."""

Work = Callable[["Bundle", "ByteImages", int], Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class PartTask:
    """Computes one part and writes it, in whichever process.

    Attributes:
        work: Returns arrays by name, given the bundle, some images and the number of images before
            them: one row, or equally many rows, per image, or a scalar for all. Shapes past the
            first axis are the same in every call.
        bundle: Folder of the bundle.
        digest: Its digest; a process that finds another one refuses.
        device: Where a process computes.
        folder: Folder of the parts, with the images of all of them.
        images_per_part: Images of every part but the last.
    """

    work: Work
    bundle: str
    digest: str
    device: str
    folder: Path
    images_per_part: int

    def path(self, number: int) -> Path:
        """Return the file of a part."""
        return self.folder / f"part-{number:05d}.parquet"

    def is_there(self, number: int) -> bool:
        """Return whether a part is there and whole."""
        try:
            return pq.read_metadata(self.path(number)).num_rows > 0
        except (OSError, pa.ArrowInvalid):
            return False

    def __call__(self, number: int) -> None:
        """Compute and write a part.

        Raises:
            DataError: If it cannot be written, or the bundle was replaced.
        """
        opened = _opened(self.bundle, self.digest, self.device)
        if opened.digest != self.digest:
            raise DataError(f"`{self.bundle}` was replaced. Start again in an empty folder.")
        pixels = np.load(self.folder / PIXELS, mmap_mode="r")
        first = number * self.images_per_part
        some = torch.from_numpy(np.array(pixels[first : first + self.images_per_part]))
        table = _table(self.work(opened, some, first), np.arange(first, first + len(some)))
        with atomic_write(self.path(number)) as file:
            pq.write_table(table, file, compression="zstd")


@lru_cache(maxsize=1)
def _opened(bundle: str, digest: str, device: str) -> "Bundle":
    """Open a bundle once per process, again if another one, of another digest, has replaced it."""
    from ..bundle.reading import load_bundle

    return load_bundle(bundle, device=device)


def _table(arrays: Mapping[str, np.ndarray], images: np.ndarray) -> pa.Table:
    """Return arrays as columns, with the image that each row belongs to.

    A matrix has one column per axis (`mean` has mean_0, mean_1 and so on); arrays with more axes
    are a column of tensors, which other readers see as flat lists.
    """
    length = max(len(array) for array in arrays.values() if array.ndim)
    columns: dict[str, object] = {"row": images.repeat(length // len(images))}
    for name, array in arrays.items():
        if array.ndim == 2:
            names = AXES.get(name) or [f"{name}_{axis}" for axis in range(array.shape[1])]
            columns |= zip(names, np.ascontiguousarray(array.T), strict=True)
        elif array.ndim > 2:
            tensors = np.ascontiguousarray(array)
            columns[name] = pa.FixedShapeTensorArray.from_numpy_ndarray(tensors)
        else:
            columns[name] = np.broadcast_to(array, length)
    return pa.table(columns)


def write_parts(
    folder: Path,
    work: Work,
    *,
    bundle: str,
    images: str,
    engine: str,
    device: str,
    block: int,
    about: Mapping[str, object],
    as_json: bool,
) -> None:
    """Compute and write results on an engine; continues what the same command began.

    If `work` uses batches of `block` images and random numbers that depend only on an image's row,
    the results do not depend on the engine.

    Args:
        folder: Folder of the parts: new, empty, or of the same command.
        work: See `PartTask`.
        bundle: Name or path.
        images: Ids, as `images_of` accepts them.
        engine: Its name, see `make_engine`.
        device: "auto", "cpu" or "cuda".
        block: Images that `work` computes together; parts are of whole blocks.
        about: All settings on which the results depend.
        as_json: Whether to report as JSON.

    Raises:
        DataError: If the folder holds something else, or another process writes there.
        ProcessLostError: If some parts failed; it names them, and the others are written.
    """
    from ..bundle.paths import find_bundle
    from ..bundle.reading import digest_of
    from ..engine.api import make_engine

    path = find_bundle(bundle).resolve()
    opened = _opened(str(path), digest_of(path), device)
    pixels = images_of(opened, images).numpy()
    task = PartTask(
        work=work,
        bundle=str(path),
        digest=opened.digest,
        device=device,
        folder=folder.resolve(),
        images_per_part=max(1, IMAGES_PER_PART // block) * block,
    )
    wanted = {
        **json.loads(json.dumps(about)),
        "bundle": opened.digest,
        "images": hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest(),
        "num_images": len(pixels),
        "images_per_part": task.images_per_part,
    }
    with _held(folder):
        _check(folder, wanted)
        parts = range(-(-len(pixels) // task.images_per_part))
        missing = [number for number in parts if not task.is_there(number)]
        if missing:
            with atomic_write(folder / PIXELS) as file:
                np.save(file, pixels)
            gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
            with (
                closing(make_engine(engine, blocks=len(missing), gpus=gpus)) as chosen,
                progress("Computing parts") as shown,
            ):
                shown(0, len(missing))
                name = partial(_rows_of, size=task.images_per_part, count=len(pixels))
                chosen.complete(task, missing, name=name, timeout=TIMEOUT, on_progress=shown)
        (folder / PIXELS).unlink(missing_ok=True)
    files = [task.path(number).name for number in parts]
    summary = {"bundle": opened.name, **about, "out": str(folder)}
    summary |= {"images": len(pixels), "parts": files}
    if as_json:
        print_json(summary)
    else:
        print_table(f"{folder}", list(summary.items()))


def _rows_of(parts: list[int], *, size: int, count: int) -> str:
    """Name the images of parts."""
    spans = (f"{n * size:,} to {min((n + 1) * size, count) - 1:,}" for n in parts)
    return f"The images {', '.join(spans)}"


def _check(folder: Path, wanted: Mapping[str, object]) -> None:
    """Raise an error unless the parts in the folder are those of the same command."""
    path = folder / MANIFEST
    if not path.exists():
        if any(child.name != LOCK for child in folder.iterdir()):
            raise DataError(f"`{folder}` exists and is not an empty folder. Choose another place.")
        with atomic_write(path) as file:
            file.write(json.dumps(wanted, indent=2).encode())
        return
    try:
        found = json.loads(path.read_bytes())
        other = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    except (ValueError, TypeError) as error:
        raise DataError(f"`{path}` is damaged. Choose another place.") from error
    if other:
        raise DataError(
            f"`{folder}` holds the results of another command: {', '.join(other)} differ. Choose "
            "another place."
        )


@contextmanager
def _held(folder: Path) -> "Iterator[None]":
    """Keep other processes from writing into a folder; the hold ends with this process."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"`{folder}` exists and is not an empty folder. Choose another place."
        ) from error
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise DataError(f"Another process writes into `{folder}`. Wait for it.") from error
