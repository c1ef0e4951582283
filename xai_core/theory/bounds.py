"""One model's bounds under both factorisations, their difference, and log p(x), in nats.

With q(z|x) shared, q(z, c|x) = q(c|z) q(z|x) gives

    L  = E_q(z|x)[E_q(c|z)[log p(x|z, c)] - log q(z|x) + E_q(c|z)[log p(z|c)] - KL(q(c|z) || p(c))]

and q(c|x) in the place of q(c|z) gives L^. The entropies of q(z|x) cancel, so that

    L - L^ =  E_q(z|x) E_q(c|z)[log p(x|z, c)]  -  E_q(z|x) E_q(c|x)[log p(x|z, c)]
            + E_q(z|x) E_q(c|z)[log p(z|c)]     -  E_q(z|x) E_q(c|x)[log p(z|c)]
            - E_q(z|x)[KL(q(c|z) || p(c))]      +  KL(q(c|x) || p(c))

which are the six expectations of `SixExpectations`. With q(c|x) = E_q(z|x)[q(c|z)] the last line
is at most 0 (Jensen), so Jensen's inequality does not give L >= L^. The sign follows from

    L - L^ = E_q(z|x)[KL(q(c|x) || p(c|x, z)) - KL(q(c|z) || p(c|x, z))]

Where q(c|z) = p(c|z) and the decoder does not read c, p(c|x, z) = p(c|z), the second divergence
is 0 and L >= L^ for any q(c|x). With a decoder that reads c either sign occurs.

For a fixed q(z|x), L^ = const - KL(q(c|x) || q*) with q*(c) proportional to
p(c) exp E_q(z|x)[log p(x|z, c) + log p(z|c)]: the best q(c|x) is q*, not 1/K.

For a model of either factorisation both bounds are evaluated: q(c|z) is p(c|z), the mixture's
responsibilities, and q(c|x) is the encoder's branch or the average of q(c|z).

References:
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), https://arxiv.org/abs/1312.6114
    Importance Weighted Autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    Variational Deep Embedding (Jiang et al., 2017), https://arxiv.org/abs/1611.05148
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images, Latents, Probs
from ..latent_space.encoding import evaluating
from ..models.distributions import (
    categorical_kl_to_uniform,
    draw_normal,
    normal_entropy,
    normal_log_prob,
)
from ..models.vae import ClusterVAE, ElboTerms

__all__ = [
    "SAMPLE_COUNTS",
    "Draws",
    "EvidenceCurve",
    "SixExpectations",
    "best_cluster_probs",
    "bound_difference",
    "bound_given_x",
    "bound_given_z",
    "cluster_divergence",
    "differences_by_draw",
    "draw",
    "evidence_curve",
    "inference_gap",
    "jensen_sides",
    "six_expectations",
]

SAMPLE_COUNTS = (1, 5, 10, 50, 100, 500, 1000, 2000)
"""Values of k for the importance-sampled log p(x); each divides the next, so groups nest."""
ROWS = 250
"""Images decoded at once; over all clusters if the decoder is conditioned on c."""

PerImage = Float[Tensor, " batch"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Draws of z from q(z|x) and every log density at them, float64, on the CPU.

    All bounds use the same draws, so identities of expectations hold for these averages up to
    rounding.

    Attributes:
        mean: Mean of q(z|x).
        log_var: Log variance of q(z|x).
        encoder_probs: The encoder's q(c|x); None under "c_given_z", which has no such branch.
        z: The draws.
        log_likelihood: log p(x|z, c).
        log_prior: log p(z|c).
        log_posterior: log q(z|x).
    """

    mean: Latents
    log_var: Latents
    encoder_probs: Probs | None
    z: Float[Tensor, "samples batch latent"]
    log_likelihood: Float[Tensor, "samples batch clusters"]
    log_prior: Float[Tensor, "samples batch clusters"]
    log_posterior: Float[Tensor, "samples batch"]

    @property
    def given_z(self) -> Float[Tensor, "samples batch clusters"]:
        """Evaluate q(c|z) = p(c|z) at each draw."""
        return self.log_prior.softmax(-1)

    @property
    def average(self) -> Probs:
        """Evaluate q(c|x) = E_q(z|x)[q(c|z)]."""
        return self.given_z.mean(0)

    @property
    def log_weights(self) -> Float[Tensor, "samples batch"]:
        """Evaluate log p(x, z) - log q(z|x), the sum over c exact."""
        clusters = self.log_prior.shape[-1]
        log_joint = (self.log_likelihood + self.log_prior).logsumexp(-1) - math.log(clusters)
        return log_joint - self.log_posterior


