"""The two parts of an encoder's inference gap, of the code of one image, in nats.

    ELBO(q) = E_q(z|x)[log p(x, z) - log q(z|x)],   log p(x) - ELBO(q) = KL(q(z|x) || p(z|x))

The cluster is summed out of p(x, z), so that the gap is that of the code alone. Among all
Gaussians with a diagonal covariance there is a best one for the image; the encoder's is another:

    log p(x) - ELBO(encoder) = [log p(x) - ELBO(best)] + [ELBO(best) - ELBO(encoder)]
                               approximation gap         amortisation gap

At the best Gaussian N(mu, diag(s^2)), E_q[d log p(x, z) / dz] = 0 and
1 / s_i^2 = E_q[-d^2 log p(x, z) / dz_i^2]. Each step of the search solves both for the current
averages, a Newton step whose Hessian follows from gradients alone:
s_j E_q[d^2 log p / dz_i dz_j] = E_q[eps_j d log p / dz_i] for z = mu + s eps (Stein's lemma).
A step's draws are the 2 d points +-sqrt(d) e_i in random rotations, for which averages of cubic
polynomials are exact.

All bounds of a result are averages over one set of draws, which the search has not seen. The
search's Hessian gives a quadratic model of log p(x, z) whose expectation has a closed form; it is
the control variate.

log p(x) is estimated by importance sampling from a Gaussian with that Hessian's full covariance,
slightly widened: the best Gaussian with a diagonal covariance is narrower than p(z|x). On average,
the logarithm of the mean weight is below log p(x), so the approximation gap is underestimated.

References:
    Inference Suboptimality in Variational Autoencoders (Cremer, Li & Duvenaud, 2018),
    https://arxiv.org/abs/1801.03558
    The Variational Gaussian Approximation Revisited (Opper & Archambeau, 2009), for the two
    equations, https://doi.org/10.1162/neco.2008.08-07-592
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Latents
from ..errors import ConfigError
from ..models.distributions import normal_entropy, normal_log_prob
from ..models.vae import ClusterVAE

__all__ = ["BestGaussianConfig", "InferenceGaps", "inference_gaps", "log_joint_of"]

LogJoint = Callable[[Latents], Float[Tensor, " batch"]]
"""log p(x, z) of one image, at some codes."""
Code = Float[Tensor, " latent"]
ROWS = 250
"""Number of codes decoded at once."""
PAIRS = 16
"""Least number of pairs of draws per step of the search."""
WIDER = 1.2
"""Factor on the deviations of the Gaussian from which log p(x) is estimated."""
ENOUGH = 0.2
"""Gain in nats that a step must predict for another to follow."""
SLACK = 0.5
"""Fall of the estimated ELBO in nats above which a step is halved."""
FLATTEST = 0.1
"""Least curvature of log p(x, z) along any direction, in a Gaussian's own deviations."""


@dataclass(frozen=True, kw_only=True)
class BestGaussianConfig:
    """Settings of the search for the best Gaussian of an image.

    Attributes:
        max_steps: Maximum number of Newton steps, of two draws of z per latent dimension each.
        num_draws: Number of draws over which each bound is averaged, in pairs of opposite noise.
        evidence_draws: Number of importance samples for log p(x).
    """

    max_steps: int = 12
    num_draws: int = 40
    evidence_draws: int = 150

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        if self.max_steps < 1:
            raise ConfigError(f"`max_steps` must be at least 1, got {self.max_steps}.")
        if self.num_draws < 4 or self.num_draws % 2:
            raise ConfigError(f"`num_draws` must be even, 4 or more, got {self.num_draws}.")
        if self.evidence_draws < 2:
            raise ConfigError(f"`evidence_draws` must be at least 2, got {self.evidence_draws}.")


