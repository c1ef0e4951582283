"""Images by their ids, from a bundle or from the visitor, and the models' outputs for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import latents, on_device, on_host, row_of, rows, rows_of
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot
from xai_core.errors import XaiError

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.typicality import Typicality, TypicalRange

Pixels = NDArray[np.uint8]
"""Images (images, height, width), in colour (images, 3, height, width); or one of them."""


class Inferred(NamedTuple):
    """The posterior of one image, and its reconstruction in [0, 1]."""

    mean: NDArray[np.float32]
    log_var: NDArray[np.float32]
    probs: NDArray[np.float32]
    reconstruction: NDArray[np.float32]
    probs_of_reconstruction: NDArray[np.float32]


def images(bundle: "Bundle", ids: Sequence[str]) -> Pixels:
    """Return the pixels of some images, in the order of their ids."""
    from xai_core.data.io.pixel_values import pictures

    return pictures(stored(bundle, ids))


def shape(bundle: "Bundle") -> tuple[int, ...]:
    """Return the shape of a bundle's pictures: (height, width), channels first if in colour."""
    form = bundle.spec.shape
    return form if form[0] > 1 else form[1:]


def batch(bundle: "Bundle", ids: Sequence[str]) -> "Tensor":
    """Return images as models read them: float32 (images, C, H, W) on the CPU."""
    from xai_core.data.preprocessing import to_float

    return to_float(stored(bundle, ids), bundle.device)


def is_known(bundle: "Bundle", image_id: str) -> bool:
    """Return whether an id is in the index, or contains a visitor's own image."""
    from xai_core.data.user_images import own_image

    if not is_own(image_id):
        return row_of(bundle, image_id) is not None
    try:
        return tuple(own_image(image_id).shape) == bundle.spec.shape
    except XaiError:
        return False


def is_own(image_id: str) -> bool:
    """Return whether an id contains a visitor's own image."""
    from xai_core.data import user_images

    return user_images.is_own(image_id)


def as_own(bundle: "Bundle", image_id: str) -> str:
    """Return the id of a visitor's copy of an image."""
    from xai_core.data.user_images import own_id

    return own_id(stored(bundle, [image_id])[0])


def facts(bundle: "Bundle", image_id: str) -> pd.Series:
    """Return the index row of an image; a visitor's own has split "own" and label -1."""
    return table(bundle, [image_id]).iloc[0]


def table(bundle: "Bundle", ids: Sequence[str]) -> pd.DataFrame:
    """Return the index rows of some images, in the order of their ids."""
    found = rows_of(bundle, ids)
    if (found >= 0).all():
        return bundle.index.take(found)
    stored_at, own_at = (np.flatnonzero(there).tolist() for there in (found >= 0, found < 0))
    parts = [bundle.index.take(found[stored_at])]
    parts += [_own_facts(bundle, ids[place]) for place in own_at]
    return pd.concat(parts).take(np.argsort([*stored_at, *own_at]))


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _own_facts(bundle: "Bundle", image_id: str) -> pd.DataFrame:
    from xai_core.latent_space.encoding import classify, encode_dataset
    from xai_core.latent_space.index import TERM_NAMES, index_columns

    image, dim = stored(bundle, [image_id]), bundle.model.config.latent_dim
    with compute_slot():
        seen = encode_dataset(bundle.model, image, device=bundle.device)
        place = bundle.latent_index.place(seen.mean)[0]
        network = bundle.classifier
        probs = None if network is None else classify(network, image, device=bundle.device)
    values = {
        "id": image_id,
        "split": "own",
        "label": -1,
        "cluster": int(seen.clusters),
        "confidence": float(seen.confidence),
        "umap_x": float(place[0]),
        "umap_y": float(place[1]),
        "distortion": float("nan"),
        **{name: float(getattr(seen.terms, name)) for name in TERM_NAMES},
        "predicted": -1 if probs is None else int(probs.argmax()),
        **{f"mean_{axis}": float(seen.mean[0, axis]) for axis in range(dim)},
        **{f"log_var_{axis}": float(seen.log_var[0, axis]) for axis in range(dim)},
    }
    return pd.DataFrame([values]).astype(index_columns(dim))


