"""The gate to the engine: torch on one thread, heavy work one at a time."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from xai_core.errors import XaiError

if TYPE_CHECKING:
    from xai_core.bundle import Bundle

T = TypeVar("T")


class BusyError(XaiError):
    """Other work holds the engine for longer than a person should wait."""


def fingerprint(bundle: "Bundle") -> str:
    """Give 16 hex digits that change with anything in the bundle."""
    return bundle.digest[:16]


BY_FINGERPRINT: Any = {"xai_core.bundle.Bundle": fingerprint}
"""How caches tell bundles apart."""


@contextmanager
def heavy(wait: float = 20.0) -> Iterator[None]:
    """Hold the engine while running a model; never nested.

    Args:
        wait: Seconds after which to give up.

    Raises:
        BusyError: If the engine is still held after `wait`.
    """
    gate = engine()
    if not gate.acquire(timeout=wait):
        raise BusyError("The server is busy with other work. Try again in a moment.")
    try:
        yield
    finally:
        gate.release()


def breathe() -> None:
    """Let others' work through between two parts of one's own, within `heavy`."""
    gate = engine()
    gate.release()
    time.sleep(0.005)
    gate.acquire()


@st.cache_resource(show_spinner=False)
def engine() -> threading.BoundedSemaphore:
    """Import torch and the library once, on one thread, and give the gate to them."""
    import torch

    import xai_core.bundle
    import xai_core.index  # noqa: F401

    torch.set_num_threads(1)
    freeze()
    return threading.BoundedSemaphore(1)


def freeze() -> None:
    """Keep what was loaded out of the collection that Streamlit does after each run."""
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def once(bundle: "Bundle", name: str, _make: Callable[[], T]) -> T:
    """Keep what `_make` gives for all sessions, one a bundle and name; nobody may change it."""
    return _make()