@dataclass(frozen=True, kw_only=True)
class InferenceGaps:
    """The ascent from the encoder's Gaussian to the best one, and log p(x).

    Attributes:
        steps: Steps of the path; 0 is the encoder's Gaussian.
        elbos: ELBO at each, in nats, over the same draws.
        errors: Their standard errors, in nats.
        gained_error: Standard error of the amortisation gap; smaller than that of its bounds,
            which share their draws.
        log_evidence: log p(x) by importance sampling, in nats.
        log_evidence_error: Its standard error by the delta method, in nats.
        effective: Effective sample size of its draws.
    """

    steps: tuple[int, ...]
    elbos: tuple[float, ...]
    errors: tuple[float, ...]
    gained_error: float
    log_evidence: float
    log_evidence_error: float
    effective: float

    @property
    def best(self) -> int:
        """Return the index of the step with the highest ELBO."""
        return max(range(len(self.elbos)), key=lambda place: self.elbos[place])

    @property
    def approximation(self) -> float:
        """Subtract the best Gaussian's ELBO from log p(x)."""
        return self.log_evidence - self.elbos[self.best]

    @property
    def amortisation(self) -> float:
        """Subtract the encoder's ELBO from that of the best Gaussian; at least 0."""
        return self.elbos[self.best] - self.elbos[0]


