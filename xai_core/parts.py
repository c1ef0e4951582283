"""What a bundle says of very many images: each process encodes its share and writes it as a part.

The parts are one Parquet data set, the same whatever the number of processes:

    folder/part-00000-of-00002.parquet      rows 0 to 4,999,999
    folder/part-00001-of-00002.parquet      the others
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ._types import ByteImages
from .bundle import Bundle
from .encoding import BATCH
from .errors import DataError
from .runtime import share_of
from .whole_files import whole_file
from .workflow import Encoded, encode

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["check_folder", "encode_part"]

SCALARS = {"umap": ("umap_x", "umap_y")}
"""Columns whose names are not numbered."""


def check_folder(folder: Path) -> None:
    """Refuse a folder with anything in it, which would be read as parts too.

    Raises:
        DataError: If there is anything, or the place is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"`{folder}` is there and not an empty folder. Choose another place.")


def encode_part(
    bundle: Bundle, images: ByteImages, folder: Path, *, fabric: "Fabric", seed: int = 0
) -> Path | None:
    """Encode this process's share of images and write it; waits for the others.

    Args:
        bundle: The models, on the device to compute on, and the map.
        images: All of them, uint8 (N, 28, 28).
        folder: Where the parts go; made if it is not there.
        fabric: The launch, which numbers the processes.
        seed: Of the one draw of z per image; an image's draw is the same in any share.

    Returns:
        This process's part; None where there are fewer batches than processes.

    Raises:
        DataError: If it cannot be written.
        OutOfMemoryError: If there is not enough for a single image.
    """
    rank, world = fabric.global_rank, fabric.world_size
    rows, path = share_of(len(images), BATCH, rank, world), None
    if rows.start < rows.stop:
        table = _table(encode(bundle, images[rows], seed=seed, first=rows.start), rows.start)
        path = folder / f"part-{rank:05d}-of-{world:05d}.parquet"
        with whole_file(path, make_folder=True) as file:
            pq.write_table(table, file, compression="zstd")
    fabric.barrier()
    return path


def _table(found: Encoded, first: int) -> pa.Table:
    """Lay arrays out as columns: `mean` as mean_0, mean_1 and so on, with the image's row."""
    columns: dict[str, np.ndarray] = {}
    for name, array in found.arrays().items():
        if array.ndim == 1:
            columns[name] = array
            continue
        names = SCALARS.get(name) or [f"{name}_{axis}" for axis in range(array.shape[1])]
        columns |= dict(zip(names, array.T, strict=True))
    rows = np.arange(first, first + len(found.umap), dtype=np.int64)
    return pa.table({"row": rows} | {name: np.ascontiguousarray(c) for name, c in columns.items()})
