"""The settings of the cluster VAE; nothing slow is imported for them."""

from dataclasses import dataclass
from typing import Literal, get_args

from .._arguments import check_fields
from ..errors import ConfigError

__all__ = [
    "ClusterVAEConfig",
    "DecoderConditioning",
    "EncoderConditioning",
    "Factorisation",
    "Likelihood",
    "Prior",
]

Factorisation = Literal["c_given_x", "c_given_z"]
Likelihood = Literal["bernoulli", "gaussian"]
DecoderConditioning = Literal["z", "z+c"]
EncoderConditioning = Literal["x", "x+c"]
Prior = Literal["mixture", "standard"]

LARGEST = {"num_clusters": 1000, "latent_dim": 4096}
"""Larger values are a typing error or a malicious bundle."""


@dataclass(frozen=True, kw_only=True)
class ClusterVAEConfig:
    """Settings of the cluster VAE.

    Attributes:
        num_clusters: K; 1 is the plain VAE, with its prior N(0, I).
        latent_dim: d, the dimension of z.
        factorisation: How q(z, c|x) factorises.
        likelihood: p(x|z, c): pixels in {0, 1}, or grey and colour with one learned variance
            (sigma-VAE, Rybkin et al., 2021, https://arxiv.org/abs/2006.13202).
        decoder_conditioning: Whether the decoder is conditioned on c as well as on z.
        encoder_conditioning: Whether the encoder of z reads q(c|x) as well as the image. It can
            then place a code near its cluster's Gaussian without inferring the cluster again.
        prior: p(z|c): one Gaussian per cluster, or N(0, I) for all clusters.
        channels: Widths of the encoders' convolutions, from full resolution inwards.
        decoder_channels: Widths of the decoder's convolutions, in the same order.
        hidden: Width of the fully connected layers.
    """

    num_clusters: int = 10
    latent_dim: int = 16
    factorisation: Factorisation = "c_given_x"
    likelihood: Likelihood = "bernoulli"
    decoder_conditioning: DecoderConditioning = "z"
    encoder_conditioning: EncoderConditioning = "x"
    prior: Prior = "mixture"
    channels: tuple[int, int, int] = (24, 48, 72)
    decoder_channels: tuple[int, int, int] = (24, 24, 48)
    hidden: int = 192

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        check_fields(self)
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "decoder_channels", tuple(self.decoder_channels))
        for name, value in [
            ("num_clusters", self.num_clusters),
            ("latent_dim", self.latent_dim),
            ("hidden", self.hidden),
            *(("channels", width) for width in self.channels),
            *(("decoder_channels", width) for width in self.decoder_channels),
        ]:
            if value < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {value}.")
            if value > LARGEST.get(name, value):
                raise ConfigError(f"`{name}` must be at most {LARGEST[name]}, got {value}.")
        for name, choice, allowed in [
            ("factorisation", self.factorisation, Factorisation),
            ("likelihood", self.likelihood, Likelihood),
            ("decoder_conditioning", self.decoder_conditioning, DecoderConditioning),
            ("encoder_conditioning", self.encoder_conditioning, EncoderConditioning),
            ("prior", self.prior, Prior),
        ]:
            if choice not in get_args(allowed):
                choices = ", ".join(map(repr, get_args(allowed)))
                raise ConfigError(f"`{name}` must be one of {choices}, got {choice!r}.")
        if self.encoder_conditioning == "x+c" and self.factorisation == "c_given_z":
            raise ConfigError(
                "`encoder_conditioning` must be 'x' where `factorisation` is 'c_given_z', which "
                "has no q(c|x) to read."
            )