@dataclass(frozen=True, kw_only=True, eq=False)
class SixExpectations:
    """The six expectations whose signed sum is L - L^, per image, in nats.

    Attributes:
        likelihood_given_z: E_q(z|x) E_q(c|z)[log p(x|z, c)], added.
        likelihood_given_x: E_q(z|x) E_q(c|x)[log p(x|z, c)], subtracted.
        prior_given_z: E_q(z|x) E_q(c|z)[log p(z|c)], added.
        prior_given_x: E_q(z|x) E_q(c|x)[log p(z|c)], subtracted.
        kl_given_z: E_q(z|x)[KL(q(c|z) || p(c))], subtracted.
        kl_given_x: KL(q(c|x) || p(c)), added.
    """

    likelihood_given_z: PerImage
    likelihood_given_x: PerImage
    prior_given_z: PerImage
    prior_given_x: PerImage
    kl_given_z: PerImage
    kl_given_x: PerImage

    @property
    def likelihood_pair(self) -> PerImage:
        """Subtract the two likelihoods; 0 where the decoder does not read c."""
        return self.likelihood_given_z - self.likelihood_given_x

    @property
    def prior_pair(self) -> PerImage:
        """Subtract the two priors."""
        return self.prior_given_z - self.prior_given_x

    @property
    def kl_pair(self) -> PerImage:
        """Subtract the two divergences; at most 0 where q(c|x) is the average of q(c|z)."""
        return self.kl_given_x - self.kl_given_z

    @property
    def difference(self) -> PerImage:
        """Sum the pairs to L - L^."""
        return self.likelihood_pair + self.prior_pair + self.kl_pair


@dataclass(frozen=True, kw_only=True, eq=False)
class EvidenceCurve:
    """Importance-sampled log p(x) of one image against the number of draws k, in nats.

    Attributes:
        counts: k, ascending.
        mean: Mean of the estimates, one per group of k draws; never falls with k.
        low: Their 10th percentile; for a single group, one standard error below by the delta
            method.
        high: Their 90th percentile, or one standard error above.
        groups: Number of estimates for each k.
        effective: Effective sample size of the largest group, (sum w)^2 / sum w^2.
    """

    counts: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    groups: tuple[int, ...]
    effective: float


@torch.inference_mode()
def draw(model: ClusterVAE, x: Images, *, num_samples: int, generator: torch.Generator) -> Draws:
    """Draw z from q(z|x) and evaluate every log density; only this step runs the networks.

    Args:
        model: The model, on the device of `x`.
        x: Images; binary ones for the bound of a Bernoulli likelihood.
        num_samples: Draws per image.
        generator: Source of the noise, on the same device.

    Raises:
        ValueError: If `num_samples` is below 1.
    """
    if num_samples < 1:
        raise ValueError(f"`num_samples` must be at least 1, got {num_samples}.")
    with evaluating(model):
        posterior = model.encode(x)
        noise = [draw_normal(posterior.mean, generator) for _ in range(num_samples)]
        z = posterior.mean + torch.exp(0.5 * posterior.log_var) * torch.stack(noise)
        log_likelihood = _log_likelihood(model, x, z)
    mean, log_var = posterior.mean.double(), posterior.log_var.double()
    wide = z.double()
    flat = wide.flatten(0, 1)
    log_prior = model.prior.log_prob_given_cluster(flat).reshape(*z.shape[:2], -1)
    has_branch = model.config.factorisation == "c_given_x"
    return Draws(
        mean=mean.cpu(),
        log_var=log_var.cpu(),
        encoder_probs=posterior.cluster_logits.double().softmax(-1).cpu() if has_branch else None,
        z=wide.cpu(),
        log_likelihood=log_likelihood.double().cpu(),
        log_prior=log_prior.cpu(),
        log_posterior=normal_log_prob(
            flat, mean.repeat(num_samples, 1), log_var.repeat(num_samples, 1)
        )
        .reshape(z.shape[:2])
        .cpu(),
    )


