"""Cached answers of the page on the manifold: tangents and the first-order law."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import stored
from dashboard.services.scheduler.scheduler import compute_slot, offload
from dashboard.views.theory.loader import Arrays, as_arrays, as_tensors

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.certificate import Certificate


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def certificate(bundle: "Bundle", image_id: str, target: int, longer: float) -> "Certificate":
    """Check the first-order law at the code of an image, towards a class; read only.

    Args:
        bundle: The models.
        image_id: The image.
        target: The class.
        longer: Factor on the lengths of the steps.
    """
    from xai_core.counterfactual.certificate import Certificate

    return Certificate(**as_tensors(_certified(bundle, image_id, target, longer)))


@offload
def _certified(bundle: "Bundle", image_id: str, target: int, longer: float) -> Arrays:
    from xai_core.counterfactual.of_bundle import LENGTHS, certify_images

    lengths = tuple(length * longer for length in LENGTHS)
    x = stored(bundle, [image_id])
    with compute_slot():
        return as_arrays(certify_images(bundle, x, target=target, lengths=lengths))


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def tangents(bundle: "Bundle", image_id: str, count: int) -> NDArray[np.float32]:
    """Return the strongest directions in which an image can move on the manifold, signed."""
    from xai_core.counterfactual.of_bundle import tangent_images
    from xai_core.image_spec import pictures

    with compute_slot():
        found = tangent_images(bundle, stored(bundle, [image_id]), count)
    return pictures(found)