def stored(bundle: "Bundle", ids: Sequence[str]) -> "Tensor":
    """Return images as they are stored: uint8 (images, C, H, W)."""
    from xai_core.data.user_images import images_of

    return images_of(bundle.dataset, list(ids))


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def reconstructions(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Decode the posterior means of some images to pictures in [0, 1]."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    where = rows_of(bundle, ids)
    with compute_slot(), torch.inference_mode():
        z = on_device(bundle, latents(bundle)[where])
        return pictures(bundle.model.decode(z))


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def cluster_probs(bundle: "Bundle", ids: tuple[str, ...]) -> NDArray[np.float32]:
    """Return q(c|x) of some images: (images, clusters), rows sum to 1."""
    import torch

    x = batch(bundle, ids)
    with compute_slot(), torch.inference_mode():
        return on_host(bundle.model.cluster_probs(x))


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def typical_range(bundle: "Bundle") -> "TypicalRange":
    """Measure which images are typical; read only."""
    from xai_core.evaluation import typicality

    with compute_slot():
        return typicality.typical_range(bundle)


def typicality(bundle: "Bundle", image_id: str) -> "Typicality":
    """Compare one image with the training images."""
    found, known = facts(bundle, image_id), typical_range(bundle)
    z = code(bundle, image_id)
    with compute_slot():
        return known.of(float(found["elbo"]), z, float(found["confidence"]))


def code(bundle: "Bundle", image_id: str) -> "Tensor":
    """Return the mean of q(z|x) of one image: (latent,); read only."""
    row = row_of(bundle, image_id)
    if row is not None:
        return bundle.latents[row]
    import torch

    with compute_slot(), torch.inference_mode():
        return bundle.model.encode_mean(batch(bundle, [image_id]))[0]


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def neighbours(bundle: "Bundle", image_id: str, k: int) -> tuple[list[str], list[float]]:
    """Find the k other images that are nearest in latent space: ids and distances."""
    row, count = row_of(bundle, image_id), len(bundle.index)
    z = code(bundle, image_id)
    with compute_slot():
        found, far = bundle.latent_index.neighbours(z[None], min(k + 1, count))
    others = [(int(r), float(d)) for r, d in zip(found[0], far[0], strict=True) if r != row][:k]
    return [str(rows(bundle)[r]) for r, _ in others], [d for _, d in others]


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def inferred(bundle: "Bundle", image_id: str) -> Inferred:
    """Encode one image, decode the mean of its posterior under its own q(c|x), and encode that."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    x = batch(bundle, [image_id])
    with compute_slot(), torch.inference_mode():
        posterior = bundle.model.encode(x)
        probs = posterior.cluster_probs
        image = bundle.model.decode(posterior.mean, probs)
        again = bundle.model.encode(image).cluster_probs
        parts = (posterior.mean[0], posterior.log_var[0], probs[0], again[0])
        mean, log_var, shares, kept = (on_host(part) for part in parts)
        return Inferred(mean, log_var, shares, pictures(image)[0], kept)


@st.cache_data(max_entries=64, show_spinner="Looking for border cases",
               hash_funcs=BY_FINGERPRINT)  # fmt: skip
def boundary_images(
    bundle: "Bundle", split: str, cluster: int | None, count: int
) -> tuple[list[str], NDArray[np.float32]]:
    """Find the images with the smallest margin between their two best clusters.

    Args:
        bundle: The bundle to search.
        split: "train" or "test".
        cluster: Only images of this cluster; None for all.
        count: Largest number of images.

    Returns:
        Ids, the smallest margin first, and q(c|x) of each, (images, clusters).
    """
    from xai_core.evaluation.exemplars import smallest_margins

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
