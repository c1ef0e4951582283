"""Log densities, entropies and divergences in closed form, in nats.

References:
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), appendix B.
    https://arxiv.org/abs/1312.6114
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .._types import Images, Latents, Logits, Probs

__all__ = [
    "bernoulli_nats",
    "categorical_kl_to_uniform",
    "draw_normal",
    "draw_uniform",
    "expected_normal_log_prob",
    "gaussian_nats",
    "normal_entropy",
    "normal_log_prob",
    "sample_normal",
]

LOG_2PI = math.log(2 * math.pi)


def draw_normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw standard normal numbers in the shape of `like` on its device.

    The generator may be on another device; the numbers depend on the generator alone.
    """
    source = like.device if generator is None else generator.device
    return torch.randn(like.shape, generator=generator, device=source, dtype=like.dtype).to(like)


def draw_uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw uniform numbers in [0, 1) in the shape of `like` on its device, as `draw_normal`."""
    source = like.device if generator is None else generator.device
    return torch.rand(like.shape, generator=generator, device=source, dtype=like.dtype).to(like)


def sample_normal(
    mean: Latents, log_var: Latents, *, generator: torch.Generator | None = None
) -> Latents:
    """Draw one reparameterised sample per row: mean + exp(log_var / 2) * eps."""
    return mean + torch.exp(0.5 * log_var) * draw_normal(mean, generator)


def normal_log_prob(z: Latents, mean: Latents, log_var: Latents) -> Float[Tensor, " batch"]:
    """Evaluate log N(z; mean, diag(exp(log_var))), summed over latent dimensions."""
    squares = (z - mean).square() * torch.exp(-log_var)
    return -0.5 * (squares + log_var + LOG_2PI).sum(-1)


def normal_entropy(log_var: Latents) -> Float[Tensor, " batch"]:
    """Entropy of N(., diag(exp(log_var))): (d (1 + ln 2 pi) + sum log_var) / 2."""
    return 0.5 * (log_var + 1 + LOG_2PI).sum(-1)


def expected_normal_log_prob(
    mean: Latents,
    log_var: Latents,
    centres: Float[Tensor, "clusters latent"],
    scales: Float[Tensor, " clusters"],
) -> Logits:
    """Evaluate E[log N(z; centre_c, scale_c^2 I)] under N(z; mean, diag(exp(log_var))).

    In closed form: log N(mean; centre_c, scale_c^2 I) - sum exp(log_var) / (2 scale_c^2).
    A vanishing `log_var` (minus infinity) gives the log density at `mean` itself.
    """
    dim = mean.shape[-1]
    variances = scales.square()
    squares = (mean.unsqueeze(1) - centres).square().sum(-1) + log_var.exp().sum(-1, keepdim=True)
    return -0.5 * (squares / variances + dim * (LOG_2PI + variances.log()))


def categorical_kl_to_uniform(probs: Probs) -> Float[Tensor, " batch"]:
    """KL(q || uniform over K) = ln K - H(q); 0 for uniform rows, ln K for certain ones."""
    # a probability that underflows to 0 adds 0 and a finite gradient, which softmax multiplies by
    # 0
    logs = probs.clamp(min=torch.finfo(probs.dtype).tiny).log()
    return math.log(probs.shape[-1]) + (probs * logs).sum(-1)


def bernoulli_nats(x: Images, logits: Images) -> Images:
    """Evaluate x log p + (1 - x) log (1 - p) of each pixel, p = sigmoid(logits).

    A likelihood for binary `x`; for grey `x` it is the expectation over the binary images
    whose pixels are one with probability `x`.
    """
    return -functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


def gaussian_nats(x: Images, mean: Images, log_var: Float[Tensor, ""]) -> Images:
    """Evaluate log N(x; mean, exp(log_var)) of each pixel, one shared variance."""
    squares = (x - mean).square() * torch.exp(-log_var)
    return -0.5 * (squares + log_var + LOG_2PI)
