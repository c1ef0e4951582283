"""A person's own images, brought to the form of MNIST."""

import threading
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.image_data import Pixels
from dashboard.services.scheduler.scheduler import compute_queue

THUMBNAIL = 224
"""Pixels of the longer side of what is shown of an upload."""
_AT_WORK = threading.Lock()
"""Held while a photograph is decoded: a large one takes 300 MB for some tenths of a second."""


class Upload(NamedTuple):
    """An uploaded image: small but as it was, the id of what the model sees, and what it took."""

    name: str
    original: Pixels
    image_id: str
    notes: tuple[str, ...]


def normalised(pixels: NDArray[np.uint8]) -> str:
    """Bring a drawing to the form of MNIST; give its id.

    Raises:
        DataError: If it is blank.
    """
    compute_queue()
    from xai_core.data.digits import normalise_digit
    from xai_core.data.user_images import own_id

    return own_id(normalise_digit(pixels))


@st.cache_data(max_entries=64, show_spinner=False)
def upload(content: bytes, name: str) -> Upload:
    """Read an uploaded image and bring it to the form of MNIST.

    Raises:
        DataError: If it is no PNG or JPEG, damaged, too large, or blank; the message names it.
    """
    compute_queue()
    from PIL import Image

    from xai_core.data.io.image_files import read_upload
    from xai_core.errors import DataError

    with _AT_WORK:
        grey = read_upload(content, name)
        try:
            image_id = normalised(grey.pixels)
        except DataError as error:
            raise DataError(
                f"`{name}` is blank: nothing stands out from its border. Choose another image."
            ) from error
    small = Image.fromarray(grey.pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return Upload(name, np.asarray(small), image_id, grey.notes)
