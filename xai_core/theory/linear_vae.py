"""A one-dimensional VAE with a linear decoder, in which every integral is known.

    p(z) = N(0, 1),  p(x|z) = N(x; theta_1 z + theta_0, sigma_x^2),  q(z|x) = N(z; f, sigma_z^2)

so p(x) = N(theta_0, theta_1^2 + sigma_x^2) and p(z|x) is Gaussian too. Quantities that a real VAE
can only estimate are exact here.

References:
    Auto-Encoding Variational Bayes (Kingma & Welling, 2014), https://arxiv.org/abs/1312.6114
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Gradients", "LinearVAE", "normal_log_density"]

Draws = Float[Tensor, " draws"]


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """Derivatives of E_q[log p(x|z)] with respect to the decoder's and the encoder's parameters.

    Attributes:
        theta_1: With respect to the decoder's slope.
        theta_0: With respect to the decoder's offset.
        f: With respect to the mean of q(z|x).
        sigma_z: With respect to the standard deviation of q(z|x).
    """

    theta_1: float
    theta_0: float
    f: float
    sigma_z: float


@dataclass(frozen=True, kw_only=True)
class LinearVAE:
    """The model, its posterior q(z|x) for one x, and x itself.

    Attributes:
        x: The observation.
        f: Mean of q(z|x).
        sigma_z: Deviation of q(z|x), above 0.
        theta_1: Slope of the decoder.
        theta_0: Offset of the decoder.
        sigma_x: Deviation of p(x|z), above 0.
    """

    x: float = 1.5
    f: float = 0.4
    sigma_z: float = 0.7
    theta_1: float = 0.9
    theta_0: float = -0.2
    sigma_x: float = 0.5

    def __post_init__(self) -> None:
        """Raise an error for deviations that are not above 0."""
        for name in ("sigma_z", "sigma_x"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0, got {getattr(self, name)}.")

    @property
    def log_evidence(self) -> float:
        """Evaluate log p(x), in nats."""
        variance = self.theta_1**2 + self.sigma_x**2
        return _log_normal(self.x, self.theta_0, math.sqrt(variance))

    @property
    def true_posterior(self) -> tuple[float, float]:
        """Evaluate the mean and deviation of p(z|x)."""
        variance = self.theta_1**2 + self.sigma_x**2
        mean = self.theta_1 * (self.x - self.theta_0) / variance
        return float(mean), float(self.sigma_x / math.sqrt(variance))

    @property
    def reconstruction(self) -> float:
        """Evaluate E_q[log p(x|z)], in nats."""
        away = self.x - self.theta_0 - self.theta_1 * self.f
        squares = away**2 + (self.theta_1 * self.sigma_z) ** 2
        return float(
            -0.5 * math.log(2 * math.pi * self.sigma_x**2) - squares / (2 * self.sigma_x**2)
        )

    @property
    def kl(self) -> float:
        """Evaluate KL(q(z|x) || p(z)), in nats."""
        variance = self.sigma_z**2
        return float(0.5 * (self.f**2 + variance - 1 - math.log(variance)))

    @property
    def elbo(self) -> float:
        """Evaluate the bound, in nats."""
        return self.reconstruction - self.kl

    @property
    def gap(self) -> float:
        """Evaluate KL(q(z|x) || p(z|x)) in closed form, in nats."""
        mean, std = self.true_posterior
        ratio = self.sigma_z / std
        return float(0.5 * (ratio**2 + ((self.f - mean) / std) ** 2 - 1) - math.log(ratio))

    @property
    def gradients(self) -> Gradients:
        """Evaluate the exact derivatives of E_q[log p(x|z)]."""
        away, precision = self.x - self.theta_0 - self.theta_1 * self.f, self.sigma_x**-2
        second = self.f**2 + self.sigma_z**2
        return Gradients(
            theta_1=float(((self.x - self.theta_0) * self.f - self.theta_1 * second) * precision),
            theta_0=float(away * precision),
            f=float(self.theta_1 * away * precision),
            sigma_z=float(-(self.theta_1**2) * self.sigma_z * precision),
        )

    def estimated_gradients(self, noise: Draws) -> Gradients:
        """Estimate the same derivatives from z = f + sigma_z eps, by the slides' formulas.

        Args:
            noise: eps, draws of N(0, 1).
        """
        z = self.f + self.sigma_z * noise
        error = (self.x - self.theta_1 * z - self.theta_0) / self.sigma_x**2
        return Gradients(
            theta_1=(error * z).mean().item(),
            theta_0=error.mean().item(),
            f=(error * self.theta_1).mean().item(),
            sigma_z=(error * self.theta_1 * noise).mean().item(),
        )

    def estimated_reconstruction(self, noise: Draws) -> float:
        """Estimate E_q[log p(x|z)] from draws of z."""
        z = self.f + self.sigma_z * noise
        away = (self.x - self.theta_1 * z - self.theta_0) / self.sigma_x
        return -0.5 * (math.log(2 * math.pi * self.sigma_x**2) + away.square().mean().item())


def normal_log_density(z: Draws, mean: float, std: float) -> Draws:
    """Evaluate log N(z; mean, std^2) elementwise."""
    return -0.5 * ((z - mean) / std).square() - math.log(std) - 0.5 * math.log(2 * math.pi)


def _log_normal(value: float, mean: float, std: float) -> float:
    return normal_log_density(torch.tensor([float(value)]).double(), mean, std).item()
