"""The images of an adopted model, as a data set."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Dataset, Split, build_dataset
from ..data.io.pixel_values import channels_first, check_pixels
from ..data.labels import check_labels, draw_test
from ..data.preprocessing_config import Preprocessing
from ..errors import DataError

__all__ = ["dataset_of"]


def dataset_of(
    images: Dataset | Tensor | np.ndarray,
    labels: Sequence[int] | Tensor | np.ndarray | None,
    class_names: Sequence[str] | None,
    *,
    name: str,
    seed: int,
) -> Dataset:
    """Make a data set of images, unchanged, or return the given one.

    Raises:
        DataError: If the values are not pixels, or labels and images do not fit together.
        ValueError: If labels are given with a data set.
    """
    if isinstance(images, Dataset):
        if labels is not None or class_names is not None:
            raise ValueError(
                "`labels` and `class_names` must be None where `images` is a data set, which has "
                "its own."
            )
        return images
    array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    pixels = torch.from_numpy(check_pixels(array, "images").images)
    pixels = channels_first(pixels, "images")
    numbers, names = None, tuple(class_names or ())
    if labels is not None:
        given = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
        found, found_names = check_labels(given, len(pixels), "labels", None)
        if given.dtype.kind in "iu" and given.min() >= 0:  # they are the classifier's numbers
            found = given.astype(np.int64)
            found_names = tuple(str(number) for number in range(int(found.max()) + 1))
        numbers, names = torch.from_numpy(found), names or found_names
    elif names:
        raise DataError("`class_names` needs `labels`, which are not given.")
    in_test = torch.from_numpy(
        draw_test(np.zeros(len(pixels), np.int64) if numbers is None else numbers.numpy(), seed)
    )
    train, test = (
        Split(images=pixels[rows], labels=None if numbers is None else numbers[rows])
        for rows in (~in_test, in_test)
    )
    channels, height, width = pixels.shape[1:]
    return build_dataset(
        name=name,
        train=train,
        test=test,
        class_names=names,
        report=(f"One in seven images was drawn for test, with seed {seed}.",),
        source="adopt",
        preprocessing=Preprocessing(
            strategy="natural", channels=channels, height=height, width=width
        ),
    )
