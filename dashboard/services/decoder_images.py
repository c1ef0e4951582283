"""Cached distances to the images that a decoder can draw, and what is usual for real images."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

CALIBRATED_ON = 100
"""Real images whose distances to the decoder's images say what is usual."""


class UsualDistance(NamedTuple):
    """The distance to the decoder's images that 95 % of `images` real images keep below."""

    limit: float
    images: int
    split: str


@st.cache_data(max_entries=3, show_spinner="Measuring real images", hash_funcs=BY_FINGERPRINT)
@offload
def usual_distance(bundle: "Bundle") -> UsualDistance:
    """Measure how far real images lie from those that the decoder can draw."""
    from xai_core.counterfactual.plausibility import nearest_drawn
    from xai_core.data.preprocessing import to_float

    split = "test" if len(bundle.dataset.test) else "train"
    images = getattr(bundle.dataset, split).images
    rows = np.random.default_rng(0).permutation(len(images))[:CALIBRATED_ON]
    with compute_slot():
        found = nearest_drawn(
            to_float(images[np.sort(rows)]),
            encode=bundle.model.encode_mean,
            decode=bundle.model.decode,
        )
    return UsualDistance(float(np.quantile(found.l1.numpy(), 0.95)), len(rows), split)
