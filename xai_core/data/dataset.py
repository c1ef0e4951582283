"""Data sets in memory: two splits of images, their labels, and a hash.

An image is identified by split and row, as `train:0` or `test:123`.
"""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
import torch
from jaxtyping import UInt8
from torch import Tensor

from .._text import visible
from .._types import ByteImages, Images, Labels
from ..errors import DataError
from ..image_spec import ImageSpec
from .io.pixel_values import channels_first
from .preprocessing_config import Preprocessing

__all__ = [
    "Dataset",
    "Split",
    "build_dataset",
    "image_id",
    "parse_id",
]

AT_ONCE = 10_000
"""Images summed at once."""

_ID = re.compile(r"(train|test):(0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Images of one split, on the CPU, and their labels if there are any."""

    images: UInt8[Tensor, "images ..."]
    """(N, C, H, W); grey images may be given as (N, H, W), colour ones as (N, H, W, 3)."""
    labels: Labels | None
    """int64."""
    columns: pd.DataFrame | None = None
    """The user's own columns, typed as by `columns.typed`, one row per image."""

    def __post_init__(self) -> None:
        """Bring the images to (N, C, H, W)."""
        object.__setattr__(self, "images", channels_first(self.images, "images"))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def part(self, rows: slice) -> "Split":
        """Return some of the images with their labels and columns."""
        labels = None if self.labels is None else self.labels[rows]
        columns = None if self.columns is None else self.columns.iloc[rows]
        return Split(images=self.images[rows], labels=labels, columns=columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Train and test images with the hash that identifies them; see `build_dataset`.

    The tensors are shared: never modify them.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    """The name of label 0, 1, ...; empty without labels."""
    sha256: str
    """SHA-256 of the image bytes, train then test, then of the labels as little-endian int64."""
    report: tuple[str, ...]
    """How the images were converted, in sentences."""
    source: str
    """Its authors and licence, or the path it was read from."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """How they were read, including the form of the images."""

    @property
    def ids(self) -> list[str]:
        """All ids: train rows, then test rows."""
        splits = (("train", self.train), ("test", self.test))
        return [f"{name}:{row}" for name, split in splits for row in range(len(split))]

    @property
    def spec(self) -> ImageSpec:
        """Return the form of the images."""
        return self.preprocessing.spec

    @property
    def columns(self) -> pd.DataFrame:
        """Return the user's own columns, if there are any, in the order of `ids`."""
        parts = [part.columns for part in (self.train, self.test)]
        if any(part is None for part in parts):
            return pd.DataFrame(index=pd.RangeIndex(len(self.train) + len(self.test)))
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def mean_image(self) -> Images:
        """Average the train images: (1, C, H, W) in [0, 1]."""
        parts = self.train.images.split(AT_ONCE)  # in parts, since the sum converts them to int64
        total = torch.stack([part.sum(0, dtype=torch.int64) for part in parts]).sum(0).double()
        return (total / (255 * len(self.train))).float()[None]

    def split(self, name: str) -> Split:
        """Return the split of that name.

        Raises:
            ValueError: If it is neither `train` nor `test`.
        """
        if name not in ("train", "test"):
            raise ValueError(f"`name` must be 'train' or 'test', got {name!r}.")
        return self.train if name == "train" else self.test

    def image(self, image_id: str) -> UInt8[Tensor, "channels height width"]:
        """Return one image.

        Raises:
            DataError: If there is no such id; the message lists those that exist.
        """
        return self.images([image_id])[0]

    def images(self, ids: Sequence[str]) -> ByteImages:
        """Return a copy of the images of those ids, in their order.

        Raises:
            DataError: If there is no such id; the message lists those that exist.
        """
        keys = [self._checked_id(image_id) for image_id in ids]
        rows = torch.tensor([row for _, row in keys], dtype=torch.int64)
        in_test = torch.tensor([name == "test" for name, _ in keys], dtype=torch.bool)
        images = torch.empty(len(keys), *self.spec.shape, dtype=torch.uint8)
        images[~in_test] = self.train.images[rows[~in_test]]
        images[in_test] = self.test.images[rows[in_test]]
        return images

    def without_labels(self) -> "Dataset":
        """Return the same images as a data set without labels, with its own hash."""
        return build_dataset(
            name=self.name,
            train=dataclasses.replace(self.train, labels=None),
            test=dataclasses.replace(self.test, labels=None),
            report=self.report,
            source=self.source,
            preprocessing=self.preprocessing,
        )

    def _checked_id(self, text: str) -> tuple[str, int]:
        name, row = parse_id(text)
        if row >= len(self.split(name)):
            raise DataError(
                f"There is no image '{text}' in '{self.name}', which has train:0 to "
                f"train:{len(self.train) - 1} and test:0 to test:{len(self.test) - 1}."
            )
        return name, row


def image_id(split: str, row: int) -> str:
    """Return the id of a row: `image_id("test", 123)` is `"test:123"`.

    Raises:
        ValueError: If the split is neither `train` nor `test`, or the row is negative.
    """
    text = f"{split}:{row}"
    if not _ID.fullmatch(text):
        raise ValueError(f"`split` must be 'train' or 'test' and `row` 0 or more, got '{text}'.")
    return text


def parse_id(text: str) -> tuple[str, int]:
    """Return the split and the row of an id, without checking that the row exists.

    Raises:
        DataError: If the text is not an id as `image_id` writes it.
    """
    found = _ID.fullmatch(text)
    if not found:
        raise DataError(
            f"An image's id is train:ROW or test:ROW with a row from 0, such as 'test:123'; "
            f"got {text[:60]!r}."
        )
    return found[1], int(found[2])


def build_dataset(
    *,
    name: str,
    train: Split,
    test: Split,
    class_names: tuple[str, ...] = (),
    report: tuple[str, ...] = (),
    source: str = "",
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """Assemble a data set, check it and hash it.

    Args:
        name: Name of the data set.
        train: At least two images.
        test: At least one image, labelled if and only if `train` is.
        class_names: A name for each label; a name without visible characters is quoted. Empty
            without labels.
        report: What was done to the images.
        source: Its authors and licence, or its path.
        preprocessing: How the images were read; None for images that needed no conversion.

    Raises:
        DataError: If there are too few images, or labels and names do not fit together.
    """
    _check_parts(name, train, test, class_names)
    channels, height, width = train.images.shape[1:]
    preprocessing = preprocessing or Preprocessing(
        strategy="glyphs" if channels == 1 else "natural",
        channels=channels,
        height=height,
        width=width,
    )
    if preprocessing.spec.shape != (channels, height, width):
        raise DataError(
            f"`{name}` was read as {preprocessing.spec}, but has images "
            f"{(channels, height, width)}."
        )
    digest = hashlib.sha256()
    for images in (train.images, test.images):
        digest.update(images.contiguous().numpy().data)
    for part in (train.labels, test.labels):
        if part is not None:
            digest.update(part.numpy().astype("<i8").tobytes())
    return Dataset(
        name=name,
        train=train,
        test=test,
        class_names=tuple(visible(name) for name in class_names),
        sha256=digest.hexdigest(),
        report=report,
        source=source,
        preprocessing=preprocessing,
    )


def _check_parts(name: str, train: Split, test: Split, class_names: tuple[str, ...]) -> None:
    if len(train) < 2 or len(test) < 1:
        raise DataError(
            f"`{name}` is too small: {len(train)} train and {len(test)} test images, at least "
            "2 and 1 are needed. Add images."
        )
    if train.images.shape[1:] != test.images.shape[1:]:
        shapes = tuple(train.images.shape[1:]), tuple(test.images.shape[1:])
        raise DataError(f"`{name}` must have images of one form in both splits, got {shapes}.")
    labels = [split.labels for split in (train, test) if split.labels is not None]
    if len(labels) == 1 or bool(labels) != bool(class_names):
        raise DataError(f"`{name}` must have labels in both splits and class names, or neither.")
    if any(int(part.min()) < 0 or int(part.max()) >= len(class_names) for part in labels):
        raise DataError(f"`{name}` has labels outside [0, {len(class_names)}), its class names.")
