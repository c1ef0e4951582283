"""Cached results of the page: the local directions of the decoder, and images along them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import generation, image_data
from dashboard.services.bundles import on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


class Directions(NamedTuple):
    """The local directions v_k at an image's code, the strongest first.

    `values` are the singular values s_k in ink per latent unit, `shares` s_k^2 / sum s^2, and
    `vectors` the v_k as rows. `deviation` is sigma_c of the image's cluster c, in latent units.
    """

    values: NDArray[np.float32]
    shares: NDArray[np.float32]
    vectors: NDArray[np.float32]
    deviation: float


class Films(NamedTuple):
    """Pictures in [0, 1], (directions, steps), and which codes are typical of the prior."""

    images: NDArray[np.float32]
    typical: NDArray[np.bool_]


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def directions(bundle: "Bundle", image_id: str) -> Directions:
    """Decompose the decoder's Jacobian at the mean of q(z|x); a decoder that reads c keeps q(c|x).

    Raises:
        BundleError: If the decoder has no gradient.
    """
    from xai_core.errors import BundleError
    from xai_core.latent_space.local_directions import local_directions

    seen = image_data.inferred(bundle, image_id)
    code, given = (on_device(bundle, part[None]) for part in (seen.mean, seen.probs))
    try:
        with compute_slot():
            found = local_directions(code, lambda z: bundle.model.decode(z, given))
    except ValueError as error:
        raise BundleError(f"Local directions need the decoder's gradient: {error}") from error
    scale = generation.prior(bundle)[1]
    return Directions(
        values=on_host(found.singular_values[0]),
        shares=on_host(found.shares[0]),
        vectors=on_host(found.directions[0]),
        deviation=float(scale[seen.probs.argmax()]),
    )


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def films(bundle: "Bundle", image_id: str, reach: float, steps: int, count: int) -> Films:
    """Decode an image's code moved along its strongest directions.

    The offsets run from -reach to +reach standard deviations sigma_c of the image's cluster.
    """
    import torch

    from xai_core.data.io.pixel_values import pictures
    from xai_core.latent_space.local_directions import in_typical_range
    from xai_core.latent_space.traversal import along

    seen, found = image_data.inferred(bundle, image_id), directions(bundle, image_id)
    offsets = torch.linspace(-reach, reach, steps)
    moves = found.deviation * torch.from_numpy(found.vectors[:count])
    codes = along(torch.from_numpy(seen.mean), moves=moves, offsets=offsets).flatten(0, 1)
    with compute_slot(), torch.inference_mode():
        codes = on_device(bundle, codes)
        given = on_device(bundle, seen.probs).expand(len(codes), -1)
        images = pictures(bundle.model.decode(codes, given))
        typical = on_host(in_typical_range(bundle.model.prior, codes))
    shape = (len(moves), steps)
    return Films(images.reshape(*shape, *images.shape[1:]), typical.reshape(shape))
