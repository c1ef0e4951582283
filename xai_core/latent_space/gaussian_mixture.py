"""Gaussian mixtures fitted to points."""

import warnings

import numpy as np
from jaxtyping import Float
from sklearn.mixture import GaussianMixture

__all__ = ["fitted_mixture"]


def fitted_mixture(
    points: Float[np.ndarray, "points latent"], num_clusters: int, seed: int, **options: object
) -> GaussianMixture:
    """Fit a mixture; if fewer points differ than there are clusters, some clusters are equal.

    Args:
        points: The points.
        num_clusters: Number of Gaussians.
        seed: Seed of the first means.
        **options: Further options of scikit-learn's `GaussianMixture`.
    """
    mixture = GaussianMixture(num_clusters, random_state=seed, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        return mixture.fit(points)
