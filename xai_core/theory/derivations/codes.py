"""Weighted codes that represent q(z|x), with every log density at them, for the bound."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..bounds import Draws
from ..linear_vae import LinearVAE, normal_log_density

__all__ = ["Codes", "codes_of_draws", "codes_of_linear_vae"]

PerCode = Float[Tensor, " codes"]
REACH, POINTS = 9.0, 4001
"""Half-width of the grid over z, in standard deviations of q(z|x)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """Codes with weights that sum to 1, so that a weighted mean is an expectation under q(z|x).

    Attributes:
        weights: Weights of each code.
        log_likelihood: log p(x|z).
        log_prior: log p(z).
        log_posterior: log q(z|x).
        log_true_posterior: log p(z|x).
        log_evidence: log p(x), in nats.
    """

    weights: PerCode
    log_likelihood: PerCode
    log_prior: PerCode
    log_posterior: PerCode
    log_true_posterior: PerCode
    log_evidence: float

    def mean(self, values: PerCode) -> Tensor:
        """Average a function of the code under q(z|x)."""
        return (self.weights * values).sum()

    def log_mean_exp(self, logs: PerCode) -> Tensor:
        """Evaluate the log of the average of exp(logs) under q(z|x)."""
        return (self.weights.log() + logs).logsumexp(0)

    @property
    def log_joint(self) -> PerCode:
        """Evaluate log p(x, z)."""
        return self.log_likelihood + self.log_prior

    @property
    def log_weights(self) -> PerCode:
        """Evaluate log p(x, z) - log q(z|x)."""
        return self.log_joint - self.log_posterior


def codes_of_draws(draws: Draws) -> Codes:
    """Convert the draws of one image to codes of equal weight.

    log p(x) is estimated from the same draws and p(z|x) by Bayes' rule with it, so lines that
    contain p(z|x) hold by construction; `codes_of_linear_vae` checks them independently.

    Args:
        draws: From `bounds.draw`, of one image.
    """
    log_prior = draws.log_prior[:, 0]
    count, clusters = log_prior.shape
    log_joint = (draws.log_likelihood[:, 0] + log_prior).logsumexp(-1)
    mixture = log_prior.logsumexp(-1)
    log_weights = draws.log_weights[:, 0]
    log_evidence = log_weights.logsumexp(0).item() - math.log(count)
    return Codes(
        weights=log_prior.new_full((count,), 1 / count),
        log_likelihood=log_joint - mixture,
        log_prior=mixture - math.log(clusters),
        log_posterior=draws.log_posterior[:, 0],
        log_true_posterior=log_joint - math.log(clusters) - log_evidence,
        log_evidence=log_evidence,
    )


def codes_of_linear_vae(model: LinearVAE) -> Codes:
    """Place codes on a fine grid over z, to approximate integrals; log p(x), p(z|x) are exact."""
    z = model.f + model.sigma_z * torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    log_posterior = normal_log_density(z, model.f, model.sigma_z)
    observed = torch.full_like(z, float(model.x)) - model.theta_1 * z - model.theta_0
    return Codes(
        weights=log_posterior.softmax(0),
        log_likelihood=normal_log_density(observed, 0.0, model.sigma_x),
        log_prior=normal_log_density(z, 0.0, 1.0),
        log_posterior=log_posterior,
        log_true_posterior=normal_log_density(z, *model.true_posterior),
        log_evidence=model.log_evidence,
    )
