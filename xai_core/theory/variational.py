"""Mean-field variational inference, worked out for Bayesian logistic regression.

    y_n ~ Bernoulli(sigmoid(x_n . w)),   w ~ N(0, I),   q(w) = prod_j N(w_j; mu_j, sigma_j^2)

    ELBO = E_q[sum_n log p(y_n|x_n, w)] - KL(q(w) || p(w))

The gradient of the expectation is estimated from draws of q by the score function, log p(y|w) grad
log q(w), or by reparameterisation, grad log p(y|mu + sigma eps); that of the KL is exact. Because
x_n . w is Gaussian under q, the expectation is also a sum of one-dimensional
integrals: quadrature gives the ELBO and its gradient without noise, the reference for both.

References:
    Black Box Variational Inference (Ranganath et al., 2014), https://arxiv.org/abs/1401.0118
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), https://arxiv.org/abs/1312.6114
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from ..errors import ConfigError

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "GradientMoments",
    "MeanField",
    "MeanFieldConfig",
    "MeanFieldFit",
    "Predictive",
    "elbo",
    "exact_gradient",
    "fit_mean_field",
    "gradient_draws",
    "gradient_moments",
    "predict",
    "with_intercept",
]

Estimator = Literal["score", "reparameterised"]
ESTIMATORS: tuple[Estimator, ...] = ("score", "reparameterised")
Features = Float[Tensor, "points features"]
Outcomes = Bool[Tensor, " points"]
Weights = Float[Tensor, " features"]

NODES = 32
"""Number of quadrature nodes."""
ROWS = 64
"""Draws evaluated at once: few enough that their logits at all points fit into a cache."""


@dataclass(frozen=True, eq=False)
class MeanField:
    """q(w): means and log standard deviations, one per feature."""

    mean: Weights
    log_std: Weights

    @property
    def std(self) -> Weights:
        """Evaluate the standard deviations."""
        return self.log_std.exp()


@dataclass(frozen=True, kw_only=True)
class MeanFieldConfig:
    """Settings of a fit of q.

    Attributes:
        estimator: Estimator of the gradient.
        num_samples: Draws of w per step.
        max_steps: Maximum number of steps of Adam.
        learning_rate: Initial learning rate of Adam, with cosine decay to 0.
        record_every: Steps between two evaluations of the ELBO.
    """

    estimator: Estimator = "reparameterised"
    num_samples: int = 8
    max_steps: int = 300
    learning_rate: float = 0.1
    record_every: int = 1

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        if self.estimator not in get_args(Estimator):
            choices = ", ".join(map(repr, get_args(Estimator)))
            raise ConfigError(f"`estimator` must be one of {choices}, got {self.estimator!r}.")
        for name in ("num_samples", "max_steps", "record_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if not 0 < self.learning_rate < 10:
            raise ConfigError(f"`learning_rate` must be in (0, 10), got {self.learning_rate}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanFieldFit:
    """A fitted q and the course of its fit.

    Attributes:
        posterior: q(w) at the end.
        elbos: The ELBO before every `record_every`-th step and at the end, by quadrature, in nats.
        converged: Whether the norm of its exact gradient is below 1 % of its initial value, or
            below 0.2 nats per parameter.
    """

    posterior: MeanField
    elbos: Float[Tensor, " steps"]
    converged: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientMoments:
    """Mean and variance of one draw's estimate of the ELBO's gradient.

    Attributes:
        mean: With respect to the means, then the log standard deviations.
        variance: Variance of the estimate from one draw; divide by S for S draws.
        num_samples: Number of draws from which both are computed.
    """

    mean: Float[Tensor, " parameters"]
    variance: Float[Tensor, " parameters"]
    num_samples: int

    @property
    def standard_error(self) -> Float[Tensor, " parameters"]:
        """Evaluate the standard error of `mean`."""
        return (self.variance / self.num_samples).sqrt()


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictive:
    """p(y = 1|x) of some points, with its 95 % credible interval under q(w).

    Attributes:
        probs: E_q[sigmoid(x . w)].
        low: The sigmoid of the 2.5th percentile of x . w.
        high: The sigmoid of the 97.5th percentile.
    """

    probs: Float[Tensor, " points"]
    low: Float[Tensor, " points"]
    high: Float[Tensor, " points"]


def with_intercept(features: Features) -> Float[Tensor, "points more"]:
    """Append a feature that is always 1."""
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def elbo(q: MeanField, features: Features, outcomes: Outcomes) -> float:
    """Evaluate the ELBO by quadrature, in nats."""
    location, scale, sign = _logits(q, features, outcomes)
    nodes, weights = _quadrature()
    values = functional.logsigmoid(sign[:, None] * (location[:, None] + scale[:, None] * nodes))
    return ((values @ weights).sum() - _kl(q)).item()


def exact_gradient(
    q: MeanField, features: Features, outcomes: Outcomes
) -> Float[Tensor, " parameters"]:
    """Evaluate the ELBO's gradient by quadrature: for the means, then the log deviations."""
    location, scale, sign = _logits(q, features, outcomes)
    nodes, weights = _quadrature()
    logits = location[:, None] + scale[:, None] * nodes
    slopes = sign[:, None] * torch.sigmoid(-sign[:, None] * logits)
    by_location = slopes @ weights
    by_scale = (slopes * nodes) @ weights
    variances = q.std.square()
    by_mean = features.mT @ by_location
    by_log_std = (features.square() * variances).mT @ (by_scale / scale)
    return torch.cat([by_mean, by_log_std]) - _kl_gradient(q)