def bound_given_z(draws: Draws) -> ElboTerms:
    """Evaluate L, with q(c|z) = p(c|z) at each draw."""
    probs = draws.given_z
    return ElboTerms(
        reconstruction=(probs * draws.log_likelihood).sum(-1).mean(0),
        expected_log_prior=(probs * draws.log_prior).sum(-1).mean(0),
        kl_c=_mean_kl(probs),
        entropy_z=normal_entropy(draws.log_var),
    )


def bound_given_x(draws: Draws, cluster_probs: Probs | None = None) -> ElboTerms:
    """Evaluate L^, with one q(c|x) for all draws of an image.

    Args:
        draws: From `draw`.
        cluster_probs: q(c|x); the average of q(c|z) where None.
    """
    probs = draws.average if cluster_probs is None else cluster_probs
    return ElboTerms(
        reconstruction=(probs * draws.log_likelihood).sum(-1).mean(0),
        expected_log_prior=(probs * draws.log_prior).sum(-1).mean(0),
        kl_c=categorical_kl_to_uniform(probs),
        entropy_z=normal_entropy(draws.log_var),
    )


def six_expectations(draws: Draws, cluster_probs: Probs | None = None) -> SixExpectations:
    """Evaluate the six expectations of L - L^; `cluster_probs` as in `bound_given_x`."""
    given_z, given_x = bound_given_z(draws), bound_given_x(draws, cluster_probs)
    return SixExpectations(
        likelihood_given_z=given_z.reconstruction,
        likelihood_given_x=given_x.reconstruction,
        prior_given_z=given_z.expected_log_prior,
        prior_given_x=given_x.expected_log_prior,
        kl_given_z=given_z.kl_c,
        kl_given_x=given_x.kl_c,
    )


def cluster_divergence(draws: Draws, cluster_probs: Probs | None = None) -> PerImage:
    """Evaluate E_q(z|x)[KL(q(c|x) || p(c|z))], from the mixture alone.

    It equals L - L^ if the decoder does not read c; no term of either bound is used here.

    Args:
        draws: From `draw`.
        cluster_probs: q(c|x); the average of q(c|z) where None.
    """
    probs = draws.average if cluster_probs is None else cluster_probs
    log_given_z = draws.log_prior.log_softmax(-1)
    expected = -torch.special.entr(probs).sum(-1)
    return expected - (probs * log_given_z).sum(-1).mean(0)


def bound_difference(draws: Draws, cluster_probs: Probs | None = None) -> PerImage:
    """Evaluate L - L^ as the mean of `differences_by_draw`."""
    return differences_by_draw(draws, cluster_probs).mean(0)


def differences_by_draw(
    draws: Draws, cluster_probs: Probs | None = None
) -> Float[Tensor, "samples batch"]:
    """Evaluate KL(q(c|x) || p(c|x, z)) - KL(q(c|z) || p(c|x, z)) at each draw.

    Their mean is L - L^ for every decoder; no term of either bound is used here.

    Args:
        draws: From `draw`.
        cluster_probs: q(c|x); the average of q(c|z) where None.
    """
    probs = draws.average if cluster_probs is None else cluster_probs
    log_posterior = (draws.log_likelihood + draws.log_prior).log_softmax(-1)
    given_x = (probs * log_posterior).sum(-1) + torch.special.entr(probs).sum(-1)
    given_z = draws.given_z
    of_z = (given_z * log_posterior).sum(-1) + torch.special.entr(given_z).sum(-1)
    return of_z - given_x


