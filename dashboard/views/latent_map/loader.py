"""Places on the map that are not images of the data set: samples and decoded places."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_device, on_host, rows
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

Floats = NDArray[np.float32]


class Sampled(NamedTuple):
    """Samples of the prior: pictures, the cluster each was drawn from, places."""

    images: Floats
    clusters: NDArray[np.int64]
    places: Floats


class Guess(NamedTuple):
    """The decoded image of a place on the map.

    `image` is a picture in [0, 1], `probs` its q(c|x), `density` log p(z) of its code in nats;
    `nearest` is the id of the nearest image and `distance` its distance on the map; `returns` is
    the distance between the place and where the map puts the estimated code.
    """

    image: Floats
    probs: Floats
    density: float
    nearest: str
    distance: float
    returns: float


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def prior_samples(bundle: "Bundle", count: int, seed: int) -> Sampled:
    """Draw codes from p(z), decode them, and place them as any image is placed."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    noise = torch.Generator().manual_seed(seed)
    num_clusters = bundle.model.config.num_clusters
    clusters = torch.randint(num_clusters, (count,), generator=noise)
    with compute_slot(), torch.inference_mode():
        codes = bundle.model.prior.sample(clusters, generator=noise)
        given = on_device(bundle, torch.eye(num_clusters)[clusters])
        images = bundle.model.decode(codes, given)
        places = bundle.latent_index.place(codes)
        return Sampled(pictures(images), clusters.numpy(), on_host(places))


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def guess_at(bundle: "Bundle", place: tuple[float, float]) -> Guess:
    """Decode the code that `LatentIndex.code_at` estimates for a place on the map."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    there = torch.tensor([place])
    with compute_slot(), torch.inference_mode():
        code, near, far = bundle.latent_index.code_at(there)
        code = on_device(bundle, code)
        image = bundle.model.decode(code)
        again = bundle.latent_index.place(code)
        return Guess(
            image=pictures(image)[0],
            probs=on_host(bundle.model.cluster_probs(image)[0]),
            density=float(bundle.model.prior.log_prob(code)),
            nearest=str(rows(bundle)[int(near[0, 0])]),
            distance=float(far[0, 0]),
            returns=float((again - there.to(again)).norm()),
        )
