"""Labels and splits that come with a data set, checked, and a split drawn where none comes."""

import numpy as np
from jaxtyping import Bool, Int64

from .._text import listed
from ..errors import DataError

__all__ = ["check_labels", "check_split", "draw_test"]

_MAX_CLASSES = 1000
_TEST_SHARE = 7


def check_labels(labels: np.ndarray, num_images: int, name: str) -> Int64[np.ndarray, " images"]:
    """Check labels that came with images.

    Args:
        labels: (N,), integers from 0.
        num_images: N.
        name: What to call them in a message.

    Returns:
        The labels as int64.

    Raises:
        DataError: If they are of another number or type, negative, or above 999.
    """
    _check_length(labels, num_images, name)
    if labels.dtype.kind not in "iu":
        raise DataError(f"`{name}` must be integers, got {labels.dtype}. Use .astype(int).")
    outside = (labels < 0) | (labels >= _MAX_CLASSES)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"`{name}` must be in [0, {_MAX_CLASSES}), got {labels[row]} in row {row}. Number the "
            "classes from 0; leave `labels` out if there are none."
        )
    return labels.astype(np.int64)


def check_split(split: np.ndarray, num_images: int, name: str) -> Bool[np.ndarray, " images"]:
    """Check a split given as words, and return which rows are in test.

    Args:
        split: (N,), 'train' or 'test'.
        num_images: N.
        name: What to call it in a message.

    Returns:
        True where the word is 'test'.

    Raises:
        DataError: If there are other words or another number of them.
    """
    _check_length(split, num_images, name)
    known = np.isin(split, ["train", "test"]) if split.dtype.kind == "U" else np.array([False])
    if not known.all():
        found = np.unique(split)
        raise DataError(f"`{name}` must be the words 'train' and 'test', got {listed(found)}.")
    return split == "test"


def draw_test(labels: Int64[np.ndarray, " images"], seed: int) -> Bool[np.ndarray, " images"]:
    """Draw one in seven of each label for test, at least one of a label that has two.

    Args:
        labels: All alike where there are none.
        seed: Draws the permutation; labels and seed decide alone.

    Returns:
        True for test rows.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    _, group, counts = np.unique(labels, return_inverse=True, return_counts=True)
    quota = np.where(counts > 1, np.maximum(1, counts // _TEST_SHARE), 0)
    by_group = order[np.argsort(group[order], kind="stable")]
    rank = np.empty(len(labels), np.int64)
    rank[by_group] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank < quota[group]


def _check_length(array: np.ndarray, num_images: int, name: str) -> None:
    if array.shape != (num_images,):
        raise DataError(
            f"`{name}` must have shape ({num_images},), one for each image, got {array.shape}."
        )
