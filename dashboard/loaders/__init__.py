"""Cached ways to what a page shows; the only module with `st.cache_*`.

Caches are keyed by a bundle's fingerprint and by image ids, never by arrays. torch is
imported on first use, runs on one thread, and heavy work passes one at a time.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from xai_core.errors import XaiError

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle import Bundle, BundleSummary

T = TypeVar("T")
Pixels = NDArray[np.uint8]
"""Grey images (images, 28, 28) or one (28, 28); 0 background, 255 ink."""


class Inferred(NamedTuple):
    """What the encoder says of one image, and its reconstruction (28, 28) in [0, 1]."""

    mean: NDArray[np.float32]
    log_var: NDArray[np.float32]
    probs: NDArray[np.float32]
    reconstruction: NDArray[np.float32]


class Imagined(NamedTuple):
    """Decoded codes (codes, 28, 28) in [0, 1], and q(c|x) of each, (codes, clusters)."""

    images: NDArray[np.float32]
    probs: NDArray[np.float32]


class BusyError(XaiError):
    """Other work holds the engine for longer than a person should wait."""


def fingerprint(bundle: "Bundle") -> str:
    """Give 16 hex digits that change with anything in the bundle."""
    return bundle.digest[:16]


BY_FINGERPRINT: Any = {"xai_core.bundle.Bundle": fingerprint}


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
    _freeze()
    return threading.BoundedSemaphore(1)


def _freeze() -> None:
    """Keep what was loaded out of the collection that Streamlit does after each run."""
    gc.collect()
    gc.freeze()


def summaries() -> "dict[str, BundleSummary]":
    """List the bundles that are there, whole or not, by name."""
    engine()
    from xai_core.bundle import list_bundles

    return {found.name: found for found in reversed(list_bundles())}


def bundle(summary: "BundleSummary") -> "Bundle":
    """Open a bundle once for all sessions; never change what it holds."""
    stat = (summary.path / "manifest.json").stat()
    return _open(str(summary.path), stat.st_mtime_ns, stat.st_size)


@st.cache_resource(max_entries=3, show_spinner="Opening the bundle")
def _open(path: str, changed: int, size: int) -> "Bundle":
    from xai_core.bundle import load_bundle

    opened = load_bundle(path, device="cpu")
    opened.dataset  # noqa: B018  read now, so that no page pays for it later
    opened.latent_index  # noqa: B018
    _freeze()
    return opened


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def rows(bundle: "Bundle") -> pd.Index:
    """Give the ids in index order; `get_loc` finds an image's row."""
    ids = pd.Index(bundle.index["id"].astype(object))
    ids.is_unique  # noqa: B018  builds the look-up table
    return ids


def row_of(bundle: "Bundle", image_id: str) -> int | None:
    """Find an image's row in the index; None for an id that is not there."""
    ids = rows(bundle)
    return int(ids.get_loc(image_id)) if image_id in ids else None


def rows_of(bundle: "Bundle", ids: Sequence[str]) -> NDArray[np.intp]:
    """Find the rows of ids that are in the index, in their order."""
    return rows(bundle).get_indexer(list(ids))


def images(bundle: "Bundle", ids: Sequence[str]) -> Pixels:
    """Give the pictures of some ids, in their order."""
    if not len(ids):
        return np.zeros((0, 28, 28), np.uint8)
    return bundle.dataset.images(list(ids)).numpy()


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def once(bundle: "Bundle", name: str, _make: Callable[[], T]) -> T:
    """Keep what `_make` gives for all sessions, one a bundle and name; nobody may change it."""
    return _make()


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def map_places(bundle: "Bundle") -> NDArray[np.float32]:
    """Give the places on the map (images, 2) in index order; read only."""
    xy = np.ascontiguousarray(bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32))
    return xy


