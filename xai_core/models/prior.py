"""The mixture prior p(z|c) = N(mu_c, sigma_c^2 I), p(c) = 1/K.

References:
    Variational Deep Embedding (Jiang et al., 2017), https://arxiv.org/abs/1611.05148
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .._types import Latents, Logits, Probs
from .distributions import draw_normal, expected_normal_log_prob

__all__ = ["MixturePrior"]

SCALE_FLOOR = 1e-3


class MixturePrior(nn.Module):
    """K spherical Gaussians with equal weights, means and scales learned unless `fixed`.

    A fixed prior is N(0, I) for every cluster, as in a plain VAE.

    Args:
        num_clusters: K.
        latent_dim: d.
        fixed: Keep every mean at 0 and every scale at 1.
    """

    def __init__(self, num_clusters: int, latent_dim: int, *, fixed: bool) -> None:
        super().__init__()
        mean = torch.zeros(num_clusters, latent_dim)
        raw_scale = torch.full((num_clusters,), math.log(math.expm1(1 - SCALE_FLOOR)))
        if fixed:
            self.register_buffer("mean", mean)
            self.register_buffer("raw_scale", raw_scale)
        else:
            self.mean = nn.Parameter(nn.init.normal_(mean))
            self.raw_scale = nn.Parameter(raw_scale)

    @property
    def scale(self) -> Float[Tensor, " clusters"]:
        """Evaluate sigma_c, never below 0.001."""
        return functional.softplus(self.raw_scale) + SCALE_FLOOR

    def expected_log_prob(self, mean: Latents, log_var: Latents) -> Logits:
        """Evaluate E[log p(z|c)] under a diagonal Gaussian, for each c, in nats."""
        return expected_normal_log_prob(mean, log_var, self.mean, self.scale)

    def log_prob_given_cluster(self, z: Latents) -> Logits:
        """Evaluate log p(z|c) for each c, in nats."""
        return self.expected_log_prob(z, torch.full_like(z, -torch.inf))

    def log_joint(self, z: Latents) -> Logits:
        """Evaluate log p(z, c) = log p(z|c) - ln K for each c."""
        return self.log_prob_given_cluster(z) - math.log(len(self.mean))

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Evaluate log p(z) = logsumexp_c log p(z, c)."""
        return self.log_joint(z).logsumexp(-1)

    def responsibilities(self, z: Latents) -> Probs:
        """Evaluate p(c|z), the posterior of the cluster under the mixture."""
        return self.log_joint(z).softmax(-1)

    def sample(
        self,
        clusters: Int[Tensor, " batch"],
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Latents:
        """Draw z ~ N(mu_c, (temperature sigma_c)^2 I), one per entry of `clusters`."""
        clusters = clusters.to(self.mean.device)
        eps = draw_normal(self.mean[clusters], generator)
        return self.at_noise(clusters, eps, temperature=temperature)

    def at_noise(
        self, clusters: Int[Tensor, " batch"], eps: Latents, *, temperature: float = 1.0
    ) -> Latents:
        """Evaluate mu_c + temperature sigma_c eps, the draw of z for standard normal `eps`."""
        return self.mean[clusters] + temperature * self.scale[clusters].unsqueeze(-1) * eps
