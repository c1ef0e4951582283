"""Cached results of the page on the latent plane."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch, stored
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.latent_space.plane import Window

CELLS = 64
"""Cells on each side for which decisions are computed."""
IMAGES = 20
"""Decoded images on each side."""
PROPERTY_IMAGES, FEWEST = 2000, 3
"""Most and fewest images on which an axis is compared with properties of the image."""
Floats = NDArray[np.float32]


class Gaussians(NamedTuple):
    """Means (clusters, 2) and standard deviations (clusters,) of p(z|c)."""

    means: Floats
    scales: Floats


class Regions(NamedTuple):
    """Probabilities of p(c|z) and q(c|g(z)) for each cell, (cells, clusters).

    `agreement` is the share of p(z) on the plane where both name the same cluster.
    """

    mixture: Floats
    branch: Floats
    agreement: float


class Point(NamedTuple):
    """A code on the plane: its decoded picture in [0, 1], both probabilities, log p(z) in nats."""

    image: Floats
    mixture: Floats
    branch: Floats
    log_density: float


class Axis(NamedTuple):
    """The property of an image that goes most with an axis, by Pearson's correlation."""

    name: str
    correlation: float
    images: int


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def window(bundle: "Bundle") -> "Window":
    """Return the part of the plane that is shown."""
    return _window(bundle)


def _window(bundle: "Bundle") -> "Window":
    from xai_core.latent_space.plane import window_around

    return window_around(bundle.latents, bundle.model.prior.mean.detach().cpu())


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def gaussians(bundle: "Bundle") -> Gaussians:
    """Return the Gaussians p(z|c)."""
    prior = bundle.model.prior
    return Gaussians(on_host(prior.mean), on_host(prior.scale))


@st.cache_data(max_entries=3, show_spinner="Decoding the plane", hash_funcs=BY_FINGERPRINT)
@offload
def regions(bundle: "Bundle") -> Regions:
    """Assign each cell of the plane to clusters, by its place and by its decoded image."""
    from xai_core.latent_space.plane import decide, grid

    with compute_slot():
        found = decide(bundle.model, on_device(bundle, grid(_window(bundle), CELLS)))
        return Regions(on_host(found.mixture), on_host(found.branch), found.agreement())


@st.cache_data(max_entries=3, show_spinner="Decoding the plane", hash_funcs=BY_FINGERPRINT)
def images(bundle: "Bundle") -> Floats:
    """Decode the centres of 20 x 20 cells, rows from the top; pictures in [0, 1]."""
    from xai_core.data.io.pixel_values import pictures
    from xai_core.latent_space.plane import decide, grid

    with compute_slot():
        codes = on_device(bundle, grid(window(bundle), IMAGES))
        return pictures(decide(bundle.model, codes).images)


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def point(bundle: "Bundle", place: tuple[float, float]) -> Point:
    """Decode one code."""
    import torch

    from xai_core.data.io.pixel_values import pictures
    from xai_core.latent_space.plane import decide

    with compute_slot():
        found = decide(bundle.model, on_device(bundle, torch.tensor([place])))
        return Point(
            image=pictures(found.images)[0],
            mixture=on_host(found.mixture[0]),
            branch=on_host(found.branch[0]),
            log_density=float(found.log_density),
        )


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def posterior(bundle: "Bundle", image_id: str) -> tuple[Floats, Floats]:
    """Return mean and standard deviations of q(z|x), (2,) each."""
    import torch

    with compute_slot(), torch.no_grad():
        found = bundle.model.encode(batch(bundle, [image_id]))
        return on_host(found.mean[0]), on_host((found.log_var[0] / 2).exp())


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def axes(bundle: "Bundle") -> list[Axis]:
    """Return the property that goes most with each axis, over test images if there are enough."""
    import torch

    from xai_core.data.preprocessing import to_float
    from xai_core.theory.image_properties import PROPERTIES

    test = np.flatnonzero((bundle.index["split"] == "test").to_numpy())
    rows = (test if len(test) >= FEWEST else np.arange(len(bundle.index)))[:PROPERTY_IMAGES]
    with compute_slot():
        x = to_float(stored(bundle, bundle.index["id"].take(rows).tolist()), "cpu")
        values = torch.stack([measure(x) for measure in PROPERTIES.values()])
        codes = bundle.latents[torch.from_numpy(rows)].T
        found = torch.corrcoef(torch.cat([codes, values]))[:2, 2:].nan_to_num()
    names = list(PROPERTIES)
    strongest = found.abs().argmax(1).tolist()
    return [Axis(names[k], float(found[i, k]), len(rows)) for i, k in enumerate(strongest)]
