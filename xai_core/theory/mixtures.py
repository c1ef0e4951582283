"""Gaussian mixtures by expectation maximisation: maximum likelihood, or maximum a posteriori.

    E-step:  r_nk = pi_k N(x_n; mu_k, Sigma_k) / sum_j pi_j N(x_n; mu_j, Sigma_j)
    M-step:  pi, mu and Sigma in closed form, from the points weighted by r_nk

Every iteration yields a state. The likelihood is unbounded: it diverges as a component shrinks to
a single point. Here covariances are at least `variance_floor` (each M-step is the exact maximum
under this constraint, so the objective still never decreases), and a state lists the components at
the floor. With the prior a maximum exists, away from the floor.

References:
    Maximum Likelihood from Incomplete Data via the EM Algorithm (Dempster et al., 1977)
    Bayesian Regularization for Normal Mixture Estimation and Model-Based Clustering (Fraley &
    Raftery, 2007), https://doi.org/10.1007/s00357-007-0004-5, for the conjugate prior.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError

__all__ = [
    "ConjugatePrior",
    "Covariance",
    "MixtureConfig",
    "MixtureFit",
    "MixtureParameters",
    "MixtureState",
    "fit_gaussian_mixture",
    "free_energy",
    "initial_parameters",
    "mixture_states",
    "reference_prior",
]

Covariance = Literal["spherical", "diagonal", "full"]
Points = Float[Tensor, "points latent"]
Responsibilities = Float[Tensor, "points clusters"]

LOG_2PI = math.log(2 * math.pi)
EMPTY = 1e-8
"""Total responsibility, in points, below which a component counts as empty."""


@dataclass(frozen=True, kw_only=True)
class ConjugatePrior:
    """Dirichlet on pi, normal-inverse-gamma (full: normal-inverse-Wishart) on mu and Sigma.

        pi ~ Dirichlet(concentration, ...)          mu_k | Sigma_k ~ N(mean, Sigma_k / strength)
        sigma_k^2 ~ InverseGamma(degrees / 2, scale / 2)     Sigma_k ~ IW(degrees, scale I)

    Attributes:
        mean: Expected mean of a component, one number per dimension.
        concentration: At least 1; 1 is uniform over pi.
        strength: Weight of the prior of a mean, in points.
        degrees: Weight of the prior of a covariance, in points; above dimensions - 1.
        scale: In squared units of the points; it keeps covariances non-singular.
    """

    mean: tuple[float, ...]
    concentration: float = 1.0
    strength: float = 0.01
    degrees: float = 4.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Raise an error for an improper prior."""
        if self.concentration < 1:
            raise ConfigError(f"`concentration` must be at least 1, got {self.concentration}.")
        for name, value, least in (
            ("strength", self.strength, 0.0),
            ("degrees", self.degrees, len(self.mean) - 1.0),
            ("scale", self.scale, 0.0),
        ):
            if value <= least:
                raise ConfigError(f"`{name}` must be above {least:g}, got {value:g}.")


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """Settings of a fit.

    Attributes:
        num_clusters: Number of components.
        covariance: Per component, one variance, one per dimension, or a full covariance matrix.
        prior: Prior for maximum a posteriori; None for maximum likelihood.
        max_steps: Maximum number of iterations.
        tolerance: Increase of the objective, in nats per point, below which it has converged.
        variance_floor: Least variance in any direction, in squared units of the points.
    """

    num_clusters: int
    covariance: Covariance = "full"
    prior: ConjugatePrior | None = None
    max_steps: int = 100
    tolerance: float = 1e-6
    variance_floor: float = 1e-6

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        for name in ("num_clusters", "max_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if self.covariance not in get_args(Covariance):
            choices = ", ".join(map(repr, get_args(Covariance)))
            raise ConfigError(f"`covariance` must be one of {choices}, got {self.covariance!r}.")
        if self.variance_floor <= 0:
            raise ConfigError(f"`variance_floor` must be above 0, got {self.variance_floor}.")


@dataclass(frozen=True, eq=False)
class MixtureParameters:
    """pi, mu and Sigma; covariances are full matrices for every kind."""

    weights: Float[Tensor, " clusters"]
    means: Float[Tensor, "clusters latent"]
    covariances: Float[Tensor, "clusters latent latent2"]


@dataclass(frozen=True, kw_only=True, eq=False)
class MixtureState:
    """One iteration: parameters, and the E-step under them.

    Attributes:
        step: 0 is the start.
        parameters: pi, mu, Sigma.
        responsibilities: Responsibilities of each component for each point; rows sum to one.
        log_likelihood: In nats, summed over points.
        log_prior: Log prior density of the parameters, up to a constant; 0 without a prior.
        degenerate: Components at the variance floor: the likelihood would diverge as they shrink.
        empty: Components without points, which keep their parameters.
    """

    step: int
    parameters: MixtureParameters
    responsibilities: Responsibilities
    log_likelihood: float
    log_prior: float
    degenerate: tuple[int, ...] = ()
    empty: tuple[int, ...] = ()

    @property
    def objective(self) -> float:
        """Return the objective, log likelihood plus log prior, which never decreases."""
        return self.log_likelihood + self.log_prior


@dataclass(frozen=True, kw_only=True, eq=False)
class MixtureFit:
    """Every state of a fit.

    Attributes:
        states: From the start to the last iteration.
        converged: Whether the objective converged; read `reason` if not.
        reason: Why the fit should not be trusted; empty if it can be.
    """

    states: tuple[MixtureState, ...]
    converged: bool
    reason: str

    @property
    def last(self) -> MixtureState:
        """Return the final state."""
        return self.states[-1]


def initial_parameters(
    points: Points, num_clusters: int, *, covariance: Covariance = "full", seed: int = 0
) -> MixtureParameters:
    """Initialise means by k-means++ and covariances by the data's.

    Raises:
        ValueError: If there are fewer points than components.
    """
    if len(points) < num_clusters:
        raise ValueError(f"{len(points)} points cannot start {num_clusters} components.")
    x, noise = points.double(), torch.Generator().manual_seed(seed)
    chosen = [int(torch.randint(len(x), (), generator=noise))]
    for _ in range(num_clusters - 1):
        nearest = torch.cdist(x, x[chosen]).amin(-1).square()
        share = nearest if nearest.sum() > 0 else torch.ones_like(nearest)
        chosen.append(int(torch.multinomial(share, 1, generator=noise)))
    centred = x - x.mean(0)
    spread = _shaped((centred.T @ centred / len(x)).unsqueeze(0), covariance)
    return MixtureParameters(
        weights=torch.full((num_clusters,), 1 / num_clusters, dtype=torch.float64),
        means=x[chosen],
        covariances=spread.expand(num_clusters, -1, -1).clone(),
    )


def reference_prior(points: Points, num_clusters: int) -> ConjugatePrior:
    """Return the weak prior of Fraley and Raftery, from the data's mean and covariance.

    The expected volume of a component is 1/K of the data's.
    """
    x = points.double()
    dim = x.shape[1]
    variance = x.var(0, correction=0).mean().clamp(min=1e-12).item()
    return ConjugatePrior(
        mean=tuple(x.mean(0).tolist()),
        degrees=dim + 2.0,
        scale=variance / num_clusters ** (2 / dim),
    )


def mixture_states(
    points: Points, config: MixtureConfig, start: MixtureParameters
) -> Iterator[MixtureState]:
    """Iterate EM from initial parameters, yielding one state per iteration without end.

    Args:
        points: What is fitted.
        config: Kind of covariance, prior, floor.
        start: Parameters of state 0.

    Raises:
        ValueError: If points are not finite, or start or prior has other dimensions.
    """
    x = points.double()
    _check(x, config, start)
    parameters, degenerate = _floored(start, config)
    empty: tuple[int, ...] = ()
    step = 0
    while True:
        log_joint = _log_joint(x, parameters)
        state = MixtureState(
            step=step,
            parameters=parameters,
            responsibilities=log_joint.softmax(-1),
            log_likelihood=log_joint.logsumexp(-1).sum().item(),
            log_prior=_log_prior(parameters, config),
            degenerate=degenerate,
            empty=empty,
        )
        yield state
        parameters, degenerate, empty = _maximise(x, state, config)
        step += 1


def fit_gaussian_mixture(
    points: Points,
    config: MixtureConfig,
    *,
    start: MixtureParameters | None = None,
    seed: int = 0,
) -> MixtureFit:
    """Run EM until the objective converges or the step limit is reached.

    Args:
        points: The points, at least as many as components.
        config: What is fitted.
        start: Initial parameters; None for `initial_parameters` with `seed`.
        seed: Seed of the start.

    Returns:
        All states; read `reason` before trusting the last.
    """
    if start is None:
        start = initial_parameters(
            points, config.num_clusters, covariance=config.covariance, seed=seed
        )
    states: list[MixtureState] = []
    converged = False
    for state in mixture_states(points, config, start):
        states.append(state)
        if len(states) > 1:
            rise = (state.objective - states[-2].objective) / len(points)
            converged = rise < config.tolerance
        if converged or state.step == config.max_steps:
            break
    return MixtureFit(states=tuple(states), converged=converged, reason=_reason(states, converged))


def free_energy(
    points: Points, responsibilities: Responsibilities, parameters: MixtureParameters
) -> float:
    """Evaluate F(q, theta) = E_q[log p(x, z|theta)] + H(q), summed over points, in nats.

    The log likelihood is at least F, with equality if q(z) is p(z|x, theta).

    Args:
        points: x.
        responsibilities: q(z): rows sum to one.
        parameters: theta.
    """
    log_joint = _log_joint(points.double(), parameters)
    entropy = torch.special.entr(responsibilities).sum()
    return ((responsibilities * log_joint).sum() + entropy).item()


def _reason(states: list[MixtureState], converged: bool) -> str:
    last, text = states[-1], []
    if last.degenerate:
        text.append(
            f"Component {_listed(last.degenerate)} has shrunk to the variance floor: the "
            "likelihood has no maximum there. Use a prior, or fewer components."
        )
    if last.empty:
        text.append(f"Component {_listed(last.empty)} has no points left. Use fewer components.")
    if not converged:
        text.append(f"The objective was still rising after {last.step} iterations.")
    return " ".join(text)


def _listed(components: tuple[int, ...]) -> str:
    return ", ".join(map(str, components))


def _check(x: Points, config: MixtureConfig, start: MixtureParameters) -> None:
    if not x.isfinite().all():
        raise ValueError("`points` must be finite, but some are not.")
    shape = (config.num_clusters, x.shape[1])
    if start.means.shape != shape:
        raise ValueError(
            f"`start` must have means of shape {shape}, got {tuple(start.means.shape)}."
        )
    if config.prior is not None and len(config.prior.mean) != x.shape[1]:
        raise ValueError(
            f"`prior.mean` must have {x.shape[1]} numbers, got {len(config.prior.mean)}."
        )


def _log_joint(x: Points, parameters: MixtureParameters) -> Responsibilities:
    """Evaluate log pi_k + log N(x; mu_k, Sigma_k)."""
    factor = torch.linalg.cholesky(parameters.covariances)
    centred = x.unsqueeze(0) - parameters.means.unsqueeze(1)
    white = torch.linalg.solve_triangular(factor, centred.mT, upper=False)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    density = -0.5 * (white.square().sum(1).mT + log_det + x.shape[1] * LOG_2PI)
    return density + parameters.weights.log()


def _maximise(
    x: Points, state: MixtureState, config: MixtureConfig
) -> tuple[MixtureParameters, tuple[int, ...], tuple[int, ...]]:
    """Take the M-step: the exact maximum of the expected objective under the floor."""
    r, before, prior = state.responsibilities, state.parameters, config.prior
    counts = r.sum(0)
    empty = counts < EMPTY
    safe = counts.clamp(min=EMPTY)
    average = r.mT @ x / safe.unsqueeze(-1)
    centred = x.unsqueeze(0) - average.unsqueeze(1)
    scatter = torch.einsum("nk,kni,knj->kij", r, centred, centred)
    if prior is None:
        means, covariances = average, _mode(scatter, safe, config)
        empties = empty
    else:
        means, covariances = _posterior_mode(average, scatter, counts, prior, config)
        empties = torch.zeros_like(empty)  # the prior determines a component without points
    if empties.any():
        means = torch.where(empties[:, None], before.means, means)
        covariances = torch.where(empties[:, None, None], before.covariances, covariances)
    extra = 0.0 if prior is None else prior.concentration - 1
    weights = (counts + extra) / (len(x) + config.num_clusters * extra)
    raw = MixtureParameters(weights / weights.sum(), means, covariances)
    parameters, degenerate = _floored(raw, config)
    return parameters, degenerate, _where(empties)


def _mode(scatter: Tensor, counts: Tensor, config: MixtureConfig) -> Tensor:
    """Evaluate the maximum-likelihood covariances."""
    return _shaped(scatter / counts[:, None, None], config.covariance)


def _posterior_mode(
    average: Tensor, scatter: Tensor, counts: Tensor, prior: ConjugatePrior, config: MixtureConfig
) -> tuple[Tensor, Tensor]:
    """Evaluate the joint mode of mu and Sigma under the conjugate prior."""
    dim = average.shape[1]
    expected = torch.tensor(prior.mean, dtype=torch.float64)
    total = prior.strength + counts
    means = (prior.strength * expected + counts[:, None] * average) / total[:, None]
    away = average - expected
    pull = (prior.strength * counts / total)[:, None, None] * away[:, :, None] * away[:, None, :]
    summed = scatter + pull
    unit = torch.eye(dim, dtype=torch.float64)
    if config.covariance == "full":
        degrees = prior.degrees + counts + dim + 2
        return means, (summed + prior.scale * unit) / degrees[:, None, None]
    if config.covariance == "diagonal":
        degrees = prior.degrees + counts + 3
        return means, (torch.diag_embed(summed.diagonal(dim1=1, dim2=2)) + prior.scale * unit) / (
            degrees[:, None, None]
        )
    degrees = prior.degrees + dim * (counts + 1) + 2
    trace = summed.diagonal(dim1=1, dim2=2).sum(-1)
    return means, ((trace + prior.scale) / degrees)[:, None, None] * unit


def _log_prior(parameters: MixtureParameters, config: MixtureConfig) -> float:
    """Evaluate log p(pi, mu, Sigma) up to a constant."""
    prior = config.prior
    if prior is None:
        return 0.0
    covariances = parameters.covariances
    dim = covariances.shape[-1]
    away = parameters.means - torch.tensor(prior.mean, dtype=torch.float64)
    inverse = torch.linalg.inv(covariances)
    distance = torch.einsum("ki,kij,kj->k", away, inverse, away)
    log_det = torch.linalg.slogdet(covariances).logabsdet
    of_means = -0.5 * (log_det + prior.strength * distance)
    traces = inverse.diagonal(dim1=1, dim2=2).sum(-1)
    if config.covariance == "full":
        of_spread = -0.5 * ((prior.degrees + dim + 1) * log_det + prior.scale * traces)
    elif config.covariance == "diagonal":
        of_spread = -0.5 * ((prior.degrees + 2) * log_det + prior.scale * traces)
    else:
        of_spread = -0.5 * ((prior.degrees + 2) * log_det + prior.scale * traces) / dim
    of_weights = 0.0
    if prior.concentration > 1:
        of_weights = (prior.concentration - 1) * parameters.weights.log().sum().item()
    return (of_means + of_spread).sum().item() + of_weights


def _shaped(covariances: Tensor, covariance: Covariance) -> Tensor:
    """Return the full matrix, its diagonal, or the mean of its diagonal."""
    if covariance == "full":
        return covariances
    diagonal = covariances.diagonal(dim1=1, dim2=2)
    if covariance == "spherical":
        diagonal = diagonal.mean(-1, keepdim=True).expand_as(diagonal)
    return torch.diag_embed(diagonal)


def _floored(
    parameters: MixtureParameters, config: MixtureConfig
) -> tuple[MixtureParameters, tuple[int, ...]]:
    """Clamp variances at the floor, the constrained maximum of a Gaussian's likelihood."""
    values, vectors = torch.linalg.eigh(parameters.covariances)
    low = (values < config.variance_floor * (1 + 1e-9)).any(-1)
    covariances = parameters.covariances
    if low.any():
        lifted = vectors @ torch.diag_embed(values.clamp(min=config.variance_floor)) @ vectors.mT
        covariances = torch.where(low[:, None, None], lifted, covariances)
    floored = MixtureParameters(parameters.weights, parameters.means, covariances)
    return floored, _where(low)


def _where(mask: Tensor) -> tuple[int, ...]:
    return tuple(mask.nonzero().flatten().tolist())