def best_cluster_probs(draws: Draws) -> Probs:
    """Evaluate q*(c), the q(c|x) for which L^ is largest while q(z|x) is fixed; p(c) is 1/K."""
    return (draws.log_likelihood + draws.log_prior).mean(0).softmax(-1)


def jensen_sides(draws: Draws) -> tuple[PerImage, PerImage]:
    """Evaluate E_q(z|x)[KL(q(c|z) || p(c))] and KL(E_q(z|x)[q(c|z)] || p(c)), in this order."""
    return _mean_kl(draws.given_z), categorical_kl_to_uniform(draws.average)


def inference_gap(draws: Draws, bound: ElboTerms) -> PerImage:
    """Estimate log p(x) - L(x) = KL(q(z, c|x) || p(z, c|x)), all draws in one estimate."""
    log_weights = draws.log_weights
    return log_weights.logsumexp(0) - math.log(len(log_weights)) - bound.elbo


def evidence_curve(
    log_weights: Float[Tensor, " samples"], counts: Sequence[int] = SAMPLE_COUNTS
) -> EvidenceCurve:
    """Estimate log p(x) of one image from k draws, for each k, with the spread of the estimate.

    The draws are split into groups of k; an estimate is the log of a group's mean weight. The
    groups of each k are unions of those of the previous k, so by Jensen's inequality the mean does
    not decrease with k.

    Args:
        log_weights: Log weights of one image, from `Draws.log_weights`.
        counts: k, each a divisor of the next; those above the number of draws are left out.

    Raises:
        ValueError: If a count does not divide the next, or none is left.
    """
    chosen = [k for k in counts if k <= len(log_weights)]
    if not chosen or any(b % a for a, b in pairwise(chosen)):
        raise ValueError(
            "`counts` must each divide the next and not all exceed the "
            f"{len(log_weights)} draws, got {list(counts)}."
        )
    log_weights = log_weights[: len(log_weights) // chosen[-1] * chosen[-1]]
    spreads = [_spread_of_groups(log_weights, k) for k in chosen]
    return EvidenceCurve(
        counts=tuple(chosen),
        mean=tuple(spread[1] for spread in spreads),
        low=tuple(spread[0] for spread in spreads),
        high=tuple(spread[2] for spread in spreads),
        groups=tuple(len(log_weights) // k for k in chosen),
        effective=_effective(log_weights[: chosen[-1]]),
    )


def _spread_of_groups(log_weights: Tensor, k: int) -> tuple[float, float, float]:
    """Return low, mean and high of the estimates from groups of k."""
    estimates = log_weights.reshape(-1, k).logsumexp(-1) - math.log(k)
    mean = estimates.mean().item()
    if len(estimates) > 1:
        low, high = (estimates.quantile(share).item() for share in (0.1, 0.9))
        return low, mean, high
    error = math.sqrt(max(1 / _effective(log_weights) - 1 / k, 0.0))
    return mean - error, mean, mean + error


def _effective(log_weights: Tensor) -> float:
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp().item()


def _mean_kl(probs: Float[Tensor, "samples batch clusters"]) -> PerImage:
    kls = categorical_kl_to_uniform(probs.flatten(0, 1))
    return kls.reshape(probs.shape[:2]).mean(0)


def _log_likelihood(
    model: ClusterVAE, x: Images, z: Float[Tensor, "samples batch latent"]
) -> Float[Tensor, "samples batch clusters"]:
    """Decode some rows at a time."""
    images = x.expand(len(z), *x.shape).flatten(0, 1)
    share = model.config.num_clusters if model.config.decoder_conditioning == "z+c" else 1
    rows = max(1, ROWS // share)
    parts = [
        model.log_likelihood_given_cluster(some, codes)
        for some, codes in zip(images.split(rows), z.flatten(0, 1).split(rows), strict=True)
    ]
    return torch.cat(parts).reshape(*z.shape[:2], -1)
