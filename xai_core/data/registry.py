"""Sources of data sets: package data, torchvision, a folder of images, an .npz file."""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int

from .._arguments import checked
from .._paths import expand_home
from .._text import is_text, listed
from ..errors import DataError
from . import shapes
from .built_in import BUILT_IN, REMOTE
from .columns import Columns, beside_files, beside_ids, beside_rows
from .dataset import Dataset, Split, build_dataset, image_id, parse_id
from .digits import are_digits
from .downloads import read_remote
from .io.array_keys import ArraySet, read_array_set, usual_column
from .io.arrays import read_idx
from .io.csv_files import SEPARATORS, read_csv, read_pixel_table
from .io.folders import scan_folder
from .io.zip_files import unpacked
from .labels import check_labels, check_split, draw_test
from .preprocessing import Converted, Wanted, convert_array, convert_files
from .preprocessing_config import Preprocessing

__all__ = [
    "BUILT_IN",
    "Dataset",
    "Split",
    "available_offline",
    "build_dataset",
    "image_id",
    "load_dataset",
    "parse_id",
]

_MNIST_FOLDER = Path(__file__).parent / "mnist"
_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": ((60_000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte.gz": ((60_000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte.gz": ((10_000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte.gz": ((10_000,), "27ae3e4e09519cfbb04c329615203637"),
}


def available_offline(root: Path | None = None) -> tuple[str, ...]:
    """Return the sets of `BUILT_IN` that need no network: packaged or already downloaded."""
    folders = {name: _downloads(root) / remote.factory / "raw" for name, remote in REMOTE.items()}
    return (
        "mnist",
        *shapes.NAMES,
        *(name for name, raw in folders.items() if any(raw.glob("*-ubyte"))),
    )


@checked
def load_dataset(
    source: str | Path,
    *,
    root: Path | None = None,
    seed: int = 0,
    wanted: Wanted = Wanted(),  # noqa: B008  frozen
    metadata: str | Path | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
) -> Dataset:
    """Load a data set.

    Grey images become light ink on dark, 28 x 28 pixels; colour images are kept, see
    `preprocessing`.

    Args:
        source: One of `BUILT_IN`; a folder of images or a .zip of one, optionally with one
            sub-folder per label and with `train` and `test` above them; an .npz with `images`
            (N, H, W) or (N, H, W, 3), and optionally `labels` (N,), `class_names`, `split` (N,),
            the words 'train' and 'test', and columns of your own (N,); or a .csv with one row per
            image and one column per pixel. Write `./mnist` for a folder called mnist.
        root: Folder for downloads; $XAI_DATA or ~/.cache/xai by default.
        seed: Seed of the test images if the source has no split: one in seven of each label.
        wanted: The form of the images of a folder, .npz or .csv, if not the default.
        metadata: A .csv or .tsv of further columns: for a folder, one of them names the files;
            for an .npz or .csv, the rows are the images in order; for a built-in set, the column
            `id` names images as 'train:0'.
        label_column: The column to take the labels from, in place of any others.
        split_column: The column of the words 'train' and 'test', likewise.

    Returns:
        The data set; read its `report`.

    Raises:
        DataError: If it is missing, damaged, too small, or does not hold images; the message names
            the file, the row or the network, and the fix.
    """
    asked = _Asked(metadata=metadata, label=label_column, split=split_column)
    if source == "mnist":
        return _with_columns(_load_mnist(_MNIST_FOLDER), asked)
    if source in shapes.NAMES:
        return _with_columns(_made(str(source)), asked)
    if source in REMOTE:
        return _with_columns(_load_remote(str(source), root), asked)
    path = expand_home(source)
    if "\0" in str(path):
        raise _unknown(source)
    if not is_text(f"{path}{path.resolve().name}"):
        raise DataError(
            f"{str(path)!a} is not UTF-8, so a bundle could not store its name. Rename it."
        )
    if not path.exists():
        raise _unknown(source)
    return _load_path(path, seed, wanted, asked)


def _load_path(path: Path, seed: int, wanted: Wanted, asked: "_Asked") -> Dataset:
    if path.is_dir():
        return _load_folder(path, path, seed, wanted, asked)
    if path.suffix.lower() == ".zip":
        with unpacked(path) as folder:
            return _load_folder(folder, path, seed, wanted, asked)
    if path.suffix.lower() == ".npz":
        return _load_arrays(path, read_array_set(path), seed, wanted, asked)
    if path.suffix.lower() in SEPARATORS:
        arrays = read_pixel_table(path)
        return _load_arrays(path, arrays, seed, wanted, asked.usual_of(arrays.columns))
    raise DataError(
        f"`{path}` must be a folder of images, a .zip of one, an .npz file, or a .csv of "
        "pixels; save an array with numpy.savez(FILE, images=...)."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Asked:
    """What to take from the user's own columns."""

    metadata: str | Path | None
    label: str | None
    split: str | None

    def usual_of(self, table: pd.DataFrame | None) -> "_Asked":
        """Take the usual columns, such as `label` and `split`, where none was named."""
        names = () if table is None else tuple(table)
        return dataclasses.replace(
            self,
            label=self.label or usual_column(names, "labels"),
            split=self.split or usual_column(names, "split"),
        )

    def of(self, columns: Columns | None, path: str | Path) -> Columns:
        """Take labels and split from the columns of a data set.

        Raises:
            DataError: If there is no such column, or there are no columns at all.
        """
        if columns is None and (self.label or self.split):
            raise DataError(
                f"`{path}` has no columns, so none can be the label or the split. Give them as a "
                "table, with --metadata FILE.csv."
            )
        if columns is None:
            return Columns(table=pd.DataFrame())
        return columns.chosen(self.label, self.split, str(self.metadata or path))


def _with_columns(dataset: Dataset, asked: _Asked) -> Dataset:
    """Add the user's own columns to a built-in data set."""
    if asked.label or asked.split:
        raise DataError(
            f"'{dataset.name}' has its own labels and its own split. Leave --label-column and "
            "--split-column out."
        )
    if asked.metadata is None:
        return dataset
    found = asked.of(beside_ids(read_csv(asked.metadata), dataset.ids, asked.metadata), "")
    count, table = len(dataset.train), found.table
    return dataclasses.replace(
        dataset,
        train=dataclasses.replace(dataset.train, columns=table.iloc[:count]),
        test=dataclasses.replace(dataset.test, columns=table.iloc[count:]),
        report=(*dataset.report, *found.notes),
    )


def _unknown(source: str | Path) -> DataError:
    shown = str(source) if str(source).isprintable() else ascii(str(source))[1:-1]
    return DataError(
        f"There is no data set '{shown}'. Use {listed(BUILT_IN)}, or the path of a folder of "
        "images or of an .npz file."
    )


@functools.lru_cache(maxsize=1)
def _made(name: str) -> Dataset:
    return shapes.load_shapes(name)


@functools.cache
def _load_mnist(folder: Path) -> Dataset:
    arrays = [
        torch.from_numpy(read_idx(folder / file, shape=shape, md5=md5))
        for file, (shape, md5) in _MNIST_FILES.items()
    ]
    return build_dataset(
        name="mnist",
        train=Split(images=arrays[0], labels=arrays[1].long()),
        test=Split(images=arrays[2], labels=arrays[3].long()),
        class_names=tuple("0123456789"),
        source="MNIST, Yann LeCun and Corinna Cortes, CC BY-SA 3.0",
        preprocessing=Preprocessing(strategy="digits", by_border=True),
    )


def _load_remote(name: str, root: Path | None) -> Dataset:
    train, test = (read_remote(name, _downloads(root), train=train) for train in (True, False))
    return build_dataset(
        name=name,
        train=Split(images=train.images, labels=train.labels),
        test=Split(images=test.images, labels=test.labels),
        class_names=train.class_names,
        source=REMOTE[name].credit,
        preprocessing=Preprocessing(strategy="digits" if are_digits(test.images) else "glyphs"),
    )


def _downloads(root: Path | None) -> Path:
    return expand_home(root or os.environ.get("XAI_DATA") or "~/.cache/xai")


def _load_folder(folder: Path, path: Path, seed: int, wanted: Wanted, asked: _Asked) -> Dataset:
    """Read a folder, or the one that a .zip at `path` was unpacked to."""
    found = scan_folder(folder)
    columns = None
    if asked.metadata is not None:
        files = [file.relative_to(folder).as_posix() for file in found.files]
        columns = beside_files(read_csv(asked.metadata), files, asked.metadata)
    columns = asked.of(columns, path)
    converted = convert_files(found.files, wanted=wanted)
    converted = dataclasses.replace(converted, report=(*converted.report, *found.notes))
    labels = None if found.labels is None else np.array(found.labels, np.int64)
    in_test = None if found.in_test is None else np.array(found.in_test)
    return _assembled(path, converted, labels, in_test, found.class_names, seed, columns)


def _load_arrays(
    path: Path, arrays: ArraySet, seed: int, wanted: Wanted, asked: _Asked
) -> Dataset:
    count, labels, in_test = len(np.atleast_1d(arrays.images)), None, arrays.in_test
    table, own = arrays.columns, set(() if arrays.columns is None else arrays.columns)
    if asked.metadata is not None:
        beside = read_csv(asked.metadata)
        beside = beside.rename(columns=lambda name: f"{name}*" if name in own else name)
        table = beside if table is None else pd.concat([table, beside], axis=1)
    columns = None if table is None else beside_rows(table, count, asked.metadata or path)
    columns = asked.of(columns, path)
    class_names: tuple[str, ...] = ()
    if arrays.labels is not None:
        labels, class_names = check_labels(arrays.labels, count, f"{path}: labels", arrays.names)
    if arrays.split is not None:
        in_test = check_split(arrays.split, count, f"{path}: split")
    converted = convert_array(
        arrays.images,
        f"{path}: images",
        wanted=wanted,
        flat=labels is not None or columns.labels is not None,
        notes=arrays.notes,
    )
    return _assembled(path, converted, labels, in_test, class_names, seed, columns)


def _assembled(
    path: Path,
    converted: Converted,
    labels: Int[np.ndarray, " images"] | None,
    in_test: Bool[np.ndarray, " images"] | None,
    class_names: tuple[str, ...],
    seed: int,
    columns: Columns,
) -> Dataset:
    report, num_images = (*converted.report, *columns.notes), len(converted.images)
    if columns.labels is not None:
        labels, class_names = columns.labels, columns.class_names
    in_test = in_test if columns.in_test is None else columns.in_test
    if in_test is not None and not in_test.any():
        report, in_test = (*report, "The split names no test images."), None
    if in_test is None:
        in_test = draw_test(labels if labels is not None else np.zeros(num_images, np.int64), seed)
        whole = "the images" if labels is None else "each label"
        report += (f"One in seven of {whole} was drawn for test, with seed {seed}.",)
    train, test = (
        Split(
            images=converted.images[torch.from_numpy(rows)],
            labels=None if labels is None else torch.from_numpy(labels[rows]),
            columns=None if columns.table.empty else columns.table[rows],
        )
        for rows in (~in_test, in_test)
    )
    return build_dataset(
        name=path.resolve().name if path.is_dir() else path.stem,
        train=train,
        test=test,
        class_names=class_names,
        report=report,
        source=str(path),
        preprocessing=converted.preprocessing,
    )
