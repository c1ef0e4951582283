"""Cached results of the page on the bound: the estimate of log p(x) and its terms."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.services.cache import BY_FINGERPRINT
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
    """Estimate log p(x) of one image from 1 to `most` draws, together with both bounds."""
    from xai_core.theory import bounds

    drawn = draws(bundle, image_id, most)
    return Closing(
        bounds.evidence_curve(drawn.log_weights[:, 0]),
        bounds.bound_given_z(drawn).elbo.item(),
        bounds.bound_given_x(drawn, drawn.encoder_probs).elbo.item(),
    )
