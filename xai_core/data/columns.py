"""The user's own columns of a data set: matched with the images and typed.

A column is of numbers (float64, NaN where a value is missing) or of texts ("" where missing).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64

from .._text import listed, visible
from ..errors import DataError
from .labels import check_labels, check_split

__all__ = ["Columns", "beside_files", "beside_ids", "beside_rows", "typed"]

MAX_COLUMNS = 50
MAX_NAME = 60
"""Largest length of a column's name."""
MAX_TEXT = 200
"""Largest length of a text; longer ones are cut."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """What a table says about images, one row per image.

    Attributes:
        table: The columns, typed.
        labels: The class of each image, if a column was chosen as the label.
        class_names: The name of each class.
        in_test: Test images, if a column was chosen as the split.
        notes: What was left out or cut, in sentences.
    """

    table: pd.DataFrame
    labels: Int64[np.ndarray, " images"] | None = None
    class_names: tuple[str, ...] = ()
    in_test: Bool[np.ndarray, " images"] | None = None
    notes: tuple[str, ...] = ()

    def chosen(self, label: str | None, split: str | None, name: str) -> "Columns":
        """Take the labels and the split from columns, which leave the table.

        Args:
            label: Name of the column of labels; None for none.
            split: Name of the column of the words 'train' and 'test'; None for none.
            name: Name of the table in messages.

        Raises:
            DataError: If there is no such column, or its values are no labels or no split.
        """
        found = self
        if label is not None:
            values = found._column(label, name)
            labels, names = check_labels(values, len(values), f"{name}: {label}")
            found = replace(found, labels=labels, class_names=names)
        if split is not None:
            values = found._column(split, name).astype(np.str_)
            in_test = check_split(values, len(values), f"{name}: {split}")
            found = replace(found, in_test=in_test)
        table = found.table.drop(columns=[c for c in (label, split) if c in found.table])
        notes = [
            f"The {what} was read from the column {column!r:.80}."
            for what, column in (("label", label), ("split", split))
            if column is not None
        ]
        if table.shape[1]:
            notes.append(f"Columns of your own: {listed(table.columns, 10)}.")
        return replace(found, table=table, notes=(*found.notes, *notes))

    def _column(self, column: str, name: str) -> np.ndarray:
        if column not in self.table:
            raise DataError(
                f"`{name}` has no column {column!r:.80}. It has {listed(self.table.columns, 20)}."
            )
        values = self.table[column]
        missing = values.isna() if values.dtype.kind == "f" else values == ""
        if missing.any():
            row = int(np.argmax(missing.to_numpy()))
            raise DataError(
                f"`{name}` has no value of {column!r:.80} in row {row + 1}. Fill it in, or choose "
                "another column."
            )
        return values.to_numpy() if values.dtype.kind == "f" else values.to_numpy(np.str_)


def beside_files(table: pd.DataFrame, files: Sequence[str], path: str | Path) -> Columns:
    """Bring a table into the order of image files, which one of its columns names.

    The column is the first that names every file once, by its path, its name, or its name without
    the suffix; it stays in the table.

    Args:
        table: As `read_csv` returns it.
        files: Paths within the data set's folder, with `/`.
        path: The table's path, for messages.

    Raises:
        DataError: If no column names every file once.
    """
    best: tuple[int, str, list[str]] = (0, "", [])
    for spelled in (_whole, _name, _stem):
        wanted = [spelled(file) for file in files]
        if len(set(wanted)) < len(wanted):
            continue
        for column in table:
            found = _rows_named_once(table[column].map(spelled), wanted)
            known = int((found >= 0).sum())
            if known == len(files):
                notes = _extra_rows(len(table) - known, path)
                return _typed_with_notes(table.iloc[found], notes)
            missing = [file for file, row in zip(files, found, strict=True) if row < 0]
            best = max(best, (known, str(column), missing))
    known, column, missing = best
    if known:
        raise DataError(
            f"`{path}` names {known:,} of {len(files):,} images in the column {column!r:.80}, but "
            f"not {listed(missing)}. Add a row for each, and name each image once."
        )
    raise DataError(
        f"No column of `{path}` names the images, such as {files[0]!r:.100}. Add a column with "
        "the file names."
    )


def beside_rows(table: pd.DataFrame, count: int, path: str | Path) -> Columns:
    """Take a table whose rows are the images in their order.

    Raises:
        DataError: If there are more or fewer rows than images.
    """
    if len(table) != count:
        raise DataError(
            f"`{path}` has {len(table):,} rows for {count:,} images. Give one row per image, in "
            "the order of the images."
        )
    return _typed_with_notes(table, ())


def beside_ids(table: pd.DataFrame, ids: Sequence[str], path: str | Path) -> Columns:
    """Bring a table into the order of ids such as 'train:0', by its column `id`; else by rows.

    Raises:
        DataError: If ids are missing, or there are more or fewer rows than images.
    """
    if "id" not in table:
        return beside_rows(table, len(ids), path)
    found = _rows_named_once(table["id"].str.strip(), ids)
    if (found < 0).any():
        missing = [image for image, row in zip(ids, found, strict=True) if row < 0]
        raise DataError(
            f"`{path}` has no row for the images {listed(missing)}. Give each image of the data "
            "set one row, with its id in the column 'id'."
        )
    notes = _extra_rows(len(table) - len(ids), path)
    return _typed_with_notes(table.drop(columns="id").iloc[found], notes)


def typed(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Convert columns of texts: to numbers where all values are, else cut to `MAX_TEXT`.

    Whole numbers with leading zeros, such as '007', stay texts.

    Returns:
        The table without empty columns, with unique names, and what was changed in sentences.
    """
    columns: dict[str, pd.Series] = {}
    empty, long = [], []
    for column in table:
        name = visible(str(column))[:MAX_NAME]
        while name in columns:
            name = f"{name[: MAX_NAME - 1]}*"
        texts = table[column].astype(str).str.strip().reset_index(drop=True)
        if not (texts != "").any():
            empty.append(name)
            continue
        numbers = pd.to_numeric(texts.where(texts != "", "nan"), errors="coerce")
        given = numbers.notna() & np.isfinite(numbers)
        padded = texts.str.match(r"[-+]?0\d")
        if (given == (texts != "")).all() and not padded.any():
            columns[name] = numbers.astype(np.float64)
            continue
        if (texts.str.len() > MAX_TEXT).any():
            long.append(name)
        columns[name] = texts.str.slice(0, MAX_TEXT)
    notes = []
    if empty:
        notes.append(f"Left out, being empty: the columns {listed(empty)}.")
    if long:
        notes.append(f"Texts of the columns {listed(long)} were cut to {MAX_TEXT} characters.")
    if len(columns) > MAX_COLUMNS:
        notes.append(f"Of {len(columns)} columns, the first {MAX_COLUMNS} were kept.")
    kept = dict(list(columns.items())[:MAX_COLUMNS])
    return pd.DataFrame(kept, index=pd.RangeIndex(len(table))), tuple(notes)


def _typed_with_notes(table: pd.DataFrame, notes: tuple[str, ...]) -> Columns:
    found, more = typed(table)
    return Columns(table=found, notes=(*notes, *more))


def _rows_named_once(names: pd.Series, wanted: Sequence[str]) -> Int64[np.ndarray, " wanted"]:
    """Find the row of each name that occurs once; -1 for all others."""
    rows = pd.Series(np.arange(len(names)), pd.Index(names))
    once = rows[~rows.index.duplicated(keep=False)]
    return once.reindex(list(wanted)).fillna(-1).to_numpy(np.int64)


def _extra_rows(count: int, path: str | Path) -> tuple[str, ...]:
    return (f"{count:,} rows of {Path(path).name} name no image and were left out.",) * (count > 0)


def _whole(file: str) -> str:
    return file.strip().replace("\\", "/").removeprefix("./")


def _name(file: str) -> str:
    return _whole(file).rpartition("/")[2]


def _stem(file: str) -> str:
    name = _name(file)
    return name.rpartition(".")[0] or name
