"""Find the arrays of images, labels and splits in an .npz by their keys.

images labels split names            one set; X and y, data and target, arr_0 and arr_1 alike
x_train y_train x_test y_test        a set in parts, also train_images, test_labels and so on
any other, one value per image       a column of the user's own
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped

from ..._text import listed
from ...errors import DataError
from .arrays import read_npz
from .split_names import PARTS, held_out

__all__ = ["ArraySet", "as_texts", "read_array_set", "usual_column"]

_KEYS = {
    "images": ("images", "image", "imgs", "img", "x", "data", "inputs", "pixels", "arr_0"),
    "labels": ("labels", "label", "y", "target", "targets", "class", "category", "arr_1"),
    "split": ("split",),
    "names": ("names", "class_names", "label_names", "target_names", "classes"),
}
"""Keys of each role, in lower case; the first one present is used."""
_PARTS = {**PARTS, "tr": "train", "te": "test"}
_ORDER = ("train", "validation", "test")
_EXPECTED = (
    "Expected 'images' and, optionally, 'labels', 'split' and 'class_names'; or 'X' and 'y'; or "
    "'x_train', 'y_train', 'x_test' and 'y_test'."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySet:
    """The arrays of a data set by their roles, as they were stored."""

    images: np.ndarray
    labels: np.ndarray | None = None
    split: np.ndarray | None = None
    in_test: Bool[np.ndarray, " images"] | None = None
    """Test rows, if the keys name the parts; `split` is then None."""
    names: np.ndarray | None = None
    columns: pd.DataFrame | None = None
    """Further columns as texts, one row per image."""
    notes: tuple[str, ...] = ()


def read_array_set(path: Path) -> ArraySet:
    """Read the images of an .npz, and its labels and split if present.

    Raises:
        DataError: If the file is damaged, has no images, or an array of an unknown role that does
            not hold one value per image.
    """
    found = read_npz(path)
    others = {key: array for key, array in found.items() if _role(key) is None}
    arrays = {key: array for key, array in found.items() if key not in others}
    by_role: dict[tuple[str, str], str] = {}
    left_out = []
    for key in sorted(arrays, key=_rank):
        place = _role(key)
        if place in by_role:
            left_out.append(key)
        elif place is not None:
            by_role[place] = key
    notes = (f"Left out: the arrays {listed(left_out)}.",) if left_out else ()
    parts = {part for role, part in by_role if part}
    if parts and ("images", "") not in by_role:
        joined = _joined(path, arrays, by_role, parts, notes)
        return replace(joined, columns=_own_columns(path, others, joined))
    if ("images", "") not in by_role:
        unknown = f"has unknown keys: {listed(others)}" if others else "has no key 'images'"
        raise DataError(f"`{path}` {unknown}. {_EXPECTED}")
    if parts:
        raise DataError(f"`{path}` has images as a whole and in parts: {listed(arrays)}.")
    roles = {role: arrays[key] for (role, _), key in by_role.items()}
    whole = ArraySet(**roles, notes=notes)
    return replace(whole, columns=_own_columns(path, others, whole))


def usual_column(names: Collection[str], role: str) -> str | None:
    """Return the column that is usually "labels" or "split"; None if there is none."""
    found = sorted((name for name in names if _role(name) == (role, "")), key=_rank)
    return found[0] if found else None


def _own_columns(
    path: Path, others: dict[str, np.ndarray], found: ArraySet
) -> pd.DataFrame | None:
    """Make a table of the arrays without a role; each must hold one value per image.

    A key that is nearly one of a role that is missing, such as 'lables', is a typing error.
    """
    if not others:
        return None
    count = len(np.atleast_1d(found.images))
    missing = {role for role in ("labels", "split") if getattr(found, role) is None}
    usual = [key for key, (role, _) in _ROLES.items() if role in missing]
    fits = [
        key
        for key, array in others.items()
        if array.shape == (count,)
        and array.dtype.kind in "biufU"
        and not get_close_matches(_plain(key), usual, cutoff=0.8)
    ]
    if unknown := [key for key in others if key not in fits]:
        raise DataError(
            f"`{path}` has unknown keys: {listed(unknown)}. {_EXPECTED} A column of your own has "
            f"one number or text per image: shape ({count},)."
        )
    return pd.DataFrame({key: as_texts(array) for key, array in others.items()})


def as_texts(array: Shaped[np.ndarray, " images"]) -> list[str]:
    """Write values as a CSV would: whole numbers without a point, missing ones as "".

    Args:
        array: Numbers or texts.
    """
    if array.dtype.kind != "f":
        return [str(value) for value in array.tolist()]
    return [
        "" if value != value else str(int(value)) if value.is_integer() else repr(value)
        for value in array.tolist()
    ]


def _joined(
    path: Path,
    arrays: dict[str, np.ndarray],
    by_role: dict[tuple[str, str], str],
    parts: set[str],
    notes: tuple[str, ...],
) -> ArraySet:
    """Concatenate the parts of a set."""
    order = [part for part in _ORDER if part in parts]
    found = {
        role: [arrays[by_role[role, part]] for part in order if (role, part) in by_role]
        for role in ("images", "labels")
    }
    if len(found["images"]) != len(order) or len(found["labels"]) not in (0, len(order)):
        raise DataError(
            f"`{path}` has {listed(arrays)}: each part needs its images, and all or none its "
            f"labels. {_EXPECTED}"
        )
    if len({image.shape[1:] for image in found["images"]}) > 1:
        shapes = ", ".join(str(image.shape) for image in found["images"])
        raise DataError(f"`{path}` has parts of different shapes: {shapes}. Resize them alike.")
    test = held_out(order)
    counts = [len(image) for image in found["images"]]
    if test is not None and len(order) == len(_ORDER):
        notes += ("The validation images were added to the train images.",)
    names = by_role.get(("names", ""))
    return ArraySet(
        images=np.concatenate(found["images"]),
        labels=np.concatenate(found["labels"]) if found["labels"] else None,
        in_test=None if test is None else np.repeat([test[part] for part in order], counts),
        names=None if names is None else arrays[names],
        notes=notes,
    )


def _plain(key: str) -> str:
    return re.sub(r"[-_ ]|(?<=\w)[./](?=\w)", "", key.casefold())


_ROLES = {_plain(key): (role, "") for role, keys in _KEYS.items() for key in keys}
_ROLES |= {
    joined: (role, part)
    for role in ("images", "labels")
    for key in _KEYS[role]
    for name, part in _PARTS.items()
    for joined in (_plain(key) + name, name + _plain(key), f"{name}set{_plain(key)}")
}


def _role(key: str) -> tuple[str, str] | None:
    """Return the role and the part of an array, "" for the whole set."""
    return _ROLES.get(_plain(key))


def _rank(key: str) -> tuple[int, str]:
    """Order the keys of one role by how plainly they name it."""
    plain = [_plain(name) for keys in _KEYS.values() for name in keys]
    return (plain.index(_plain(key)) if _plain(key) in plain else len(plain)), key