def inference_gaps(
    log_joint: LogJoint,
    mean: Code,
    log_var: Code,
    config: BestGaussianConfig | None = None,
    *,
    seed: int = 0,
) -> InferenceGaps:
    """Split the inference gap of one image into approximation and amortisation gap.

    Args:
        log_joint: log p(x, z) at some codes, in nats, differentiable.
        mean: Mean of the encoder's q(z|x).
        log_var: Log variance of the encoder's q(z|x).
        config: Steps and draws.
        seed: Seed of the noise.
    """
    config = config or BestGaussianConfig()
    generator = torch.Generator(mean.device).manual_seed(seed)
    path = _search(log_joint, mean, log_var, config.max_steps, generator)
    half = _noise(config.num_draws // 2, mean, generator)
    each = torch.stack([_bounds(log_joint, at, half) for at in path])
    elbos, errors = each.mean(1), each.std(1) / math.sqrt(each.shape[1])
    best, count = int(elbos.argmax()), config.evidence_draws
    evidence = _log_weights(log_joint, path[best], _noise(count, mean, generator))
    effective = (2 * evidence.logsumexp(0) - (2 * evidence).logsumexp(0)).exp().item()
    gained = each[best] - each[0]
    return InferenceGaps(
        steps=tuple(at.step for at in path),
        elbos=tuple(elbos.tolist()),
        errors=tuple(errors.tolist()),
        gained_error=gained.std().item() / math.sqrt(len(gained)),
        log_evidence=evidence.logsumexp(0).item() - math.log(count),
        log_evidence_error=math.sqrt(max(1 / effective - 1 / count, 0.0)),
        effective=effective,
    )


def log_joint_of(model: ClusterVAE, x: Float[Tensor, "1 channels height width"]) -> LogJoint:
    """Return log p(x, z) of one image as a function of codes, the sum over c exact."""
    uniform = math.log(model.config.num_clusters)

    def log_joint(z: Latents) -> Float[Tensor, " batch"]:
        likelihood = model.log_likelihood_given_cluster(x.expand(len(z), -1, -1, -1), z)
        prior = model.prior.log_prob_given_cluster(z)
        return (likelihood + prior).logsumexp(-1) - uniform

    return log_joint


@dataclass(frozen=True, kw_only=True, eq=False)
class _Gaussian:
    """A Gaussian of the search, and log p(x, z) about it for z = mean + std * eps.

    `bound` estimates its ELBO; `slope` and `curvature` are the averages of the gradient and of the
    negative Hessian with respect to eps.
    """

    step: int
    mean: Code
    log_var: Code
    bound: float
    slope: Code
    curvature: Float[Tensor, "latent latent"]

    @property
    def std(self) -> Code:
        return (0.5 * self.log_var).exp()

    @property
    def convex(self) -> Float[Tensor, "latent latent"]:
        """Return `curvature` with eigenvalues of at least `FLATTEST`."""
        values, vectors = torch.linalg.eigh(self.curvature)
        return (vectors * values.clamp(min=FLATTEST)) @ vectors.mT

    def next(self) -> tuple[Code, Code, float]:
        """Return mean and log variance after a Newton step, and the gain it predicts in nats."""
        shift, diagonal = torch.linalg.solve(self.convex, self.slope), self.convex.diagonal()
        gain = 0.5 * (self.slope @ shift + (diagonal - 1 - diagonal.log()).sum())
        return self.mean + self.std * shift, self.log_var - diagonal.log(), gain.item()


def _search(
    log_joint: LogJoint, mean: Code, log_var: Code, most: int, noise: torch.Generator
) -> list[_Gaussian]:
    """Return the Gaussians of the path, the first the given one."""
    path, gain = [_at(log_joint, 0, mean, log_var, noise)], math.inf
    for step in range(1, most + 1):
        if gain < ENOUGH:
            break
        if path[-1].step == step - 1:
            mean, log_var, gain = path[-1].next()
        found = _at(log_joint, step, mean, log_var, noise)
        if found.bound > path[-1].bound - SLACK:
            path.append(found)
        else:
            mean, log_var = (mean + path[-1].mean) / 2, (log_var + path[-1].log_var) / 2
    return path


def _at(
    log_joint: LogJoint, step: int, mean: Code, log_var: Code, noise: torch.Generator
) -> _Gaussian:
    """Evaluate log p(x, z) about a Gaussian."""
    eps, std = _orthogonal(mean, noise), (0.5 * log_var).exp()
    with torch.enable_grad():
        z = (mean + std * eps).requires_grad_()
        values = log_joint(z)
        (slopes,) = torch.autograd.grad(values.sum(), z)
    slopes = slopes * std
    curvature = -(slopes.mT @ eps) / len(eps)
    return _Gaussian(
        step=step,
        mean=mean,
        log_var=log_var,
        bound=(values.detach().mean() + normal_entropy(log_var[None])[0]).item(),
        slope=slopes.mean(0),
        curvature=0.5 * (curvature + curvature.mT),
    )


def _orthogonal(like: Code, generator: torch.Generator) -> Latents:
    """Return the points +-sqrt(d) e_i in random rotations, at least `PAIRS` pairs."""
    size = len(like)
    turns = torch.linalg.qr(
        torch.stack([_noise(size, like, generator) for _ in range(math.ceil(PAIRS / size))])
    )[0].flatten(0, 1)
    return math.sqrt(size) * torch.cat([turns, -turns])


def _noise(rows: int, like: Code, generator: torch.Generator) -> Latents:
    return torch.randn(rows, len(like), generator=generator, device=like.device, dtype=like.dtype)


@torch.no_grad()
def _bounds(log_joint: LogJoint, q: _Gaussian, half: Latents) -> Float[Tensor, " pairs"]:
    """Estimate the ELBO from each pair of opposite draws, with the quadratic as control variate.

    A pair's average of the linear part is 0.
    """
    joint = _of_rows(log_joint, q.mean + q.std * torch.cat([half, -half])).double()
    away = q.curvature.trace() - ((half @ q.curvature) * half).sum(-1)
    return (joint.reshape(2, -1).mean(0) - 0.5 * away + normal_entropy(q.log_var[None])).cpu()


@torch.no_grad()
def _log_weights(
    log_joint: LogJoint, q: _Gaussian, noise: Float[Tensor, "draws latent"]
) -> Float[Tensor, " draws"]:
    """Evaluate log p(x, z) - log q'(z) at draws of q', with the full covariance, widened."""
    root = torch.linalg.cholesky(q.convex).mT / WIDER
    eps = torch.linalg.solve_triangular(root, noise.mT, upper=True).mT
    z = q.mean + q.std * (torch.linalg.solve(q.convex, q.slope) + eps)
    standard = torch.zeros_like(noise)
    log_q = normal_log_prob(noise, standard, standard)
    log_q = log_q + root.diagonal().log().sum() - 0.5 * q.log_var.sum()
    return (_of_rows(log_joint, z) - log_q).double().cpu()


def _of_rows(log_joint: LogJoint, z: Latents) -> Float[Tensor, " rows"]:
    return torch.cat([log_joint(codes) for codes in z.split(ROWS)])
