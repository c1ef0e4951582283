"""Codes to decode: along dimensions or other directions, between codes, at each cluster.

References:
    beta-VAE: Learning Basic Visual Concepts (Higgins et al., 2017),
    https://openreview.net/forum?id=Sy2fzU9gl, for traversals.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Latents

__all__ = [
    "along",
    "carried_nats",
    "interpolate",
    "prior_deviation",
    "transport",
    "traverse",
]


def carried_nats(mean: Latents, log_var: Latents) -> Float[Tensor, " latent"]:
    """Estimate the information that each latent dimension carries about an image, in nats.

    Treats each dimension as a Gaussian channel, 1/2 ln(1 + Var[mean] / E[exp(log_var)]), with
    variance and expectation over images; 0 if q(z_j|x) is the same for every image.

    Args:
        mean: Means of q(z|x), one row per image.
        log_var: Log variances of q(z|x).
    """
    return torch.log1p(mean.var(0, correction=0) / log_var.exp().mean(0)) / 2


def prior_deviation(
    mean: Float[Tensor, "clusters latent"], scale: Float[Tensor, " clusters"]
) -> Float[Tensor, " latent"]:
    """Evaluate the standard deviation of each z_j under p(z) = 1/K sum_c N(mu_c, sigma_c^2 I).

    Args:
        mean: Centres mu_c.
        scale: Standard deviations sigma_c.
    """
    return (mean.var(0, correction=0) + scale.square().mean()).sqrt()


def traverse(
    z: Float[Tensor, " latent"],
    *,
    deviation: Float[Tensor, " latent"],
    offsets: Float[Tensor, " steps"],
) -> Float[Tensor, "latent steps latent"]:
    """Vary one dimension of a code at a time and keep the others fixed.

    Args:
        z: The code to start from.
        deviation: Unit of a step in each dimension.
        offsets: Steps from `z`, in deviations.

    Returns:
        Codes; entry [j, s] is `z` with deviation_j * offsets_s added to dimension j.
    """
    return along(z, moves=torch.diag_embed(deviation), offsets=offsets)


def along(
    z: Float[Tensor, " latent"],
    *,
    moves: Float[Tensor, "directions latent"],
    offsets: Float[Tensor, " steps"],
) -> Float[Tensor, "directions steps latent"]:
    """Move a code along straight lines.

    Args:
        z: The code to start from.
        moves: A step of length 1 on each line, in latent units.
        offsets: Steps from `z`.

    Returns:
        Codes; entry [k, s] is z + offsets_s moves_k.
    """
    return z + moves.unsqueeze(1) * offsets.reshape(1, -1, 1)


def interpolate(
    start: Float[Tensor, " latent"], end: Float[Tensor, " latent"], *, steps: int
) -> Float[Tensor, "steps latent"]:
    """Interpolate linearly between two codes, both ends included.

    Raises:
        ValueError: If there are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2, to hold both ends, got {steps}.")
    along = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device).unsqueeze(-1)
    return torch.lerp(start, end, along)


def transport(
    z: Float[Tensor, " latent"],
    *,
    source: int,
    mean: Float[Tensor, "clusters latent"],
    scale: Float[Tensor, " clusters"],
    rescale: bool = False,
) -> Float[Tensor, "clusters latent"]:
    """Move a code to the same position relative to the centre of every cluster.

    z'_c = z - mu_s + mu_c, or (z - mu_s) sigma_c / sigma_s + mu_c with `rescale`, which keeps the
    density of the code under its cluster. The source's own row is `z`.

    Args:
        z: The code.
        source: Its cluster s.
        mean: Centres mu_c.
        scale: Standard deviations sigma_c.
        rescale: Whether to keep the distance in units of sigma.
    """
    offset = z - mean[source]
    if rescale:
        offset = offset * (scale / scale[source]).unsqueeze(-1)
    return offset + mean
