"""Cached results of the page Model card."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.label_errors import DoubtfulLabels
    from xai_core.evaluation.near_duplicates import Copies


@st.cache_resource(max_entries=3, show_spinner="Comparing the labels", hash_funcs=BY_FINGERPRINT)
def doubtful_labels(bundle: "Bundle") -> "DoubtfulLabels":
    """Rank the test images by how improbable their label is; read only.

    Raises:
        DataError: If the bundle has no labelled test images, or no model that knows two labels.
    """
    from xai_core.evaluation import label_errors

    with compute_slot():
        return label_errors.doubtful_labels(bundle)


@st.cache_resource(
    max_entries=3,
    hash_funcs=BY_FINGERPRINT,
    show_spinner="Comparing the images: about 15 s for 70,000",
)
def copies(bundle: "Bundle") -> "Copies":
    """Rank the test images by how likely they are copies of train images; read only."""
    from xai_core.evaluation.near_duplicates import find_copies

    with compute_slot():
        return find_copies(bundle.dataset, device=bundle.device)
