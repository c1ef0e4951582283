"""Fit what an adopted model does not provide: clusters, and variances of codes and pixels."""

import numpy as np
import torch
from torch import Tensor

from .._types import ByteImages, Latents, Probs
from ..data.preprocessing import to_float
from ..models.adopted import AdoptedVAE

__all__ = ["fit_clusters", "fit_variances"]

AT_ONCE = 500
FITTED = 20_000
"""Largest number of train images on which clusters are fitted."""
MEASURED = 1_000
"""Largest number of train images on which variances are measured."""
SHARES = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3)
"""Variances of codes that are tried, as shares of the variance of all codes."""


@torch.no_grad()
def fit_clusters(model: AdoptedVAE, images: ByteImages, seed: int) -> None:
    """Fit one Gaussian per cluster: to q(c|x) where it is given, else by a Gaussian mixture.

    Args:
        model: The model, whose clusters are set.
        images: Train images.
        seed: Seed of the mixture and of the images drawn for it.
    """
    drawn = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:FITTED]
    codes, probs = [], []
    for rows in drawn.split(AT_ONCE):
        x = to_float(images[rows])
        codes.append(model.encode_mean(x))
        if model.cluster_encoder is not None:
            probs.append(model.cluster_probs(x))
    z = torch.cat(codes)
    if not bool(z.isfinite().all()):
        raise ValueError(
            "`encode` must return finite codes, got NaN or infinity for some train images."
        )
    if probs:
        _fit_to(model, z, torch.cat(probs))
        return
    from ..latent_space.gaussian_mixture import fitted_mixture

    mixture = fitted_mixture(
        z.double().numpy(), model.config.num_clusters, seed=seed, covariance_type="spherical"
    )
    scales = torch.from_numpy(np.sqrt(mixture.covariances_))
    model.set_clusters(torch.from_numpy(mixture.means_).to(z), scales.to(z))


def _fit_to(model: AdoptedVAE, z: Latents, probs: Probs) -> None:
    """Take the mean and spread of the codes of each cluster; of all codes where it is empty."""
    weights = torch.where(probs.sum(0) > 1e-3, probs, torch.ones_like(probs))
    weights = weights / weights.sum(0)
    mean = weights.mT @ z
    squares = (z.unsqueeze(1) - mean).square().mean(-1)
    model.set_clusters(mean, (weights * squares).sum(0).sqrt())


@torch.no_grad()
def fit_variances(model: AdoptedVAE, images: ByteImages) -> None:
    """Set the variance of pixels to the mean squared error, that of codes to the best bound.

    If the encoder gives no variance of q(z|x), the one with the largest bound is chosen: the bound
    holds for every variance.

    Args:
        model: The model, whose variances are set.
        images: Train images.

    Raises:
        ValueError: If decoded images are far outside of [0, 1].
    """
    x = to_float(images[:MEASURED])
    z = torch.cat([model.encode_mean(part) for part in x.split(AT_ONCE)])
    spread = max(float(z.var(0).mean()), 1e-6) if len(z) > 1 else 1.0
    if "decode" not in model.parts:
        model.set_variances(code=1e-2 * spread)
        return
    _check_decoded(model, z[:AT_ONCE])
    error = torch.cat([
        (a - model.decode(b)).square().flatten(1).mean(1)
        for a, b in zip(x.split(AT_ONCE), z.split(AT_ONCE), strict=True)
    ])  # fmt: skip
    model.set_variances(pixel=float(error.mean()))
    bounds = [_bound(model, x[: AT_ONCE // 2], share * spread) for share in SHARES]
    best = SHARES[int(np.argmax(bounds))]
    model.set_variances(code=best * spread)


def _bound(model: AdoptedVAE, x: Tensor, variance: float) -> float:
    model.set_variances(code=variance)
    return float(model.elbo(x, generator=torch.Generator().manual_seed(0)).elbo.mean())


def _check_decoded(model: AdoptedVAE, z: Latents) -> None:
    found = model.decoder.called.read(z, "images", model.image)  # type: ignore[union-attr, operator]
    low, high = float(found.min()), float(found.max())
    if not (low > -1 and high < 2) or high < 0.02:
        raise ValueError(
            f"`decode` must return images in [0, 1], got {low:.3g} to {high:.3g}. Undo the "
            "normalisation, or end with a sigmoid."
        )
