"""Cached results of the page on mixtures: the steps of EM, in the plane and on a line."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import latents
from dashboard.services.cache import BY_FINGERPRINT

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.mixtures import MixtureFit

TWIN = (8.0, -6.0)
"""Position of the two equal points in the sampled set."""
FEWEST = 20
"""With fewer test images, the latents of all images are used."""


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def plane(bundle: "Bundle", source: str, dims: tuple[int, int], count: int) -> NDArray[np.float64]:
    """Return points in the plane: two latents of some test images, or points of three Gaussians.

    Args:
        bundle: Whose latents.
        source: "latents", or "points", which hold two equal points far from the rest.
        dims: The latents used.
        count: Number of points.
    """
    noise = np.random.default_rng(0)
    if source == "points":
        shapes = np.array(
            [[[1.0, 0.0], [0.6, 0.5]], [[0.5, 0.0], [-0.4, 0.9]], [[0.8, 0], [0, 0.8]]]
        )
        centres = np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.5]])
        which = noise.integers(3, size=count - 2)
        spread = np.einsum("ni,nij->nj", noise.normal(size=(count - 2, 2)), shapes[which])
        return np.concatenate([centres[which] + spread, [TWIN, TWIN]])
    test = np.flatnonzero((bundle.index["split"] == "test").to_numpy())
    if len(test) < FEWEST:
        test = np.arange(len(bundle.index))
    rows = noise.choice(test, min(count, len(test)), replace=False)
    return latents(bundle)[rows][:, list(dims)].astype(float)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def mixture(
    bundle: "Bundle",
    source: str,
    dims: tuple[int, int],
    count: int,
    clusters: int,
    covariance: str,
    strength: float,
    seed: int,
) -> "MixtureFit":
    """Fit a mixture to `plane` by EM; a strength of 0 is maximum likelihood. Read only."""
    from dataclasses import replace

    import torch

    from xai_core.theory.mixtures import (
        MixtureConfig,
        fit_gaussian_mixture,
        initial_parameters,
        reference_prior,
    )

    points = torch.from_numpy(plane(bundle, source, dims, count))
    prior = None
    if strength > 0:
        prior = reference_prior(points, clusters)
        prior = replace(
            prior, degrees=2 + 2 * strength, strength=0.01 * strength, concentration=1 + strength
        )
    config = MixtureConfig(
        num_clusters=clusters,
        covariance=covariance,  # type: ignore[arg-type]
        prior=prior,
        max_steps=60,
        tolerance=1e-5,
    )
    start = initial_parameters(points, clusters, covariance=config.covariance, seed=seed)
    return fit_gaussian_mixture(points, config, start=start)


class HalfStep(NamedTuple):
    """EM after an E-step or an M-step on five points, and K-means at the same iteration.

    `within` is the K-means objective, the sum of squares to the nearest centre.
    """

    half: str
    iteration: int
    free_energy: float
    log_likelihood: float
    points: tuple[float, ...]
    weights: tuple[float, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]
    responsibilities: tuple[float, ...]
    centres: tuple[float, ...]
    assigned: tuple[bool, ...]
    within: float


@st.cache_data(max_entries=4, show_spinner=False)
def halves(iterations: int) -> list[HalfStep]:
    """Run EM half by half, and K-means from the same two centres."""
    from itertools import islice, pairwise

    from xai_core.theory.derivations.mixtures import mixture_numbers
    from xai_core.theory.mixtures import MixtureConfig, free_energy, mixture_states

    start = mixture_numbers()
    x = start.points
    config = MixtureConfig(num_clusters=2, covariance="spherical")
    states = list(islice(mixture_states(x, config, start.old.parameters), iterations + 1))
    centres, found = start.old.parameters.means, []
    for number, (old, new) in enumerate(pairwise(states), 1):
        squares = (x - centres.T).square()
        assigned = squares.argmin(1)
        updated = centres.clone()
        for k in range(2):
            if bool((assigned == k).any()):
                updated[k] = x[assigned == k].mean(0)
        for half, state, at in (("E", old, centres), ("M", new, updated)):
            found.append(
                HalfStep(
                    half=half,
                    iteration=number,
                    free_energy=free_energy(x, old.responsibilities, state.parameters),
                    log_likelihood=state.log_likelihood,
                    points=tuple(x[:, 0].tolist()),
                    weights=tuple(state.parameters.weights.tolist()),
                    means=tuple(state.parameters.means[:, 0].tolist()),
                    variances=tuple(state.parameters.covariances[:, 0, 0].tolist()),
                    responsibilities=tuple(old.responsibilities[:, 0].tolist()),
                    centres=tuple(at[:, 0].tolist()),
                    assigned=tuple((assigned == 0).tolist()),
                    within=(x - at.T).square().gather(1, assigned[:, None]).sum().item(),
                )
            )
        centres = updated
    return found
