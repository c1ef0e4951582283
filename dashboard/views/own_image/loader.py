"""Users' own images, read like the images of the bundle."""

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
    from xai_core.data.preprocessing import Converted
    from xai_core.data.preprocessing_config import Preprocessing

THUMBNAIL = 224
"""Pixels of the longer side of what is shown of an upload."""
_AT_WORK = threading.Lock()
"""Lock held while a photograph is decoded: a large one takes 300 MB for a fraction of a second."""


class Upload(NamedTuple):
    """An uploaded image as a thumbnail, the id of what the model sees, and what was done."""

    name: str
    original: Pixels
    image_id: str
    notes: tuple[str, ...]


def becomes(form: "Preprocessing") -> tuple[str, str]:
    """Describe the conversion of a visitor's image, in a sentence and in a paragraph."""
    size = f"{form.width} by {form.height} pixels"
    if form.strategy == "digits":
        return (
            f"It becomes white ink on black, {size}.",
            "The images that the model learned from are grey, **white on black**, cropped to the "
            "ink, with the longer side scaled to 20 pixels and the centre of mass in the middle "
            "of 28 x 28. Yours is brought to the same form: it is inverted if its border is "
            "lighter than its ink, and its size and place do not matter.",
        )
    if form.strategy == "natural":
        colour = "colour" if form.channels == 3 else "grey"
        return (
            f"It becomes {size}, in {colour}.",
            "Your image is read as the images that the model learned from were read: scaled into "
            f"{size}, and the colour of its border continued where it has other proportions.",
        )
    return (
        f"It becomes grey, {size}.",
        "Your image is read as the images that the model learned from were read: made grey, "
        f"scaled into {size}, and inverted if they were inverted.",
    )


def drawn(bundle: "Bundle", ink: NDArray[np.uint8]) -> str:
    """Return the id of a drawing, white on black, in the form of the bundle's images."""
    compute_queue()
    from xai_core.data.preprocessing import convert_array
    from xai_core.data.user_images import own_id

    return own_id(convert_array(ink[None], "drawing", bundle.preprocessing.of_drawings).images[0])


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def upload(bundle: "Bundle", content: bytes, name: str) -> Upload:
    """Read an uploaded image as the images of the bundle were read.

    Raises:
        DataError: If it is no PNG or JPEG, damaged, too large, or blank; the message names it.
    """
    compute_queue()
    from PIL import Image

    from xai_core.data.digits import stands_out
    from xai_core.data.io.image_files import read_upload
    from xai_core.data.io.pixel_values import check_pixels
    from xai_core.data.preprocessing import convert_picture
    from xai_core.data.user_images import own_id
    from xai_core.errors import DataError
    from xai_core.plots import sprites

    form = bundle.preprocessing
    with _AT_WORK:
        found = read_upload(content, name, channels=form.channels)
        shown = check_pixels(found.pixels[None], name, known=form.full_scale)
        flat = found.pixels.min() == found.pixels.max()
        if flat or (form.strategy == "digits" and not stands_out(shown.images[0, 0])):
            coloured = read_upload(content, name, channels=3).pixels
            raise DataError(
                f"`{name}` is blank once it is grey: its colours are equally light. Save it in "
                "black and white."
                if flat and (coloured != coloured[:1, :1]).any()
                else f"`{name}` is blank: nothing stands out from its border. Choose another "
                "image."
            )
        converted = convert_picture(found, form)
    small = Image.fromarray(sprites.pixels(shown.images)[0])
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    image_id = own_id(converted.images[0])
    return Upload(name, np.asarray(small), image_id, (*found.notes, *_done(form, converted)))


def _done(form: "Preprocessing", converted: "Converted") -> tuple[str, ...]:
    """Describe the conversions of an upload, as endings of the sentence "It was ..."."""
    if form.strategy == "digits":
        return ("cropped, scaled into 20 x 20 and centred by its mass in 28 x 28",)
    inverted = ("inverted",) if any("inverted" in text for text in converted.report) else ()
    size = f"{form.width} x {form.height}"
    return (*inverted, f"scaled into {size}, as the images of the data set were")