def latents(bundle: "Bundle") -> NDArray[np.float32]:
    """Give the posterior means (images, latent) in index order; read only."""
    return bundle.latents.numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def reconstructions(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Decode the posterior means of some ids: (images, 28, 28) in [0, 1]."""
    import torch

    where = rows_of(bundle, ids)
    with heavy(), torch.inference_mode():
        z = torch.from_numpy(latents(bundle)[where])
        return bundle.model.decode(z)[:, 0].float().numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def decoded(bundle: "Bundle", codes: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """Decode codes given as tuples: (codes, 28, 28) in [0, 1]."""
    import torch

    with heavy(), torch.inference_mode():
        return bundle.model.decode(torch.tensor(codes))[:, 0].float().numpy()


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def cluster_probs(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Give q(c|x) of some ids: (images, clusters), rows sum to 1."""
    import torch

    from xai_core.data.images import to_float

    batch = bundle.dataset.images(list(ids))
    with heavy(), torch.inference_mode():
        return bundle.model.cluster_probs(to_float(batch, "cpu")).float().numpy()


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def neighbours(bundle: "Bundle", image_id: str, k: int) -> tuple[list[str], list[float]]:
    """Find the k images nearest in latent space, itself left out: ids and distances."""
    row, z = row_of(bundle, image_id), bundle.latents
    if row is None:
        return [], []
    with heavy():
        found, far = bundle.latent_index.neighbours(z[row : row + 1], min(k + 1, len(z)))
    others = [(int(r), float(d)) for r, d in zip(found[0], far[0], strict=True) if r != row][:k]
    return [str(rows(bundle)[r]) for r, _ in others], [d for _, d in others]


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def inferred(bundle: "Bundle", image_id: str) -> Inferred:
    """Encode one image and decode the mean of its posterior, under its own q(c|x)."""
    import torch

    from xai_core.data.images import to_float

    batch = bundle.dataset.images([image_id])
    with heavy(), torch.inference_mode():
        posterior = bundle.model.encode(to_float(batch, "cpu"))
        probs = posterior.cluster_probs
        image = bundle.model.decode(posterior.mean, probs)
        parts = (posterior.mean[0], posterior.log_var[0], probs[0], image[0, 0])
        return Inferred(*(part.float().numpy() for part in parts))


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def prior(bundle: "Bundle") -> "tuple[Tensor, Tensor, Tensor]":
    """Give the centres mu_c, the scales sigma_c and the deviation of each z_j under p(z)."""
    import torch

    from xai_core.explain.traversal import prior_deviation

    with torch.no_grad():
        mean, scale = bundle.model.prior.mean.clone(), bundle.model.prior.scale.clone()
        return mean, scale, prior_deviation(mean, scale)


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def carried_nats(bundle: "Bundle") -> NDArray[np.float32]:
    """Estimate what each latent dimension tells about an image, in nats, on all images."""
    import torch

    from xai_core.explain.traversal import carried_nats

    columns = [f"log_var_{j}" for j in range(bundle.model.config.latent_dim)]
    log_var = torch.from_numpy(bundle.index[columns].to_numpy(np.float32, copy=True))
    return carried_nats(torch.tensor(latents(bundle)), log_var).numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def traversal(
    bundle: "Bundle", image_id: str, reach: float, steps: int, dims: tuple[int, ...]
) -> NDArray[np.float32]:
    """Decode an image's code moved along some dimensions: (dims, steps, 28, 28) in [0, 1].

    Goes from -reach to +reach standard deviations of the prior round the code; a decoder that
    reads c is given the image's own q(c|x) throughout.
    """
    import torch

    from xai_core.explain.traversal import traverse

    seen = inferred(bundle, image_id)
    offsets = torch.linspace(-reach, reach, steps)
    codes = traverse(torch.from_numpy(seen.mean), deviation=prior(bundle)[2], offsets=offsets)
    codes = codes[list(dims)].flatten(0, 1)
    with heavy(), torch.inference_mode():
        given = torch.from_numpy(seen.probs).expand(len(codes), -1)
        images = bundle.model.decode(codes, given)[:, 0].float().numpy()
    return images.reshape(len(dims), steps, 28, 28)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def edited(bundle: "Bundle", image_id: str, shifts: tuple[float, ...]) -> Imagined:
    """Decode an image's code moved by `shifts` standard deviations of the prior."""
    import torch

    seen = inferred(bundle, image_id)
    code = torch.from_numpy(seen.mean) + prior(bundle)[2] * torch.tensor(shifts)
    return _imagine(bundle, code[None], torch.from_numpy(seen.probs)[None])


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def under_clusters(bundle: "Bundle", image_id: str, rescale: bool) -> Imagined:
    """Decode one image under each cluster.

    A decoder that reads c decodes the image's code with each one-hot c. One that reads only z
    decodes the code's place in its own cluster carried over to each: `traversal.transport`.
    """
    import torch

    from xai_core.explain.traversal import transport

    seen, (mean, scale, _) = inferred(bundle, image_id), prior(bundle)
    code = torch.from_numpy(seen.mean)
    if bundle.model.config.decoder_conditioning == "z+c":
        return _imagine(bundle, code.expand(len(mean), -1), torch.eye(len(mean)))
    source = int(seen.probs.argmax())
    return _imagine(
        bundle, transport(code, source=source, mean=mean, scale=scale, rescale=rescale)
    )


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def prototypes(bundle: "Bundle") -> Imagined:
    """Decode the centre of each cluster, as that cluster."""
    import torch

    mean = prior(bundle)[0]
    return _imagine(bundle, mean, torch.eye(len(mean)))


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def samples(bundle: "Bundle", cluster: int, temperature: float, seed: int, count: int) -> Imagined:
    """Draw codes from p(z|c) and decode them, as that cluster."""
    import torch

    clusters = torch.full((count,), cluster)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        codes = bundle.model.prior.sample(clusters, temperature=temperature, generator=noise)
    return _imagine(bundle, codes, torch.eye(bundle.model.config.num_clusters)[clusters])


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def walk(bundle: "Bundle", start: int, end: int, steps: int) -> Imagined:
    """Decode the straight line from one cluster's centre to another's."""
    from xai_core.explain.traversal import walk as line

    mean = prior(bundle)[0]
    return _imagine(bundle, line(mean[start], mean[end], steps=steps))


@st.cache_data(max_entries=64, show_spinner="Looking for border cases",
               hash_funcs=BY_FINGERPRINT)  # fmt: skip
def borders(
    bundle: "Bundle", split: str, cluster: int | None, count: int
) -> tuple[list[str], NDArray[np.float32]]:
    """Find the images with the smallest margin between their two best clusters.

    Args:
        bundle: Where to look.
        split: "train" or "test".
        cluster: Only images of this cluster; None for all.
        count: Images at most.

    Returns:
        Ids, the smallest margin first, and q(c|x) of each, (images, clusters).
    """
    from xai_core.explain.borders import smallest_margins

    index = bundle.index
    there = (index["split"] == split).to_numpy()
    if cluster is not None:
        there = there & (index["cluster"] == cluster).to_numpy()
    ids = rows(bundle)[there]
    if not len(ids):
        return [], np.zeros((0, bundle.model.config.num_clusters), np.float32)
    found, probs = smallest_margins(
        index["confidence"].to_numpy()[there],
        lambda some: cluster_probs(bundle, tuple(str(i) for i in ids[some])),
        count,
    )
    return [str(i) for i in ids[found]], probs.astype(np.float32)


def about(bundle: "Bundle", **more: object) -> dict[str, object]:
    """Say where a download comes from: bundle, data set, version, and what is given."""
    from xai_core import __version__

    return {
        "bundle": f"{bundle.name} ({fingerprint(bundle)})",
        "data set": bundle.manifest.dataset.name,
        **more,
        "made by": f"cluster-vae-xai {__version__}",
    }


def _imagine(bundle: "Bundle", codes: "Tensor", given: "Tensor | None" = None) -> Imagined:
    import torch

    with heavy(), torch.inference_mode():
        images = bundle.model.decode(codes, given)
        probs = bundle.model.cluster_probs(images)
        return Imagined(images[:, 0].float().numpy(), probs.float().numpy())
