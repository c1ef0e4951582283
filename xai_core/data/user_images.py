"""Images that users bring: the id of each holds its pixels."""

import base64
import binascii
import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from .._types import ByteImages
from ..errors import DataError
from .dataset import Dataset

__all__ = ["OWN", "images_of", "is_own", "own_id", "own_image"]

OWN = "own:"
"""Prefix of the ids of images that belong to no data set."""

_SIDE = 28
_CODE = re.compile(r"[A-Za-z0-9_-]{1,1400}")
"""Base64 of at most as many bytes as zlib needs for any 784."""


def is_own(image_id: str) -> bool:
    """Return whether an id claims to hold its image; `own_image` checks that it does."""
    return image_id.startswith(OWN)


def own_id(image: UInt8[np.ndarray, "28 28"] | UInt8[Tensor, "28 28"]) -> str:
    """Write an image as an id: "own:" and the URL-safe base64 of its deflated bytes."""
    pixels = np.ascontiguousarray(np.asarray(image))
    packed = zlib.compress(pixels.tobytes(), 9)
    return OWN + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def own_image(image_id: str) -> UInt8[Tensor, "28 28"]:
    """Read the image that an id holds.

    Raises:
        DataError: If the id is cut short, changed, or of another kind.
    """
    code = image_id.removeprefix(OWN)
    pixels = _unpacked(code) if is_own(image_id) and _CODE.fullmatch(code) else b""
    if len(pixels) != _SIDE**2:
        raise DataError(
            f"'{image_id[:30]}' holds no image of 28 x 28 pixels: it was cut short or changed. "
            "Copy it whole, or draw the image again."
        )
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(_SIDE, _SIDE)


def images_of(dataset: Dataset, ids: Sequence[str]) -> ByteImages:
    """Return the images of some ids, stored in a data set or brought by a user, in their order.

    Raises:
        DataError: If an id is not in the data set and holds no image.
    """
    images = torch.empty(len(ids), _SIDE, _SIDE, dtype=torch.uint8)
    own = torch.tensor([is_own(image_id) for image_id in ids], dtype=torch.bool)
    images[~own] = dataset.images([image_id for image_id in ids if not is_own(image_id)])
    for row in own.nonzero().flatten().tolist():
        images[row] = own_image(ids[row])
    return images


def _unpacked(code: str) -> bytes:
    """Inflate a code to at most one byte more than an image has; return b"" if it is broken."""
    try:
        packed = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        pixels = inflater.decompress(packed, _SIDE**2 + 1)
    except (binascii.Error, zlib.error):
        return b""
    return pixels if inflater.eof and not inflater.unused_data else b""
