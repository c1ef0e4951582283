"""Cached distances to the decoder's images, with those of real images for comparison."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.plausibility import NearestDrawn

CALIBRATED_ON = 100
"""Number of real images whose distances serve as a reference."""


class UsualDistance(NamedTuple):
    """The 95th percentile of the distances of `images` real images to the decoder's images."""

    limit: float
    images: int
    split: str


@st.cache_data(max_entries=3, show_spinner="Measuring real images", hash_funcs=BY_FINGERPRINT)
@offload
def usual_distance(bundle: "Bundle") -> UsualDistance:
    """Measure the distances of real images to the decoder's images."""
    from xai_core.data.preprocessing import to_float

    split = "test" if len(bundle.dataset.test) else "train"
    images = getattr(bundle.dataset, split).images
    rows = np.random.default_rng(0).permutation(len(images))[:CALIBRATED_ON]
    with compute_slot():
        found = nearest(bundle, to_float(images[np.sort(rows)], bundle.device))
    return UsualDistance(float(np.quantile(on_host(found.l1), 0.95)), len(rows), split)


@offload
def distances(bundle: "Bundle", images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure the ink between pictures and the nearest images that the decoder can draw."""
    from xai_core.data.io.pixel_values import channels_first

    with compute_slot():
        found = nearest(bundle, channels_first(on_device(bundle, images), "images"))
    return on_host(found.l1)


def nearest(bundle: "Bundle", x: "Tensor") -> "NearestDrawn":
    """Search the decoder's images for the nearest to each image; within `compute_slot`."""
    from xai_core.counterfactual.plausibility import nearest_drawn

    return nearest_drawn(x, encode=bundle.model.encode_mean, decode=bundle.model.decode)
