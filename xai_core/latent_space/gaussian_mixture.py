"""Gaussian mixtures fitted to points."""

import warnings
from typing import Literal

import numpy as np
from jaxtyping import Float
from sklearn.mixture import GaussianMixture

__all__ = ["fitted_mixture"]


def fitted_mixture(
    points: Float[np.ndarray, "points latent"],
    num_clusters: int,
    *,
    seed: int,
    covariance_type: Literal["full", "spherical"] = "full",
    n_init: int = 1,
    reg_covar: float = 1e-6,
) -> GaussianMixture:
    """Fit a mixture; if fewer points differ than there are clusters, some clusters are equal.

    Args:
        points: The points.
        num_clusters: Number of Gaussians.
        seed: Seed of the first means.
        covariance_type: As of scikit-learn, like the options below.
        n_init: Number of fits, of which the best is returned.
        reg_covar: Added to the variances.
    """
    mixture = GaussianMixture(
        num_clusters,
        covariance_type=covariance_type,
        n_init=n_init,
        reg_covar=reg_covar,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        return mixture.fit(points)
