"""Cached results of the page on the two factorisations."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_device
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import table
from dashboard.services.scheduler.scheduler import compute_slot, offload
from dashboard.views.theory.loader import FEWEST_DRAWS, as_read, choices, draws, numbers

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

MAP_DRAWS = 250
"""Number of draws of z behind the map of nats per pixel."""
COMPARED, DRAWS_COMPARED = 40, 12
"""Test images on which both bounds are compared where either can be lower, and draws of each."""


class Factorised(NamedTuple):
    """L, L^ and the terms of their difference, in nats.

    `error` is the standard error of `lower` over the draws.
    `likelihood`, `prior` and `kl` are expectations with q(c|z) and with q(c|x); `divergence` is
    E[KL(q(c|x) || p(c|x, z)) - KL(q(c|z) || p(c|x, z))].
    """

    upper: float
    lower: float
    error: float
    divergence: float
    likelihood: tuple[float, float]
    prior: tuple[float, float]
    kl: tuple[float, float]


class FinalBound(NamedTuple):
    """The numbers that (6.1) is computed from, of one image; logarithms are natural.

    Attributes:
        image: The image as the likelihood reads it, (height, width).
        nats: E_q[log p(x_m|z, c)] of each pixel, (height, width); channels are added.
        term: Sum of `nats`, term 1.
        error: Its standard error over the draws.
        draws: Number of draws of z.
        given: q(c|x).
        squares: |mu(x) - mu_c|^2 of each cluster.
        scales: sigma_c of each cluster.
        expected_log_prior: E_q(z|x)[log p(z|c)] of each cluster.
        dim: Number of latents.
        variances: Sum of the variances of q(z|x).
        log_variances: Sum of their logarithms.
    """

    image: NDArray[np.float32]
    nats: NDArray[np.float64]
    term: float
    error: float
    draws: int
    given: NDArray[np.float64]
    squares: NDArray[np.float64]
    scales: NDArray[np.float64]
    expected_log_prior: NDArray[np.float64]
    dim: int
    variances: float
    log_variances: float


class Below(NamedTuple):
    """L - L^ of some test images, in nats, with its standard error over the draws."""

    ids: list[str]
    difference: NDArray[np.float64]
    error: NDArray[np.float64]


class Sides(NamedTuple):
    """The two sides of Jensen's inequality for many images, in nats."""

    ids: list[str]
    clusters: NDArray[np.int64]
    greater: NDArray[np.float64]
    lesser: NDArray[np.float64]


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def factorised(bundle: "Bundle", image_id: str, given: str) -> Factorised:
    """Evaluate both bounds of the model, with a chosen q(c|x).

    Args:
        bundle: The model.
        image_id: The image.
        given: q(c|x): "encoder", "average" of q(c|z), "unsure" (1/K), "certain" of one, or
            "best", the q(c|x) that maximises the bound.
    """
    from xai_core.theory import bounds

    drawn, probs = draws(bundle, image_id, FEWEST_DRAWS), choices(bundle, image_id)[given]
    six = bounds.six_expectations(drawn, probs)
    each = ((drawn.log_likelihood + drawn.log_prior) * probs).sum(-1)[:, 0]
    return Factorised(
        upper=bounds.bound_given_z(drawn).elbo.item(),
        lower=bounds.bound_given_x(drawn, probs).elbo.item(),
        error=(each.std() / len(each) ** 0.5).item(),
        divergence=bounds.bound_difference(drawn, probs).item(),
        likelihood=(six.likelihood_given_z.item(), six.likelihood_given_x.item()),
        prior=(six.prior_given_z.item(), six.prior_given_x.item()),
        kl=(six.kl_given_z.item(), six.kl_given_x.item()),
    )


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def sides(bundle: "Bundle", image_id: str, count: int, samples: int) -> Sides:
    """Measure both sides of the inequality on the selected image and some test images.

    Needs only the mixture, not the decoder: q(z|x) of every image is in the index.
    """
    import torch

    from xai_core.models.distributions import categorical_kl_to_uniform, sample_normal

    index = bundle.index
    test = np.flatnonzero((index["split"] == "test").to_numpy())
    rows = np.random.default_rng(0).choice(test, min(count, len(test)), replace=False)
    others = [i for i in index["id"].iloc[rows] if i != image_id]
    size = bundle.model.config.latent_dim
    columns = [[f"{kind}_{j}" for j in range(size)] for kind in ("mean", "log_var")]
    here = table(bundle, [image_id, *others])
    mean, log_var = (torch.tensor(here[names].to_numpy(np.float32)) for names in columns)
    noise = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        parts = [
            bundle.model.prior.responsibilities(
                on_device(bundle, sample_normal(mean, log_var, generator=noise))
            ).cpu()
            for _ in range(samples)
        ]
        probs = torch.stack(parts).double()
        each = categorical_kl_to_uniform(probs.flatten(0, 1)).reshape(samples, -1)
        lesser = categorical_kl_to_uniform(probs.mean(0))
    return Sides(
        here["id"].tolist(), here["cluster"].to_numpy(), each.mean(0).numpy(), lesser.numpy()
    )


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def final_bound(bundle: "Bundle", image_id: str) -> FinalBound:
    """Evaluate the terms of (6.1) and what each is made of; `MAP_DRAWS` codes for term 1."""
    from xai_core.theory.pixel_likelihood import pixel_likelihood

    known, x = numbers(bundle, image_id), on_device(bundle, as_read(bundle, image_id))
    z = on_device(bundle, known.draws.z[:MAP_DRAWS, 0]).to(x)
    with compute_slot():
        found = pixel_likelihood(bundle.model, x, z, on_device(bundle, known.given_x).to(x))
    nats = found.nats.double().sum(0).numpy()
    return FinalBound(
        image=x[0].mean(0).cpu().numpy(),
        nats=nats,
        term=float(nats.sum()),
        error=found.error,
        draws=len(z),
        given=known.given_x.numpy(),
        squares=(known.mean - known.centres).square().sum(-1).numpy(),
        scales=known.scales.numpy(),
        expected_log_prior=known.expected_log_prior.numpy(),
        dim=len(known.mean),
        variances=known.log_var.exp().sum().item(),
        log_variances=known.log_var.sum().item(),
    )


@st.cache_data(
    max_entries=8, show_spinner="Comparing both bounds on test images", hash_funcs=BY_FINGERPRINT
)
@offload
def differences(bundle: "Bundle") -> Below:
    """Evaluate L - L^ of some test images, with the encoder's q(c|x) or the average of q(c|z)."""
    import torch

    from xai_core.data.preprocessing import to_float
    from xai_core.evaluation.metrics import binarise
    from xai_core.theory import bounds

    index = bundle.index
    ids = index["id"][(index["split"] == "test").to_numpy()].iloc[:COMPARED].tolist()
    x = to_float(bundle.dataset.images(ids), bundle.device)
    noise = torch.Generator(bundle.device).manual_seed(0)
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, noise)
    with compute_slot():
        drawn = bounds.draw(bundle.model, x, num_samples=DRAWS_COMPARED, generator=noise)
    each = bounds.differences_by_draw(drawn, drawn.encoder_probs)
    error = each.std(0) / DRAWS_COMPARED**0.5
    return Below(ids, each.mean(0).numpy(), error.numpy())
