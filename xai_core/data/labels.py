"""Check the labels and splits of a data set, and draw a split if there is none."""

import numpy as np
from jaxtyping import Bool, Int64

from .._text import listed
from ..errors import DataError
from .io.split_names import held_out, part_of

__all__ = ["check_labels", "check_split", "draw_test"]

_MAX_CLASSES = 1000
_TEST_SHARE = 7


def check_labels(
    labels: np.ndarray, num_images: int, name: str, names: np.ndarray | None = None
) -> tuple[Int64[np.ndarray, " images"], tuple[str, ...]]:
    """Number the classes of given labels.

    There is one class per distinct label, in sorted order, with the label's name.

    Args:
        labels: (N,) or (N, 1): whole numbers, words, or truth values.
        num_images: N.
        name: Name used in error messages.
        names: Names of the labels 0, 1, ..., if known.

    Returns:
        The class of each image from 0, and the name of each class.

    Raises:
        DataError: If their number or type is wrong, they are not whole, or have more than 1,000
            classes.
    """
    if labels.shape == (num_images, 1):
        labels = labels[:, 0]
    _check_length(labels, num_images, name)
    distinct, classes = np.unique(_whole(labels, name), return_inverse=True)
    if len(distinct) > _MAX_CLASSES:
        raise DataError(
            f"`{name}` has {len(distinct):,} distinct values, at most {_MAX_CLASSES:,} classes "
            "are read. Leave `labels` out if they are measurements."
        )
    class_names = tuple(str(label) for label in distinct)
    if names is not None:
        class_names = _named(distinct, names, name)
    return classes.reshape(-1).astype(np.int64), class_names


def _whole(labels: np.ndarray, name: str) -> np.ndarray:
    """Return labels as integers or text."""
    if labels.dtype.kind in "iuU":
        return labels
    if labels.dtype.kind == "b":
        return labels.astype(np.str_)
    if labels.dtype.kind != "f":
        raise DataError(f"`{name}` must be whole numbers or words, got {labels.dtype}.")
    broken = ~np.isfinite(labels) | (labels != np.floor(labels)) | (np.abs(labels) > 2**53)
    if broken.any():
        row = int(np.argmax(broken))
        raise DataError(
            f"`{name}` must be whole numbers or words, got {labels[row]} in row {row}. Name each "
            "class by a number; leave `labels` out if they are measurements."
        )
    return labels.astype(np.int64)


def _named(distinct: np.ndarray, names: np.ndarray, name: str) -> tuple[str, ...]:
    """Return the names of the labels that occur."""
    fits = distinct.dtype.kind in "iu" and distinct[0] >= 0 and distinct[-1] < names.size
    if not fits or names.ndim != 1 or names.dtype.kind != "U" or len(set(names)) < len(names):
        raise DataError(
            f"`{name}` must be numbers from 0 where the names of classes are given, got "
            f"{listed(distinct)} and the names {listed(names.ravel())}. Leave one of them out."
        )
    return tuple(str(names[int(label)]) for label in distinct)


def check_split(split: np.ndarray, num_images: int, name: str) -> Bool[np.ndarray, " images"]:
    """Check a split given as words, and return which rows are in test.

    Args:
        split: (N,), the words 'train' and 'test' or synonyms such as 'training' and 'val'.
        num_images: N.
        name: Name used in error messages.

    Returns:
        True for test rows.

    Raises:
        DataError: If there are other words, or not N of them.
    """
    _check_length(split, num_images, name)
    words, rows = np.unique(split, return_inverse=True)
    parts = [part_of(str(word)) for word in words]
    test = held_out([part for part in parts if part is not None]) or {"train": False, "test": True}
    if split.dtype.kind != "U" or any(part not in test for part in parts):
        raise DataError(f"`{name}` must be the words 'train' and 'test', got {listed(words)}.")
    return np.array([test[str(part)] for part in parts])[rows.reshape(-1)]


def draw_test(labels: Int64[np.ndarray, " images"], seed: int) -> Bool[np.ndarray, " images"]:
    """Draw one in seven images of each label for test, at least one if a label has two.

    If no label has two images, one in seven of all images is drawn.

    Args:
        labels: Labels; all equal if there are none.
        seed: Seed of the permutation; the split depends only on labels and seed.

    Returns:
        True for test rows.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    _, group, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.max() == 1:
        group, counts = np.zeros_like(group), np.array([len(labels)])
    quota = np.where(counts > 1, np.maximum(1, counts // _TEST_SHARE), 0)
    by_group = order[np.argsort(group[order], kind="stable")]
    rank = np.empty(len(labels), np.int64)
    rank[by_group] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank < quota[group]


def _check_length(array: np.ndarray, num_images: int, name: str) -> None:
    if array.shape != (num_images,):
        hint = " Use .argmax(1) for one column per class." if array.ndim == 2 else ""
        raise DataError(
            f"`{name}` must have shape ({num_images},), one for each image, got {array.shape}."
            + hint
        )
