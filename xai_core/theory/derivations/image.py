"""One image of a cluster VAE, the data for derivations with two latents."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..._types import Images
from ...models.vae import ClusterVAE
from ..bounds import Draws, best_cluster_probs

__all__ = ["ImageNumbers", "image_numbers"]

PerDraw = Float[Tensor, " samples"]
Table = Float[Tensor, "samples clusters"]
PerCluster = Float[Tensor, " clusters"]
Pixels = Float[Tensor, " pixels"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageNumbers:
    """Draws of one image and the model's parameters that closed forms need.

    Attributes:
        draws: From `bounds.draw`, of one image.
        centres: mu_c.
        scales: sigma_c.
        pixels: x.
        drawn: g(z_1, c), the decoded image of the first draw under the likeliest cluster.
        drawn_log_likelihood: log p(x|z_1, c) by the model, in nats.
        pixel_log_var: Log variance of a Gaussian likelihood; None for a Bernoulli one.
    """

    draws: Draws
    centres: Float[Tensor, "clusters latent"]
    scales: PerCluster
    pixels: Pixels
    drawn: Pixels
    drawn_log_likelihood: float
    pixel_log_var: float | None

    @cached_property
    def given_z(self) -> Table:
        """Evaluate q(c|z) = p(c|z) at each draw."""
        return self.draws.given_z[:, 0]

    @cached_property
    def average(self) -> PerCluster:
        """Evaluate the average of q(c|z)."""
        return self.draws.average[0]

    @property
    def given_x(self) -> PerCluster:
        """Return q(c|x): the encoder's, or the average if the model has no such branch."""
        encoder = self.draws.encoder_probs
        return self.average if encoder is None else encoder[0]

    @cached_property
    def best(self) -> PerCluster:
        """Evaluate q*(c)."""
        return best_cluster_probs(self.draws)[0]

    @property
    def log_likelihood(self) -> Table:
        """Return log p(x|z, c)."""
        return self.draws.log_likelihood[:, 0]

    @property
    def log_prior(self) -> Table:
        """Return log p(z|c)."""
        return self.draws.log_prior[:, 0]

    @property
    def log_posterior(self) -> PerDraw:
        """Return log q(z|x)."""
        return self.draws.log_posterior[:, 0]

    @property
    def true_given_z(self) -> Table:
        """Evaluate p(c|x, z) at each draw."""
        return (self.log_likelihood + self.log_prior).softmax(-1)

    @property
    def log_uniform(self) -> Tensor:
        """Evaluate log p(c) = -ln K."""
        return -torch.tensor(float(len(self.scales)), dtype=torch.float64).log()

    @property
    def mean(self) -> Float[Tensor, " latent"]:
        """Return the mean of q(z|x)."""
        return self.draws.mean[0]

    @property
    def log_var(self) -> Float[Tensor, " latent"]:
        """Return the log variances of q(z|x)."""
        return self.draws.log_var[0]

    @property
    def expected_log_prior(self) -> PerCluster:
        """Evaluate E_q(z|x)[log p(z|c)] in closed form, from E|z - mu_c|^2."""
        squares = (self.mean - self.centres).square().sum(-1) + self.log_var.exp().sum()
        variances = self.scales.square()
        dim = len(self.mean)
        return -0.5 * (squares / variances + dim * (2 * torch.pi * variances).log())

    @property
    def kl_to_clusters(self) -> PerCluster:
        """Evaluate KL(q(z|x) || p(z|c)) of each cluster by the formula for two Gaussians."""
        variances = self.scales.square()
        squares = (self.mean - self.centres).square().sum(-1) + self.log_var.exp().sum()
        dim = len(self.mean)
        return 0.5 * (squares / variances + dim * variances.log() - dim - self.log_var.sum())


@torch.no_grad()
def image_numbers(model: ClusterVAE, x: Images, draws: Draws) -> ImageNumbers:
    """Compute the numbers that the derivations need for one image.

    Args:
        model: The model.
        x: One image in the form of its likelihood.
        draws: From `bounds.draw`, of that image.
    """
    first = draws.z[:1, 0].to(x)
    cluster = draws.log_prior[0, 0].argmax().item()
    chosen = torch.nn.functional.one_hot(torch.tensor([cluster]), draws.log_prior.shape[-1]).to(x)
    log_var = getattr(model, "pixel_log_var", None)
    return ImageNumbers(
        draws=draws,
        centres=model.prior.mean.detach().double().cpu(),
        scales=model.prior.scale.detach().double().cpu(),
        pixels=x.flatten().double().cpu(),
        drawn=model.decode(first, chosen).flatten().double().cpu(),
        drawn_log_likelihood=draws.log_likelihood[0, 0, int(cluster)].item(),
        pixel_log_var=None if log_var is None else float(log_var.clamp(-10.0, 2.0)),
    )
