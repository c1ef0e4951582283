"""The files of a bundle: tensors as safetensors, tables as Parquet, checked before use.

Both formats hold numbers and text only: nothing is ever unpickled.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from .manifest import damaged_bundle
from .migrations import RENAMED

__all__ = [
    "TensorKind",
    "kind_of",
    "read_table",
    "read_tensors",
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
LARGEST = 1e6
"""Largest absolute value in a tensor; beyond it the networks overflow."""
MAX_ROWS = 1_000_000
"""Largest number of rows of a table whose length is not known beforehand."""
MAX_CELLS = 4_000_000
"""Largest number of rows times columns of such a table."""
MAX_TEXT = 1000
"""Largest length of a text in a table, in bytes."""
SPARE = 1 << 20
"""Unpacked bytes that a column may have in addition to its rows: 1 MiB."""


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
        raise damaged_bundle(path, f"it cannot be read: {error}") from error
    if tensors.keys() != expected.keys():
        other = min(tensors.keys() ^ expected.keys())
        state = "is missing" if other in expected else "is not expected"
        raise damaged_bundle(path, f"the tensor `{other:.80}` {state}")
    for name, (dtype, shape) in expected.items():
        tensor, (found, found_shape) = tensors[name], kind_of(tensors[name])
        if (found, found_shape) != (dtype, shape):
            problem = f"must be {dtype} of shape {shape}, got {found} of shape {found_shape}"
            raise damaged_bundle(path, f"the tensor `{name}` {problem}")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise damaged_bundle(path, f"the tensor `{name}` has NaN or infinity")
        if tensor.is_floating_point() and bool((tensor.abs() > LARGEST).any()):
            raise damaged_bundle(path, f"the tensor `{name}` has numbers beyond {LARGEST:g}")
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
        use_byte_stream_split=floats,  # a third smaller: the exponents are stored together
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
        num_rows: Required number of rows; None for any number.
        more_columns: Whether further columns of these types may follow.

    Returns:
        The table; missing floats are NaN.

    Raises:
        BundleError: If the file is damaged, or has other columns, types or rows.
    """
    try:
        with pq.ParquetFile(path) as file:
            stored = file.schema_arrow
            schema = pa.schema([e.with_name(RENAMED.get(e.name, e.name)) for e in stored])
            _check_columns(path, schema, columns, more_columns=more_columns)
            _check_rows(path, file.metadata, num_rows)
            texts = [entry.name for entry in stored if entry.type == pa.string()]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            rows = _spelled_out(path, file.read().replace_schema_metadata(None), texts)
            for name, column in zip(rows.column_names, rows.columns, strict=True):
                if column.null_count and not pa.types.is_floating(column.type):
                    raise damaged_bundle(path, f"the column `{name:.80}` has a missing value")
            return rows.rename_columns(schema.names).to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise damaged_bundle(path, f"it cannot be read: {error}") from error


def write_bytes(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file through to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _check_rows(path: Path, about: pq.FileMetaData, num_rows: int | None) -> None:
    """Raise an error for a file that would take more memory than its rows need."""
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    found = sum(group.num_rows for group in groups)
    if num_rows is not None and (about.num_rows, found) != (num_rows, num_rows):
        raise damaged_bundle(
            path, f"it must have {num_rows} rows, one per image, got {about.num_rows}"
        )
    if max(about.num_rows, found) > MAX_ROWS and num_rows is None:
        raise damaged_bundle(path, f"it has {found} rows, at most {MAX_ROWS} are read")
    if num_rows is None and found * about.num_columns > MAX_CELLS:
        raise damaged_bundle(
            path, f"it has {about.num_columns} columns of {found} rows, which is too much"
        )
    for group in groups:  # not column metadata: pyarrow aborts the process on inconsistent ones
        if group.total_byte_size > SPARE + MAX_TEXT * group.num_rows * group.num_columns:
            size = f"{group.total_byte_size >> 20} MiB"
            raise damaged_bundle(path, f"it claims {size} for {group.num_rows} rows")


def _spelled_out(path: Path, rows: pa.Table, texts: list[str]) -> pa.Table:
    """Expand dictionary-encoded texts, unless one of them is too long."""
    for name in texts:
        place = rows.column_names.index(name)
        for chunk in rows.column(place).chunks:
            longest = pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0
            if longest > MAX_TEXT:
                raise damaged_bundle(
                    path, f"the column `{name:.80}` has a text of {longest} bytes"
                )
        rows = rows.set_column(place, name, rows.column(place).cast(pa.string()))
    return rows


def _check_columns(
    path: Path, schema: pa.Schema, columns: Mapping[str, str], *, more_columns: bool
) -> None:
    kinds = {kind: name for name, kind in _COLUMN_TYPES.items()}
    found = {entry.name: kinds.get(entry.type, str(entry.type)) for entry in schema}
    if len(found) != len(schema):
        raise damaged_bundle(path, "it has a column twice")
    if missing := [name for name in columns if name not in found]:
        raise damaged_bundle(path, f"the column `{missing[0]}` is missing")
    for name, kind in found.items():
        expected = columns.get(name)
        if expected is None and (not more_columns or kind not in _COLUMN_TYPES):
            raise damaged_bundle(path, f"the column `{name:.80}` is not expected")
        if expected is not None and kind != expected:
            raise damaged_bundle(path, f"the column `{name}` must be {expected}, got {kind:.80}")
    if list(found)[: len(columns)] != list(columns):
        raise damaged_bundle(path, "its columns are in another order than expected")
