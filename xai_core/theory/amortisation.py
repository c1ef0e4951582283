"""The two parts of an encoder's inference gap, of the code of one image, in nats.

    ELBO(q) = E_q(z|x)[log p(x, z) - log q(z|x)],   log p(x) - ELBO(q) = KL(q(z|x) || p(z|x))

The cluster is summed out of p(x, z), so that the gap is that of the code alone. Among all
Gaussians with a diagonal covariance there is a best one for the image; the encoder's is another:

    log p(x) - ELBO(encoder) = [log p(x) - ELBO(best)] + [ELBO(best) - ELBO(encoder)]
                               approximation gap         amortisation gap

The best Gaussian is found by gradient ascent on the reparameterised bound, from the encoder's
output. Each step draws new noise: Gaussians fitted to a few fixed draws are worse on others. All
bounds of a result are averages over one set of draws, which the ascent has not seen.

log p(x) is estimated by importance sampling. The best Gaussian is narrower than p(z|x), as every
mean-field fit is, so the importance samples have larger deviations. On average, the logarithm of
the mean weight is below log p(x), so the approximation gap is underestimated.

References:
    Inference Suboptimality in Variational Autoencoders (Cremer, Li & Duvenaud, 2018),
    https://arxiv.org/abs/1801.03558
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
WIDER = 1.2
"""Factor on the best Gaussian's deviations where log p(x) is estimated."""


@dataclass(frozen=True, kw_only=True)
class BestGaussianConfig:
    """Settings of the search for the best Gaussian of an image.

    Attributes:
        max_steps: Number of steps of Adam.
        num_samples: Draws of z per step, in pairs of opposite noise.
        learning_rate: Initial learning rate of means and log variances; falls to 0 as a cosine.
        record_every: Steps between two points of the path.
        num_draws: Number of draws over which each bound is averaged.
        evidence_draws: Number of importance samples for log p(x).
    """

    max_steps: int = 60
    num_samples: int = 8
    learning_rate: float = 0.05
    record_every: int = 12
    num_draws: int = 300
    evidence_draws: int = 1000

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        for name in ("max_steps", "record_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        for name in ("num_samples", "num_draws", "evidence_draws"):
            if getattr(self, name) < 2:
                raise ConfigError(f"`{name}` must be at least 2, got {getattr(self, name)}.")
        if self.num_samples % 2:
            raise ConfigError(f"`num_samples` must be even, got {self.num_samples}.")
        if not 0 < self.learning_rate < 10:
            raise ConfigError(f"`learning_rate` must be in (0, 10), got {self.learning_rate}.")


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
    noise = _noise(config.num_draws, mean, generator)
    steps, path = _ascend(log_joint, mean, log_var, config, generator)
    weights = torch.stack([_log_weights(log_joint, *at, noise) for at in path])
    elbos, errors = weights.mean(1), weights.std(1) / math.sqrt(config.num_draws)
    best = int(elbos.argmax())
    wide = (path[best][0], path[best][1] + 2 * math.log(WIDER))
    count = config.evidence_draws
    evidence = _log_weights(log_joint, *wide, _noise(count, mean, generator))
    effective = (2 * evidence.logsumexp(0) - (2 * evidence).logsumexp(0)).exp().item()
    gained = weights[best] - weights[0]
    return InferenceGaps(
        steps=tuple(steps),
        elbos=tuple(elbos.tolist()),
        errors=tuple(errors.tolist()),
        gained_error=gained.std().item() / math.sqrt(config.num_draws),
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


def _ascend(
    log_joint: LogJoint,
    mean: Code,
    log_var: Code,
    config: BestGaussianConfig,
    noise: torch.Generator,
) -> tuple[list[int], list[tuple[Code, Code]]]:
    """Return the steps of the path, and the mean and log variance at each."""
    at = [start.detach().clone().requires_grad_() for start in (mean, log_var)]
    ascent = torch.optim.Adam(at, config.learning_rate, betas=(0.9, 0.99), maximize=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(ascent, config.max_steps)
    steps, path = [0], [(mean, log_var)]
    for step in range(1, config.max_steps + 1):
        half = _noise(config.num_samples // 2, mean, noise)
        z = at[0] + (0.5 * at[1]).exp() * torch.cat([half, -half])
        bound = log_joint(z).mean() + normal_entropy(at[1][None])[0]
        ascent.zero_grad()
        bound.backward()
        ascent.step()
        decay.step()
        if step % config.record_every == 0 or step == config.max_steps:
            steps.append(step)
            path.append((at[0].detach().clone(), at[1].detach().clone()))
    return steps, path


def _noise(rows: int, like: Code, generator: torch.Generator) -> Latents:
    return torch.randn(rows, len(like), generator=generator, device=like.device, dtype=like.dtype)


@torch.no_grad()
def _log_weights(
    log_joint: LogJoint, mean: Code, log_var: Code, noise: Float[Tensor, "draws latent"]
) -> Float[Tensor, " draws"]:
    """Evaluate log p(x, z) - log q(z|x) at the draws that some noise gives, in float64."""
    z = mean + (0.5 * log_var).exp() * noise
    joint = torch.cat([log_joint(codes) for codes in z.split(ROWS)])
    own = (mean.double(), log_var.double())
    log_posterior = normal_log_prob(z.double(), *(part.expand_as(z) for part in own))
    return (joint.double() - log_posterior).cpu()
