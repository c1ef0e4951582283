"""The files of a bundle: tensors as safetensors and tables as Parquet, believed once checked.

Both formats hold numbers and text only: nothing is ever unpickled.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from .manifest import damage

__all__ = [
    "TensorKind",
    "kind_of",
    "read_table",
    "read_tensors",
    "sync_folder",
    "write_bytes",
    "write_table",
    "write_tensors",
]

TensorKind = tuple[torch.dtype, tuple[int, ...]]
"""Type and shape."""

_COLUMN_TYPES = {
    "str": pa.string(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
}


def kind_of(tensor: Tensor) -> TensorKind:
    """Return type and shape of a tensor."""
    return tensor.dtype, tuple(tensor.shape)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors by name, from any device, as they are."""
    rows = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(rows))


def read_tensors(path: Path, expected: Mapping[str, TensorKind]) -> dict[str, Tensor]:
    """Read tensors whose names, types and shapes are known beforehand.

    Args:
        path: A safetensors file.
        expected: Type and shape by name.

    Returns:
        The tensors on the CPU.

    Raises:
        BundleError: If the file is damaged, holds other tensors, or numbers that are not finite.
    """
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise damage(path, f"it cannot be read: {error}") from error
    if tensors.keys() != expected.keys():
        other = min(tensors.keys() ^ expected.keys())
        state = "is missing" if other in expected else "is not expected"
        raise damage(path, f"the tensor `{other:.80}` {state}")
    for name, (dtype, shape) in expected.items():
        tensor, (found, found_shape) = tensors[name], kind_of(tensors[name])
        if (found, found_shape) != (dtype, shape):
            problem = f"must be {dtype} of shape {shape}, got {found} of shape {found_shape}"
            raise damage(path, f"the tensor `{name}` {problem}")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise damage(path, f"the tensor `{name}` has NaN or infinity")
    return {name: tensors[name] for name in expected}


def write_table(path: Path, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Write columns of a table.

    Args:
        path: The Parquet file.
        table: Has at least these columns.
        columns: "str", "int64", "float32" or "float64" by name, in the order of the file.

    Raises:
        ValueError: If a column is missing or of a type that cannot become the one named.
    """
    if missing := [name for name in columns if name not in table]:
        raise ValueError(f"The table for '{path.name}' must have a column `{missing[0]}`.")
    schema = pa.schema([(name, _COLUMN_TYPES[kind]) for name, kind in columns.items()])
    try:
        rows = pa.Table.from_pandas(table[list(columns)], schema=schema, preserve_index=False)
    except (pa.ArrowException, TypeError) as error:
        raise ValueError(f"The table for '{path.name}' cannot be written: {error}") from error
    sink = pa.BufferOutputStream()
    floats = [name for name, kind in columns.items() if kind.startswith("float")]
    pq.write_table(
        rows.replace_schema_metadata(None),
        sink,
        compression="zstd",
        use_dictionary=[name for name in columns if name not in floats],
        use_byte_stream_split=floats,  # a third smaller: exponents beside exponents
    )
    write_bytes(path, sink.getvalue())


def read_table(
    path: Path,
    columns: Mapping[str, str],
    *,
    num_rows: int | None = None,
    more_columns: bool = False,
) -> pd.DataFrame:
    """Read a table whose columns are known beforehand.

    Args:
        path: A Parquet file.
        columns: Type by name, in the order of the file.
        num_rows: Rows it must have; any number where None.
        more_columns: Whether further columns of these types may follow.

    Returns:
        The table; where a float is missing, NaN.

    Raises:
        BundleError: If the file is damaged, or has other columns, types or rows.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow, columns, more_columns=more_columns)
            found = file.metadata.num_rows
            if num_rows is not None and found != num_rows:
                raise damage(path, f"it must have {num_rows} rows, one an image, got {found}")
            rows = file.read().replace_schema_metadata(None)
            for name, column in zip(rows.column_names, rows.columns, strict=True):
                if column.null_count and not pa.types.is_floating(column.type):
                    raise damage(path, f"the column `{name:.80}` has a missing value")
            return rows.to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise damage(path, f"it cannot be read: {error}") from error


def write_bytes(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file through to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Write a folder's entries through to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_columns(
    path: Path, schema: pa.Schema, columns: Mapping[str, str], *, more_columns: bool
) -> None:
    kinds = {kind: name for name, kind in _COLUMN_TYPES.items()}
    found = {entry.name: kinds.get(entry.type, str(entry.type)) for entry in schema}
    if len(found) != len(schema):
        raise damage(path, "it has a column twice")
    if missing := [name for name in columns if name not in found]:
        raise damage(path, f"the column `{missing[0]}` is missing")
    for name, kind in found.items():
        expected = columns.get(name)
        if expected is None and (not more_columns or kind not in _COLUMN_TYPES):
            raise damage(path, f"the column `{name:.80}` is not expected")
        if expected is not None and kind != expected:
            raise damage(path, f"the column `{name}` must be {expected}, got {kind:.80}")
    if list(found)[: len(columns)] != list(columns):
        raise damage(path, "its columns are in another order than expected")
