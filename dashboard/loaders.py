"""Cached ways to what a page shows; the only module with `st.cache_*`.

Caches are keyed by a bundle's fingerprint and by image ids, never by arrays. torch is
imported on first use, runs on one thread, and heavy work passes one at a time.
"""

import gc
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from xai_core.errors import XaiError

if TYPE_CHECKING:
    from xai_core.bundle import Bundle, BundleSummary

Pixels = NDArray[np.uint8]
"""Grey images (images, 28, 28) or one (28, 28); 0 background, 255 ink."""


class BusyError(XaiError):
    """Other work holds the engine for longer than a person should wait."""


def fingerprint(bundle: "Bundle") -> str:
    """Give 16 hex digits that change with any of the bundle's files or its data."""
    files = {name: dict(entry)["sha256"] for name, entry in bundle.manifest.files.items()}
    text = repr((sorted(files.items()), dict(_fields(bundle.manifest.dataset))["sha256"]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_BY_FINGERPRINT: Any = {"xai_core.bundle.Bundle": fingerprint}


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


@st.cache_resource(show_spinner=False)
def engine() -> threading.BoundedSemaphore:
    """Import torch and the library once, on one thread, and give the gate to them."""
    import torch
    import xai_core.bundle
    import xai_core.index  # noqa: F401

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # keeps Streamlit's collection after each run cheap
    return threading.BoundedSemaphore(1)


def summaries() -> "list[BundleSummary]":
    """List the bundles that are there, whole or not."""
    engine()
    from xai_core.bundle import list_bundles

    return list(list_bundles())


def bundle(summary: "BundleSummary") -> "Bundle":
    """Open a bundle once for all sessions; never change what it holds."""
    stat = (summary.path / "manifest.json").stat()
    return _open(str(summary.path), stat.st_mtime_ns, stat.st_size)


@st.cache_resource(max_entries=3, show_spinner="Opening the bundle")
def _open(path: str, changed: int, size: int) -> "Bundle":
    from xai_core.bundle import load_bundle

    opened = load_bundle(path, device="cpu")
    opened.dataset  # noqa: B018  read now, so that no page pays for it later
    return opened


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def rows(bundle: "Bundle") -> pd.Index:
    """Give the ids in index order; `get_loc` finds an image's row."""
    ids = pd.Index(bundle.index["id"].astype(object))
    ids.is_unique  # noqa: B018  builds the look-up table
    return ids


def row_of(bundle: "Bundle", image_id: str | None) -> int | None:
    """Find an image's row in the index; None for an id that is not there."""
    ids = rows(bundle)
    return int(ids.get_loc(image_id)) if image_id in ids else None


def images(bundle: "Bundle", ids: Sequence[str]) -> Pixels:
    """Give the pictures of some ids, in their order."""
    if not len(ids):
        return np.zeros((0, 28, 28), np.uint8)
    return bundle.dataset.images(list(ids)).numpy()


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def latents(bundle: "Bundle") -> NDArray[np.float32]:
    """Give the posterior means (images, latent) in index order; read only."""
    dims = bundle.model.config.latent_dim
    columns = [f"mean_{j}" for j in range(dims)]
    means = np.ascontiguousarray(bundle.index[columns].to_numpy(np.float32))
    means.setflags(write=False)
    return means


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def reconstructions(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Decode the posterior means of some ids: (images, 28, 28) in [0, 1]."""
    import torch

    where = [row_of(bundle, i) for i in ids]
    with heavy(), torch.inference_mode():
        z = torch.from_numpy(latents(bundle)[where])
        return bundle.model.decode(z)[:, 0].float().numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def decoded(bundle: "Bundle", codes: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """Decode codes given as tuples: (codes, 28, 28) in [0, 1]."""
    import torch

    with heavy(), torch.inference_mode():
        return bundle.model.decode(torch.tensor(codes))[:, 0].float().numpy()


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def cluster_probs(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Give q(c|x) of some ids: (images, clusters), rows sum to 1."""
    import torch

    from xai_core.data.images import to_float

    batch = bundle.dataset.images(list(ids))
    with heavy(), torch.inference_mode():
        return bundle.model.cluster_probs(to_float(batch, "cpu")).float().numpy()


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=_BY_FINGERPRINT)
def neighbours(bundle: "Bundle", image_id: str, k: int) -> tuple[list[str], list[float]]:
    """Find the k images nearest in latent space, itself left out: ids and distances."""
    row = row_of(bundle, image_id)
    if row is None:
        return [], []
    z = latents(bundle)
    far = np.sqrt(((z - z[row]) ** 2).sum(1))
    far[row] = np.inf
    near = np.argpartition(far, k)[:k]
    near = near[np.argsort(far[near], kind="stable")]
    return [str(i) for i in rows(bundle)[near]], [float(d) for d in far[near]]


def _fields(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, dict) else vars(value)
