"""Cached answers of the page on the bound: the estimate of log p(x) and its terms."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch
from dashboard.views.theory.loader import draws

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.bounds import EvidenceCurve


class Closing(NamedTuple):
    """The estimates of log p(x) of one image, and the bounds L and L^ below it, in nats."""

    curve: "EvidenceCurve"
    upper: float
    lower: float


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def closing(bundle: "Bundle", image_id: str, most: int) -> Closing:
    """Estimate log p(x) of one image from 1 to `most` draws, beside both bounds."""
    from xai_core.theory import bounds

    drawn = draws(bundle, image_id, most)
    return Closing(
        bounds.evidence_curve(drawn.log_weights[:, 0]),
        bounds.bound_given_z(drawn).elbo.item(),
        bounds.bound_given_x(drawn, drawn.encoder_probs).elbo.item(),
    )


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def binary_image(bundle: "Bundle", image_id: str) -> NDArray[np.float32]:
    """Return the image whose likelihood `draws` measures, in [0, 1]."""
    import torch

    from xai_core.evaluation.metrics import binarise
    from xai_core.image_spec import pictures

    x = batch(bundle, [image_id])
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, torch.Generator().manual_seed(0))
    return pictures(x)[0]
