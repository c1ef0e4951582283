"""Cached answers of the page on mixtures: the steps of EM on the plane."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import latents
from dashboard.services.cache import BY_FINGERPRINT

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.mixtures import MixtureFit

TWIN = (8.0, -6.0)
"""Where the sampled points hold two equal ones."""
FEWEST = 20
"""Test images below which the latents are those of all images."""


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def plane(bundle: "Bundle", source: str, dims: tuple[int, int], count: int) -> NDArray[np.float64]:
    """Return points in the plane: two latents of some test images, or points of three Gaussians.

    Args:
        bundle: Whose latents.
        source: "latents", or "points", which hold two equal points far from the rest.
        dims: The latents taken.
        count: How many.
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
