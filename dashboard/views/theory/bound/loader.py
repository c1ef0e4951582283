"""Cached results of the page on the bound: the estimate of log p(x) and its terms."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.services.bundles import on_device
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot, offload
from dashboard.views.theory.loader import as_read, draws

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.amortisation import InferenceGaps
    from xai_core.theory.bounds import EvidenceCurve


class Closing(NamedTuple):
    """The estimates of log p(x) of one image, and the bounds L and L^ below it, in nats."""

    curve: "EvidenceCurve"
    upper: float
    lower: float


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def closing(bundle: "Bundle", image_id: str, most: int) -> Closing:
    """Estimate log p(x) of one image from 1 to `most` draws, together with both bounds."""
    from xai_core.theory import bounds

    drawn = draws(bundle, image_id, most)
    return Closing(
        bounds.evidence_curve(drawn.log_weights[:, 0]),
        bounds.bound_given_z(drawn).elbo.item(),
        bounds.bound_given_x(drawn, drawn.encoder_probs).elbo.item(),
    )


@st.cache_data(
    max_entries=256, show_spinner="Optimising q(z|x) for this image", hash_funcs=BY_FINGERPRINT
)
@offload
def gaps(bundle: "Bundle", image_id: str) -> "InferenceGaps":
    """Split the inference gap of one image's code into approximation and amortisation gap."""
    import torch

    from xai_core.theory.amortisation import inference_gaps, log_joint_of

    x = on_device(bundle, as_read(bundle, image_id))
    with compute_slot():
        with torch.no_grad():
            posterior = bundle.model.encode(x)
        return inference_gaps(
            log_joint_of(bundle.model, x), posterior.mean[0], posterior.log_var[0]
        )
