"""Cache keys of bundles, and a cache for values computed once per bundle."""

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

T = TypeVar("T")


def fingerprint(bundle: "Bundle") -> str:
    """Return 16 hex digits that identify the bundle's content and the names of its clusters."""
    if not bundle.notes.cluster_names:
        return bundle.digest[:16]
    both = bundle.digest + json.dumps(sorted(bundle.notes.cluster_names.items()))
    return hashlib.sha256(both.encode()).hexdigest()[:16]


BY_FINGERPRINT: Any = {"xai_core.bundle.reading.Bundle": fingerprint}
"""Hash function of bundles for Streamlit's caches."""


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def cached_per_bundle(bundle: "Bundle", name: str, _make: Callable[[], T]) -> T:
    """Return the value of `_make`, computed once per bundle and name; shared, read only."""
    return _make()
