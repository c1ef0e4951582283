"""Directions in latent space that change the decoded image most, at one code.

To first order, a step t v changes the image g(z) by t J v, J = dg/dz. With J = U S V^T, the step
of length t that changes the image most is t v_1, by s_1 t; v_2 changes it most among the steps
orthogonal to v_1, and so on. All lengths are Euclidean.

References:
    A Spectral Regularizer for Unsupervised Disentanglement (Ramesh, Choi & LeCun, 2018),
    https://arxiv.org/abs/1812.01161, takes these directions as axes of variation.
    The Riemannian Geometry of Deep Generative Models (Shao, Kumar & Fletcher, 2018),
    https://arxiv.org/abs/1711.08014: J^T J is the metric that the decoder induces on codes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .._types import Images, Latents
from ..models.jacobian import decoder_jacobian
from ..models.prior import MixturePrior

__all__ = ["LocalDirections", "in_typical_range", "local_directions"]

DRAWS = 1_000
"""Draws from each cluster of the prior that say which densities are typical."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalDirections:
    """The thin singular value decomposition of dg/dz at some codes, the largest value first.

    There are min(pixels, latent) directions; channels count as pixels.

    Attributes:
        singular_values: s_k, in ink (Euclidean norm of the change of the image) per latent unit.
        directions: v_k, orthonormal rows, in latent units. Signs are such that a step along v_k
            adds ink: the pixels of u_k sum to 0 or more.
        changes: u_k, orthonormal rows: the change of the image along v_k, divided by s_k.
    """

    singular_values: Float[Tensor, "batch directions"]
    directions: Float[Tensor, "batch directions latent"]
    changes: Float[Tensor, "batch directions pixels"]

    @property
    def shares(self) -> Float[Tensor, "batch directions"]:
        """Return s_k^2 / sum s^2: the share of v_k in the mean squared change of the image.

        The mean is over short steps in random directions, all directions alike; 0 where no step
        changes the image.
        """
        squares = self.singular_values.square()
        return squares / squares.sum(1, keepdim=True).clamp(min=torch.finfo(squares.dtype).tiny)


def local_directions(codes: Latents, decode: Callable[[Latents], Images]) -> LocalDirections:
    """Decompose the decoder's Jacobian at each code.

    Args:
        codes: Codes z.
        decode: Codes to images (batch, channels, height, width), differentiable; an image depends
            on its own code alone.

    Raises:
        ValueError: If `decode` gives no gradient.
    """
    try:
        jacobian = decoder_jacobian(codes, decode).detach()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ValueError(
            f"`decode` must have a gradient, and torch says: {str(error).partition('. ')[0]:.160}."
            " Write it as torch operations, without no_grad, inference_mode or detach."
        ) from error
    left, values, directions = torch.linalg.svd(jacobian, full_matrices=False)
    changes = left.mT
    signs = torch.where(changes.sum(2, keepdim=True) < 0, -1.0, 1.0).to(changes.dtype)
    return LocalDirections(
        singular_values=values, directions=directions * signs, changes=changes * signs
    )


@torch.no_grad()
def in_typical_range(
    prior: MixturePrior, codes: Latents, *, share: float = 0.99, seed: int = 0
) -> Bool[Tensor, " batch"]:
    """Return whether codes are where the prior is at least as dense as at most of its own draws.

    Args:
        prior: p(z).
        codes: Codes z, on the prior's device.
        share: Share of the prior's draws that are in the range, in (0, 1).
        seed: Seed of the draws, `DRAWS` from each cluster.
    """
    clusters = torch.arange(len(prior.mean)).repeat_interleave(DRAWS)
    draws = prior.sample(clusters, generator=torch.Generator().manual_seed(seed))
    return prior.log_prob(codes) >= prior.log_prob(draws).quantile(1 - share)
