"""The likelihood term of the bound, traced to the pixels, in nats.

    E_q(c|x)q(z|x)[log p(x|z, c)] = sum_m E_q(c|x)q(z|x)[log p(x_m|z, c)]

    Bernoulli: log p(x_m|z, c) = x_m log g_m + (1 - x_m) log(1 - g_m),  g = g(z, c)
    Gaussian:  log p(x_m|z, c) = -(x_m - g_m)^2 / (2 s^2) - log(2 pi s^2) / 2

because pixels are independent given the code and the cluster.

References:
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), appendix C.
    https://arxiv.org/abs/1312.6114
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Latents
from ..latent_space.encoding import evaluating
from ..models.vae import ClusterVAE

__all__ = ["PixelLikelihood", "pixel_likelihood"]

ROWS = 250
"""Number of images decoded at once."""
NEGLIGIBLE = 1e-5
"""Clusters with a smaller q(c|x) are left out: they add less than a hundredth of a nat."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelLikelihood:
    """The likelihood term of one image, by pixel.

    Attributes:
        nats: E_q[log p(x_m|z, c)] of each pixel; the sum is the term.
        error: Standard error of the sum over the draws.
    """

    nats: Float[Tensor, "channels height width"]
    error: float

    @property
    def total(self) -> float:
        """Sum the pixels to E_q[log p(x|z, c)]."""
        return self.nats.double().sum().item()


@torch.no_grad()
def pixel_likelihood(
    model: ClusterVAE,
    x: Float[Tensor, "1 channels height width"],
    z: Latents,
    cluster_probs: Float[Tensor, " clusters"],
) -> PixelLikelihood:
    """Average each pixel's log likelihood over draws of z and over q(c|x).

    Args:
        model: The model, on the device of `x`.
        x: One image, binary for a Bernoulli likelihood.
        z: Draws of q(z|x).
        cluster_probs: q(c|x); without effect if the decoder does not read c.
    """
    reads_c = model.config.decoder_conditioning == "z+c"
    some = torch.nonzero(cluster_probs > NEGLIGIBLE)[:, 0].tolist() if reads_c else [0]
    weights = cluster_probs[some] / cluster_probs[some].sum() if reads_c else torch.ones(1)
    one_hot = torch.eye(len(cluster_probs), device=x.device, dtype=x.dtype)
    nats = torch.zeros_like(x[0])
    sums = torch.zeros(len(z), dtype=torch.float64)
    with evaluating(model):
        for cluster, weight in zip(some, weights.tolist(), strict=True):
            for start in range(0, len(z), ROWS):
                codes = z[start : start + ROWS]
                given = one_hot[cluster].expand(len(codes), -1)
                logits = model.decode_logits(codes, given if reads_c else None)
                each = model.pixel_nats(x.expand(len(codes), -1, -1, -1), logits)
                nats += weight * each.sum(0)
                sums[start : start + ROWS] += weight * each.sum((1, 2, 3)).double().cpu()
    error = sums.std().item() / math.sqrt(len(z)) if len(z) > 1 else math.nan
    return PixelLikelihood(nats=(nats / len(z)).cpu(), error=error)
