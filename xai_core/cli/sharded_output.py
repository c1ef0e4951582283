"""Process very many images: each process writes the results of its share as one part.

The parts are one Parquet data set, the same whatever the number of processes:

    folder/part-00000-of-00002.parquet      images 0 to 4,999,999
    folder/part-00001-of-00002.parquet      the rest
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic_write import atomic_write
from ..errors import DataError
from .options import images_of
from .terminal import print_json, print_table

if TYPE_CHECKING:
    import numpy as np
    from lightning_fabric import Fabric

    from .._types import ByteImages
    from ..bundle.reading import Bundle
    from ..runtime import Launch

__all__ = [
    "check_folder",
    "write_part",
    "write_parts",
]

AXES = {"umap": ("umap_x", "umap_y"), "distances": ("l1", "l2")}
"""Columns with named instead of numbered axes."""
BLOCKS_AT_ONCE = 20
"""Blocks computed and written together, so that memory does not grow with the share."""


def check_folder(folder: Path) -> None:
    """Raise an error if the folder is not empty, since its files would be read as parts too.

    Raises:
        DataError: If the folder is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"`{folder}` exists and is not an empty folder. Choose another place.")


def write_part(
    work: Callable[[slice], Mapping[str, np.ndarray]],
    count: int,
    folder: Path,
    *,
    fabric: "Fabric",
    block: int,
) -> Path | None:
    """Compute and write this process's share of the images; waits for the other processes.

    If `work` uses batches of `block` images and random numbers that depend only on an image's row,
    the results do not depend on the number of processes. They are bitwise equal on devices of one
    kind with the same `torch.get_num_threads()`, which determines the order of sums, and equal up
    to rounding otherwise.

    Args:
        work: Returns arrays by name for a slice of the images: one row, or equally many rows,
            per image, or a scalar for all. Shapes past the first axis are the same in every call.
        count: Number of images.
        folder: Folder of the parts; created if it does not exist.
        fabric: Numbers the processes.
        block: Images computed together; only whole blocks are distributed.

    Returns:
        This process's part; None if there are fewer blocks than processes. `row` is an image's
        position in the set. A matrix has one column per axis (`mean` has mean_0, mean_1 and so
        on);
        arrays with more axes are a column of tensors, which other readers see as flat lists.

    Raises:
        DataError: If it cannot be written.
    """
    from ..runtime import share_of

    rank, world = fabric.global_rank, fabric.world_size
    share, path = share_of(count, block, rank, world), None
    if share.start < share.stop:
        path = folder / f"part-{rank:05d}-of-{world:05d}.parquet"
        _write(path, _tables(work, share, block * BLOCKS_AT_ONCE))
    fabric.barrier()
    return path


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with (
        atomic_write(path, make_folder=True) as file,
        pq.ParquetWriter(file, first.schema, compression="zstd") as writer,
    ):
        for table in chain([first], tables):
            writer.write_table(table)


def _tables(
    work: Callable[[slice], Mapping[str, np.ndarray]], share: slice, at_once: int
) -> Iterator[pa.Table]:
    for first in range(share.start, share.stop, at_once):
        rows = slice(first, min(first + at_once, share.stop))
        yield _table(work(rows), np.arange(rows.start, rows.stop))


def _table(arrays: Mapping[str, np.ndarray], images: np.ndarray) -> pa.Table:
    """Return arrays as columns, with the image that each row belongs to."""
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
    work: "Callable[[Bundle, ByteImages, int], Mapping[str, np.ndarray]]",
    *,
    bundle: str,
    images: str,
    launch: "Launch",
    block: int,
    about: Mapping[str, object],
    as_json: bool,
) -> None:
    """Compute and write results in several processes; the first one reports.

    Args:
        folder: New or empty folder of the parts.
        work: Returns the arrays to write, given the bundle, some images and the number of images
            before them; see `write_part`.
        bundle: Name or path.
        images: Ids, as `images_of` accepts them.
        launch: Devices and processes.
        block: Images computed together.
        about: Further values to report.
        as_json: Whether to report as JSON.
    """
    from ..bundle.reading import load_bundle
    from ..runtime import is_first_process, make_fabric, report_lost_processes

    if is_first_process():
        check_folder(folder)
    fabric = make_fabric(launch)
    opened = load_bundle(bundle, device=fabric.device)
    pixels = images_of(opened, images)
    with report_lost_processes(fabric, "Empty the folder and start again."):
        write_part(
            lambda rows: work(opened, pixels[rows], rows.start),
            len(pixels),
            folder,
            fabric=fabric,
            block=block,
        )
    if not is_first_process():
        return
    files = sorted(path.name for path in folder.iterdir())
    summary = {"bundle": opened.name, **about, "out": str(folder)}
    summary |= {"images": len(pixels), "parts": files}
    if as_json:
        print_json(summary)
    else:
        print_table(f"{folder}", list(summary.items()))