def gradient_draws(
    q: MeanField,
    features: Features,
    outcomes: Outcomes,
    *,
    estimator: Estimator,
    num_samples: int,
    generator: torch.Generator,
) -> Float[Tensor, "samples parameters"]:
    """Estimate the ELBO's gradient from single draws of w, one row per draw.

    The mean of the rows is unbiased.

    Args:
        q: Point of evaluation.
        features: Features of the points, float64; see `with_intercept`.
        outcomes: Whether y = 1.
        estimator: "score" needs only log p(y|w); "reparameterised" its gradient.
        num_samples: Number of rows.
        generator: Source of the noise.
    """
    eps = torch.randn(num_samples, len(q.mean), generator=generator, dtype=q.mean.dtype)
    signed = _signed(features, outcomes)
    parts = [_gradients(q, signed, some, estimator) for some in eps.split(ROWS)]
    return torch.cat(parts) - _kl_gradient(q)


def _signed(features: Features, outcomes: Outcomes) -> Features:
    """Negate the features of points with y = 0: log p(y|x, w) is then log sigmoid(x . w)."""
    return torch.where(outcomes[:, None], features, -features)


def _gradients(
    q: MeanField, signed: Features, eps: Float[Tensor, "samples features"], estimator: Estimator
) -> Float[Tensor, "samples parameters"]:
    """Estimate the gradient of E_q[log p(y|w)] from each draw mean + std * eps."""
    std = q.std
    logits = (q.mean + std * eps) @ signed.mT
    if estimator == "score":
        value = functional.logsigmoid(logits).sum(-1, keepdim=True)
        return torch.cat([value * eps / std, value * (eps.square() - 1)], dim=1)
    by_mean = logits.neg_().sigmoid_() @ signed
    return torch.cat([by_mean, by_mean * eps * std], dim=1)


def _mean_gradient(
    q: MeanField, signed: Features, eps: Float[Tensor, "samples features"], estimator: Estimator
) -> Float[Tensor, " parameters"]:
    """Average the rows of `gradient_draws`, in fewer operations."""
    std = q.std
    logits = torch.addcmul(q.mean, eps, std) @ signed.mT
    if estimator == "score":
        value = functional.logsigmoid(logits).sum(-1) / len(eps)
        by_mean, by_log_std = (value @ eps) / std, value @ eps.square() - value.sum()
    else:
        each = logits.neg_().sigmoid_() @ signed
        by_mean, by_log_std = each.mean(0), (each * eps).mean(0) * std
    return torch.cat([by_mean - q.mean, by_log_std - std.square() + 1])


def gradient_moments(
    q: MeanField,
    features: Features,
    outcomes: Outcomes,
    *,
    estimator: Estimator,
    num_samples: int,
    generator: torch.Generator,
) -> GradientMoments:
    """Measure mean and variance of an estimator; takes the arguments of `gradient_draws`.

    Raises:
        ValueError: If `num_samples` is below 2.
    """
    if num_samples < 2:
        raise ValueError(f"`num_samples` must be at least 2, got {num_samples}.")
    draws = gradient_draws(
        q,
        features,
        outcomes,
        estimator=estimator,
        num_samples=num_samples,
        generator=generator,
    )
    return GradientMoments(mean=draws.mean(0), variance=draws.var(0), num_samples=num_samples)


