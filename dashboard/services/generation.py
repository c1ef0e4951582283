"""Generated images: decoded codes, traversals, samples, interpolations."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import latents, on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import inferred
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.reading import Bundle


class Imagined(NamedTuple):
    """Decoded codes, pictures in [0, 1], and q(c|x) of each, (codes, clusters)."""

    images: NDArray[np.float32]
    probs: NDArray[np.float32]


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def decoded(bundle: "Bundle", codes: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """Decode codes given as tuples to pictures in [0, 1]."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    with compute_slot(), torch.inference_mode():
        return pictures(bundle.model.decode(on_device(bundle, torch.tensor(codes))))


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def prior(bundle: "Bundle") -> "tuple[Tensor, Tensor, Tensor]":
    """Return the centres mu_c, the scales sigma_c and the deviation of each z_j under p(z)."""
    import torch

    from xai_core.latent_space.traversal import prior_deviation

    with torch.no_grad():
        mean, scale = bundle.model.prior.mean.cpu().clone(), bundle.model.prior.scale.cpu().clone()
        return mean, scale, prior_deviation(mean, scale)


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def carried_nats(bundle: "Bundle") -> NDArray[np.float32]:
    """Estimate the information that each latent dimension carries over all images, in nats."""
    import torch

    from xai_core.latent_space.traversal import carried_nats

    columns = [f"log_var_{j}" for j in range(bundle.model.config.latent_dim)]
    log_var = torch.from_numpy(bundle.index[columns].to_numpy(np.float32, copy=True))
    return carried_nats(torch.tensor(latents(bundle)), log_var).numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def traversal(
    bundle: "Bundle", image_id: str, reach: float, steps: int, dims: tuple[int, ...]
) -> NDArray[np.float32]:
    """Decode an image's code moved along some dimensions: (dims, steps) pictures in [0, 1].

    The offsets run from -reach to +reach standard deviations of the prior. A decoder that reads c
    gets the image's own q(c|x) at every step.
    """
    import torch

    from xai_core.data.io.pixel_values import pictures
    from xai_core.latent_space.traversal import traverse

    seen = inferred(bundle, image_id)
    offsets = torch.linspace(-reach, reach, steps)
    codes = traverse(torch.from_numpy(seen.mean), deviation=prior(bundle)[2], offsets=offsets)
    codes = codes[list(dims)].flatten(0, 1)
    with compute_slot(), torch.inference_mode():
        given = on_device(bundle, seen.probs).expand(len(codes), -1)
        images = pictures(bundle.model.decode(on_device(bundle, codes), given))
    return images.reshape(len(dims), steps, *images.shape[1:])


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

    A decoder that reads c decodes the image's code with each one-hot c. For one that reads only z
    the code is moved from its own cluster to each of the others: `traversal.transport`.
    """
    import torch

    from xai_core.latent_space.traversal import transport

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
    """Decode the centre of each cluster; without a decoder, take the train image nearest to it."""
    import torch

    if "decode" not in bundle.model.parts:
        from xai_core.attribution.of_bundle import prototypes as nearest
        from xai_core.data.io.pixel_values import pictures

        images = nearest(bundle)
        with compute_slot(), torch.inference_mode():
            return Imagined(pictures(images), bundle.model.cluster_probs(images).float().numpy())
    mean = prior(bundle)[0]
    return _imagine(bundle, mean, torch.eye(len(mean)))


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def samples(bundle: "Bundle", cluster: int, temperature: float, seed: int, count: int) -> Imagined:
    """Draw codes from p(z|c) and decode them under that cluster."""
    import torch

    clusters = torch.full((count,), cluster)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        codes = bundle.model.prior.sample(clusters, temperature=temperature, generator=noise)
    return _imagine(bundle, codes, torch.eye(bundle.model.config.num_clusters)[clusters])


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def interpolation(bundle: "Bundle", start: int, end: int, steps: int) -> Imagined:
    """Decode the straight line from one cluster's centre to another's."""
    from xai_core.latent_space.traversal import interpolate as line

    mean = prior(bundle)[0]
    return _imagine(bundle, line(mean[start], mean[end], steps=steps))


def _imagine(bundle: "Bundle", codes: "Tensor", given: "Tensor | None" = None) -> Imagined:
    import torch

    from xai_core.data.io.pixel_values import pictures

    with compute_slot(), torch.inference_mode():
        under = None if given is None else on_device(bundle, given)
        images = bundle.model.decode(on_device(bundle, codes), under)
        return Imagined(pictures(images), on_host(bundle.model.cluster_probs(images)))
