"""Images that users bring, read as the images of the bundle were."""

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import Pixels
from dashboard.services.scheduler.scheduler import compute_queue

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

THUMBNAIL = 224
"""Pixels of the longer side of what is shown of an upload."""
_AT_WORK = threading.Lock()
"""Held while a photograph is decoded: a large one takes 300 MB for some tenths of a second."""


class Upload(NamedTuple):
    """An uploaded image as a thumbnail, the id of what the model sees, and what was done."""

    name: str
    original: Pixels
    image_id: str
    notes: tuple[str, ...]


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def centres_digits(bundle: "Bundle") -> bool:
    """Return whether the images of a bundle have MNIST's form, to which new ones are brought."""
    from xai_core.data.digits import are_digits

    return are_digits(bundle.dataset.test.images)


def drawn(bundle: "Bundle", ink: NDArray[np.uint8]) -> str:
    """Return the id of a drawing, white on black, in the form of the bundle's images.

    Raises:
        DataError: If it is blank.
    """
    compute_queue()
    from xai_core.data.digits import normalise_digit
    from xai_core.data.preprocessing import Preprocessing, convert_array
    from xai_core.data.user_images import own_id

    if centres_digits(bundle):
        return own_id(normalise_digit(ink))
    return own_id(convert_array(ink[None], "drawing", Preprocessing()).images[0])


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def upload(bundle: "Bundle", content: bytes, name: str) -> Upload:
    """Read an uploaded image and bring it to the form of the bundle's images.

    A digit is cropped and centred as MNIST's are, and inverted if it is dark on light. For other
    data the image is read as the images of the data set were, with their polarity.

    Raises:
        DataError: If it is no PNG or JPEG, damaged, too large, or blank; the message names it.
    """
    compute_queue()
    from PIL import Image

    from xai_core.data.digits import normalise_digit
    from xai_core.data.io.image_files import read_upload
    from xai_core.data.io.pixel_values import check_pixels
    from xai_core.data.preprocessing import convert_array
    from xai_core.data.user_images import own_id
    from xai_core.errors import DataError

    with _AT_WORK:
        grey = read_upload(content, name)
        if grey.pixels.min() == grey.pixels.max():
            raise DataError(
                f"`{name}` is blank: nothing stands out from its border. Choose another image."
            )
        if centres_digits(bundle):
            image = normalise_digit(grey.pixels)
            notes = ("cropped, scaled into 20 x 20 and centred by its mass in 28 x 28",)
        else:
            image = convert_array(grey.pixels[None], name, bundle.preprocessing).images[0]
            inverted = ("inverted",) if bundle.preprocessing.inverted else ()
            notes = (*inverted, "scaled into 28 x 28, as the images of the data set were")
        original = check_pixels(grey.pixels[None], name, known=bundle.preprocessing.full_scale)
    small = Image.fromarray(original.images[0])
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return Upload(name, np.asarray(small), own_id(image), (*grey.notes, *notes))