def fit_mean_field(
    features: Features, outcomes: Outcomes, config: MeanFieldConfig | None = None, *, seed: int = 0
) -> MeanFieldFit:
    """Fit q by stochastic ascent of the ELBO, from mean 0 and a standard deviation of e^-1.

    Args:
        features: One row per point, about unit scale; see `with_intercept`.
        outcomes: Whether y = 1.
        config: Estimator, draws, steps.
        seed: Seed of the draws.

    Returns:
        The posterior; check `converged` before using it.

    Raises:
        ValueError: If a feature is not finite, or points and outcomes differ in number.
    """
    config = config or MeanFieldConfig()
    x = features.double()
    if not x.isfinite().all():
        raise ValueError("`features` must be finite, but some are not.")
    if len(x) != len(outcomes) or not len(x):
        raise ValueError(f"`outcomes` must be {len(x)}, one per point, got {len(outcomes)}.")
    noise = torch.Generator().manual_seed(seed)
    size = x.shape[1]
    ascent = _Adam(torch.cat([x.new_zeros(size), x.new_full((size,), -1.0)]))
    first = exact_gradient(ascent.q, x, outcomes).norm()
    elbos, rows = [], _signed(x, outcomes)
    for step in range(config.max_steps):
        q = ascent.q
        if step % config.record_every == 0:
            elbos.append(elbo(q, x, outcomes))
        eps = torch.randn(config.num_samples, size, generator=noise, dtype=x.dtype)
        gradient = _mean_gradient(q, rows, eps, config.estimator)
        share = 0.5 * (1 + np.cos(np.pi * step / config.max_steps))
        ascent.climb(gradient, config.learning_rate * share)
    elbos.append(elbo(ascent.q, x, outcomes))
    left = exact_gradient(ascent.q, x, outcomes).norm()
    return MeanFieldFit(
        posterior=ascent.q,
        elbos=torch.tensor(elbos, dtype=torch.float64),
        converged=bool(left < max(0.01 * first.item(), 0.2 * (2 * size) ** 0.5)),
    )


def predict(q: MeanField, features: Features) -> Predictive:
    """Average the prediction over q(w), with a 95 % credible interval.

    Args:
        q: A fitted posterior.
        features: Features of the points, in the form used for the fit.
    """
    x = features.double()
    location, scale = x @ q.mean, (x.square() @ q.std.square()).sqrt()
    nodes, weights = _quadrature()
    return Predictive(
        probs=torch.sigmoid(location[:, None] + scale[:, None] * nodes) @ weights,
        low=torch.sigmoid(location - 1.96 * scale),
        high=torch.sigmoid(location + 1.96 * scale),
    )


class _Adam:
    """Ascent by Adam on the 2 d parameters of q."""

    def __init__(self, start: Tensor) -> None:
        self.parameters = start
        self.first, self.second, self.steps = torch.zeros_like(start), torch.zeros_like(start), 0

    @property
    def q(self) -> MeanField:
        mean, log_std = self.parameters.chunk(2)
        return MeanField(mean, log_std)

    def climb(self, gradient: Tensor, rate: float) -> None:
        self.steps += 1
        self.first.lerp_(gradient, 0.1)
        self.second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        scale = (self.second / (1 - 0.99**self.steps)).sqrt_().add_(1e-8)
        rate /= 1 - 0.9**self.steps
        self.parameters = torch.addcdiv(self.parameters, self.first, scale, value=rate)


def _logits(q: MeanField, x: Features, outcomes: Outcomes) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and deviation of x . w under q, and +1 or -1 for y."""
    sign = torch.where(outcomes, 1.0, -1.0).to(x.dtype)
    scale = (x.square() @ q.std.square()).sqrt().clamp(min=1e-12)
    return x @ q.mean, scale, sign


def _kl(q: MeanField) -> Tensor:
    """KL(q(w) || N(0, I))."""
    return 0.5 * (q.mean.square() + q.std.square() - 1).sum() - q.log_std.sum()


def _kl_gradient(q: MeanField) -> Tensor:
    return torch.cat([q.mean, q.std.square() - 1])


@cache
def _quadrature() -> tuple[Tensor, Tensor]:
    """Return nodes and weights of an expectation under N(0, 1) (Gauss-Hermite)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
