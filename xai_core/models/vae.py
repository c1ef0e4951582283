"""The cluster VAE and its evidence lower bound under two factorisations, in nats per image.

    p(x, z, c) = p(x|z, c) p(z|c) p(c),   p(c) = 1/K,   p(z|c) = N(mu_c, sigma_c^2 I)

    "c_given_x":  q(z, c|x) = q(c|x) q(z|x), q(c|x) a branch of the encoder
    "c_given_z":  q(z, c|x) = p(c|z) q(z|x), p(c|z) the mixture's responsibilities

References:
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), https://arxiv.org/abs/1312.6114
    Variational Deep Embedding (Jiang et al., 2017), https://arxiv.org/abs/1611.05148
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .._types import Images, Latents, Logits, Probs
from ..image_spec import ImageSpec
from .config import ClusterVAEConfig
from .distributions import (
    bernoulli_nats,
    categorical_kl_to_uniform,
    gaussian_nats,
    normal_entropy,
    sample_normal,
)
from .layers import ConditionedEncoder, ConvDecoder, ConvEncoder
from .prior import MixturePrior

__all__ = [
    "ClusterVAE",
    "ElboTerms",
    "Part",
    "Posterior",
]

Part = Literal["encode", "decode", "cluster_probs", "class_probs"]
"""What a model can do: infer q(z|x), decode codes, infer q(c|x); and classify images."""

LOG_VAR_RANGE = (-12.0, 4.0)
NEGLIGIBLE = 1e-6
"""Probability of a cluster below which its decoding is left out of a sum over clusters, which
changes the bound of no test image of MNIST by more than 0.001 nats."""


@dataclass(frozen=True)
class Posterior:
    """q(z|x) = N(mean, diag(exp(log_var))) and the logits of q(c|x)."""

    mean: Latents
    log_var: Latents
    cluster_logits: Logits

    @property
    def cluster_probs(self) -> Probs:
        """Evaluate q(c|x), rows that sum to one."""
        return self.cluster_logits.softmax(-1)


@dataclass(frozen=True)
class ElboTerms:
    """The evidence lower bound and its terms, one value per image, in nats.

    Attributes:
        reconstruction: E_q[log p(x|z, c)].
        expected_log_prior: E_q[log p(z|c)].
        kl_c: KL(q(c) || p(c)), 0 where q(c) is uniform, ln K where it is certain.
        entropy_z: -E_q[log q(z|x)].
    """

    reconstruction: Float[Tensor, " batch"]
    expected_log_prior: Float[Tensor, " batch"]
    kl_c: Float[Tensor, " batch"]
    entropy_z: Float[Tensor, " batch"]

    @property
    def elbo(self) -> Float[Tensor, " batch"]:
        """Sum of reconstruction, expected_log_prior, -kl_c and entropy_z, at most log p(x)."""
        return self.reconstruction + self.expected_log_prior - self.kl_c + self.entropy_z


class ClusterVAE(nn.Module):
    """An encoder of two branches, q(z|x) and q(c|x), a mixture prior and a decoder.

    There is no second branch under "c_given_z", nor with a single cluster.
    """

    parts: frozenset[Part] = frozenset({"encode", "decode", "cluster_probs"})
    """What it can do; see `models.adopted` for models with fewer parts."""
    latent_encoder: nn.Module
    cluster_encoder: nn.Module | None
    decoder: nn.Module
    pixel_log_var: Tensor

    def __init__(self, config: ClusterVAEConfig, image: ImageSpec = ImageSpec()) -> None:  # noqa: B008
        super().__init__()
        self.config = config
        self.image = image
        clusters, dim = config.num_clusters, config.latent_dim
        fixed = config.prior == "standard" or clusters == 1
        self.latent_encoder = ConvEncoder(config.channels, config.hidden, 2 * dim, image=image)
        self.cluster_encoder = (
            ConvEncoder(config.channels, config.hidden, clusters, image=image)
            if config.factorisation == "c_given_x" and clusters > 1
            else None  # with a single cluster, q(c|x) is constant
        )
        self.prior = MixturePrior(clusters, dim, fixed=fixed)
        if config.encoder_conditioning == "x+c" and self.cluster_encoder is not None:
            self.latent_encoder = ConditionedEncoder(
                self.latent_encoder, self.cluster_encoder, clusters, 2 * dim
            )
            with torch.no_grad():  # each code starts near its cluster's Gaussian
                self.latent_encoder.from_cluster.weight[:dim] = self.prior.mean.T
        conditions = clusters if config.decoder_conditioning == "z+c" else 0
        self.decoder = ConvDecoder(
            dim, conditions, config.decoder_channels, config.hidden, image=image
        )
        if config.likelihood == "gaussian":
            self.pixel_log_var = nn.Parameter(torch.tensor(-2.0))

    def encode(self, x: Images) -> Posterior:
        """Infer q(z|x) and q(c|x); under "c_given_z", q(c|x) is p(c|z) at the mean of q(z|x)."""
        given = self.config.encoder_conditioning == "x+c" and self.cluster_encoder is not None
        logits = self.cluster_logits(x) if given else None
        raw = self.latent_encoder(x) if logits is None else self.latent_encoder(x, logits)
        mean, log_var = raw.float().chunk(2, dim=-1)
        logits = self._cluster_logits(x, mean) if logits is None else logits
        return Posterior(mean, log_var.clamp(*LOG_VAR_RANGE), logits)

    def encode_mean(self, x: Images) -> Latents:
        """Infer the mean of q(z|x) alone, z(x)."""
        return self.latent_encoder(x).float().chunk(2, dim=-1)[0]

    def cluster_logits(self, x: Images) -> Logits:
        """Evaluate the logits of q(c|x) without running the decoder."""
        if self.cluster_encoder is not None:
            return self.cluster_encoder(x).float()
        return self.encode(x).cluster_logits

    def cluster_probs(self, x: Images) -> Probs:
        """Evaluate q(c|x), rows that sum to one."""
        return self.cluster_logits(x).softmax(-1)

    def decode(self, z: Latents, cluster_probs: Probs | None = None) -> Images:
        """Decode codes to the mean image of p(x|z, c), in [0, 1].

        Args:
            z: Codes.
            cluster_probs: Input of a decoder conditioned on c; None for p(c|z).

        Returns:
            Images of the form `image`.
        """
        return self.decode_logits(z, cluster_probs).sigmoid()

    def decode_logits(self, z: Latents, cluster_probs: Probs | None = None) -> Images:
        """Decode as `decode` does, to logits."""
        if self.config.decoder_conditioning == "z":
            return self.decoder(z).float()
        if cluster_probs is None:
            cluster_probs = self.prior.responsibilities(z)
        return self.decoder(z, cluster_probs).float()

    def reconstruct(self, x: Images) -> Images:
        """Decode the mean of q(z|x), with q(c|x) if the decoder is conditioned on c."""
        if self.config.decoder_conditioning == "z":
            return self.decode(self.encode_mean(x))
        posterior = self.encode(x)
        return self.decode(posterior.mean, posterior.cluster_probs)

    def elbo(
        self,
        x: Images,
        *,
        target: Images | None = None,
        generator: torch.Generator | None = None,
        num_samples: int = 1,
    ) -> ElboTerms:
        """Evaluate the evidence lower bound, term by term.

        Only log p(x|z, c) and, under "c_given_z", the mixture's terms are sampled. The sum over c
        is exact; the other terms have a closed form.

        Args:
            x: Images the encoder reads.
            target: Images whose likelihood is evaluated; None for `x`.
            generator: Source of the noise.
            num_samples: Draws of z averaged.

        Returns:
            Terms per image, in nats.
        """
        posterior = self.encode(x)
        target = x if target is None else target
        draws = [self.terms(posterior, target, self._draw(posterior, generator))]
        for _ in range(num_samples - 1):
            draws.append(self.terms(posterior, target, self._draw(posterior, generator)))
        return ElboTerms(
            *(torch.stack(column).mean(0) for column in zip(*map(_columns, draws), strict=True))
        )

    def terms(self, posterior: Posterior, x: Images, z: Latents) -> ElboTerms:
        """Evaluate the terms at one draw `z` of q(z|x)."""
        if self.config.factorisation == "c_given_x":
            probs = posterior.cluster_probs
            log_prior = self.prior.expected_log_prob(posterior.mean, posterior.log_var)
        else:
            probs = self.prior.responsibilities(z)
            log_prior = self.prior.log_prob_given_cluster(z)
        return ElboTerms(
            reconstruction=self.expected_log_likelihood(x, z, probs),
            expected_log_prior=(probs * log_prior).sum(-1),
            kl_c=categorical_kl_to_uniform(probs),
            entropy_z=normal_entropy(posterior.log_var),
        )

    def expected_log_likelihood(
        self, x: Images, z: Latents, probs: Probs
    ) -> Float[Tensor, " batch"]:
        """Evaluate sum_c probs_c log p(x|z, c), in nats.

        Without gradients, clusters of probability `NEGLIGIBLE` or less are left out: most images
        need one or two of K decodings.
        """
        if self.config.decoder_conditioning == "z":
            return self.log_likelihood(x, self.decode_logits(z))
        if torch.is_grad_enabled():
            return (probs * self.log_likelihood_given_cluster(x, z)).sum(-1)
        rows, clusters = (probs > NEGLIGIBLE).nonzero(as_tuple=True)
        one_hot = functional.one_hot(clusters, probs.shape[-1]).to(z.dtype)
        nats = self.log_likelihood(x[rows], self.decode_logits(z[rows], one_hot))
        total = torch.zeros(len(x), dtype=nats.dtype, device=x.device)
        return total.index_add(0, rows, probs[rows, clusters] * nats)

    def log_likelihood_given_cluster(self, x: Images, z: Latents) -> Logits:
        """Evaluate log p(x|z, c) for every c, in nats."""
        clusters = self.config.num_clusters
        if self.config.decoder_conditioning == "z":
            return self.log_likelihood(x, self.decode_logits(z)).unsqueeze(-1).expand(-1, clusters)
        one_hot = torch.eye(clusters, device=z.device, dtype=z.dtype)
        logits = self.decode_logits(
            z.repeat_interleave(clusters, 0), one_hot.repeat(len(z), 1)
        )  # image-major: the clusters of one image are adjacent
        repeated = x.repeat_interleave(clusters, 0)
        return self.log_likelihood(repeated, logits).reshape(len(z), clusters)

    def log_likelihood(self, x: Images, logits: Images) -> Float[Tensor, " batch"]:
        """Evaluate log p(x) under the decoder's output, summed over pixels, in nats."""
        return self.pixel_nats(x, logits).sum((1, 2, 3))

    def pixel_nats(self, x: Images, logits: Images) -> Images:
        """Evaluate each pixel's share of log p(x) under the decoder's output, in nats."""
        if self.config.likelihood == "bernoulli":
            return bernoulli_nats(x, logits)
        return gaussian_nats(x, logits.sigmoid(), self.pixel_log_var.clamp(-10.0, 2.0))

    def _cluster_logits(self, x: Images, mean: Latents) -> Logits:
        if self.cluster_encoder is not None:
            return self.cluster_encoder(x).float()
        return self.prior.log_joint(mean)

    @staticmethod
    def _draw(posterior: Posterior, generator: torch.Generator | None) -> Latents:
        return sample_normal(posterior.mean, posterior.log_var, generator=generator)


def _columns(terms: ElboTerms) -> tuple[Tensor, ...]:
    return terms.reconstruction, terms.expected_log_prior, terms.kl_c, terms.entropy_z
