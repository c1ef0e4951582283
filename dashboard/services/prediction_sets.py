"""Cached prediction sets of a bundle's images: the classes that an answer cannot exclude."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.conformal import HeldOut

LEVELS = (0.9, 0.95, 0.99)
"""Levels to choose from: shares of images whose set contains their label."""


def obstacle(bundle: "Bundle", output: str) -> str:
    """Explain in a sentence why an output has no prediction sets; "" if it has."""
    from xai_core.evaluation import conformal

    return conformal.obstacle(bundle, output)


def images_needed(level: float) -> int:
    """Return how many test images a class needs before a set can leave it out."""
    from xai_core.evaluation import conformal

    return conformal.images_needed(level)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def held_out(bundle: "Bundle", output: str) -> "HeldOut":
    """Calibrate an output on the test images; read only."""
    from xai_core.evaluation import conformal

    with compute_slot():
        return conformal.hold_out(bundle, output)


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def p_values(bundle: "Bundle", output: str, image_id: str) -> NDArray[np.float64]:
    """Return the p-value of each label for one image: (labels,)."""
    from xai_core.evaluation import conformal

    known = held_out(bundle, output)
    with compute_slot():
        return conformal.p_values_of(bundle, output, image_id, known)


def members(p_values: NDArray[np.float64], level: float) -> list[int]:
    """Return the classes in the set of one image, the most plausible first."""
    from xai_core.evaluation import conformal

    return conformal.members(p_values, level)


def sizes(bundle: "Bundle", output: str, level: float) -> NDArray[np.int64]:
    """Return the size of the set of each image, in index order; -1 for train images."""
    from xai_core.evaluation import conformal

    found = conformal.prediction_sets(held_out(bundle, output).p_values, level).sum(1)
    return np.concatenate([np.full(bundle.manifest.indexed_train, -1), found])
