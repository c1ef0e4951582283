"""Cached results of the page Model card."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.label_errors import DoubtfulLabels


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def doubtful_labels(bundle: "Bundle") -> "DoubtfulLabels":
    """Rank the test images by how improbable their label is; read only.

    Raises:
        DataError: If the bundle has no labelled test images, or no model that knows two labels.
    """
    from xai_core.evaluation import label_errors

    with compute_slot():
        return label_errors.doubtful_labels(bundle)
