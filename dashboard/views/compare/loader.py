"""Comparison of two bundles of the same data."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import rows
from dashboard.services.cache import BY_FINGERPRINT

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.agreement import Agreement


class Compared(NamedTuple):
    """Two clusterings of the images of a split that both indexes hold.

    `images` counts them, `differ` names those that the two sort differently.
    """

    agreement: "Agreement"
    images: int
    differ: list[str]


def same_images(first: "Bundle", second: "Bundle") -> bool:
    """Return whether an id names the same image in both."""
    return first.manifest.dataset.sha256 == second.manifest.dataset.sha256


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def compared(first: "Bundle", second: "Bundle", split: str) -> Compared:
    """Compare the clusterings of the images of a split; the bundles hold the same images."""
    from xai_core.evaluation.agreement import agreement, disagreements

    ids = rows(first)[(first.index["split"] == split).to_numpy()]
    ids = ids[rows(second).get_indexer(ids) >= 0]
    (one, sure_one), (two, sure_two) = (_clusters(b, ids) for b in (first, second))
    counts = (b.model.config.num_clusters for b in (first, second))
    found = agreement(one, two, num_first=next(counts), num_second=next(counts))
    differ = disagreements(found, one, two, sure_one, sure_two)
    return Compared(found, len(ids), [str(i) for i in ids[differ]])


def _clusters(bundle: "Bundle", ids: pd.Index) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    found = bundle.index[["cluster", "confidence"]].take(rows(bundle).get_indexer(ids))
    return found["cluster"].to_numpy(np.int64), found["confidence"].to_numpy(np.float32)
