"""Users' own images: the id of each contains its pixels."""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from .._types import ByteImages
from ..errors import DataError
from ..image_spec import LARGEST_SIDE
from .dataset import Dataset

__all__ = ["OWN", "images_of", "is_own", "own_id", "own_image"]

OWN = "own:"
"""Prefix of the ids of users' images."""

_CODE = re.compile(r"(?:([13])x([0-9]{1,3})x([0-9]{1,3}):)?([A-Za-z0-9_-]+)")
"""Channels, height and width if they are not 1 x 28 x 28, then base64."""


def is_own(image_id: str) -> bool:
    """Return whether an id claims to contain its image; `own_image` checks it."""
    return image_id.startswith(OWN)


def own_id(image: UInt8[np.ndarray, "..."] | UInt8[Tensor, "..."]) -> str:
    """Write an image as an id: "own:", its shape, and the URL-safe base64 of its deflated bytes.

    Args:
        image: (C, H, W), or (H, W) if it is grey.
    """
    pixels = np.ascontiguousarray(np.asarray(image))
    shape = pixels.shape if pixels.ndim == 3 else (1, *pixels.shape)
    form = "" if shape == (1, 28, 28) else "x".join(map(str, shape)) + ":"
    packed = zlib.compress(pixels.tobytes(), 9)
    return OWN + form + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def own_image(image_id: str) -> UInt8[Tensor, "channels height width"]:
    """Decode the image contained in an id.

    Raises:
        DataError: If the id is truncated, changed, or of another kind.
    """
    found = _CODE.fullmatch(image_id.removeprefix(OWN)) if is_own(image_id) else None
    shape = _shape(*found.groups()[:3]) if found else ()
    size = math.prod(shape) if max(shape, default=0) <= LARGEST_SIDE else 0
    pixels = _unpacked(found[4], size) if found and size else b""
    if not size or len(pixels) != size:
        raise DataError(
            f"'{image_id[:30]}' holds no image of this form: it was cut short or changed. "
            "Copy it whole, or draw the image again."
        )
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(shape)


def images_of(dataset: Dataset, ids: Sequence[str]) -> ByteImages:
    """Return the images of some ids, from a data set or from users, in order.

    Raises:
        DataError: If an id is neither in the data set nor contains an image of its form.
    """
    images = torch.empty(len(ids), *dataset.spec.shape, dtype=torch.uint8)
    own = torch.tensor([is_own(image_id) for image_id in ids], dtype=torch.bool)
    images[~own] = dataset.images([image_id for image_id in ids if not is_own(image_id)])
    for row in own.nonzero().flatten().tolist():
        image = own_image(ids[row])
        if image.shape != images.shape[1:]:
            raise DataError(
                f"'{ids[row][:30]}' holds an image {tuple(image.shape)}, '{dataset.name}' has "
                f"{dataset.spec}. Upload or draw the image again."
            )
        images[row] = image
    return images


def _shape(channels: str | None, height: str | None, width: str | None) -> tuple[int, int, int]:
    """Parse the shape of an image; MNIST's is omitted."""
    return int(channels or 1), int(height or 28), int(width or 28)


def _unpacked(code: str, size: int) -> bytes:
    """Inflate a code to at most one byte more than an image has; return b"" if it is broken."""
    if len(code) > 1.4 * size + 300:  # the base64 of as many bytes as zlib needs at most
        return b""
    try:
        packed = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        pixels = inflater.decompress(packed, size + 1)
    except (binascii.Error, zlib.error):
        return b""
    return pixels if inflater.eof and not inflater.unused_data else b""
