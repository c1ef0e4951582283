"""How caches tell bundles apart, and one cache for what is made once per bundle."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

T = TypeVar("T")


def fingerprint(bundle: "Bundle") -> str:
    """Return 16 hex digits that change with anything in the bundle."""
    return bundle.digest[:16]


BY_FINGERPRINT: Any = {"xai_core.bundle.reading.Bundle": fingerprint}
"""How caches tell bundles apart."""


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def cached_per_bundle(bundle: "Bundle", name: str, _make: Callable[[], T]) -> T:
    """Return what `_make` returned once per bundle and name; all sessions share it, read only."""
    return _make()
