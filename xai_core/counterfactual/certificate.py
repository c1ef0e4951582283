"""Measure the first-order law of steps in latent space.

With dg/dz = U S V^T at z and v = d(f o g)_t / dz, a step of the diffeomorphic ascent gives

    g(z + lam v) = g(z) + lam U S^2 U^T df_t/dx + O(lam^2)

so the residual falls with slope 2 against lam on log-log axes, and the step lies in span(U), the
tangent space of the decoder's images, up to the same order. This is Taylor's theorem for g: it
holds for any f and any direction, so it is no evidence for a counterfactual. What can fail for a
counterfactual is measured in `plausibility`. float64 keeps rounding below what is measured here.

References:
    Diffeomorphic Counterfactuals with Generative Models (Dombrowski et al., 2022),
    https://arxiv.org/abs/2206.05075, section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Images, Latents, Logits
from ..latent_space.local_directions import local_directions

__all__ = ["Certificate", "certify"]

LENGTHS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
"""In latent units; short, because the law's order fails where a ReLU changes its sign."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Certificate:
    """How well the first-order law holds at some codes.

    Attributes:
        singular_values: Singular values of dg/dz, the largest first, in ink per latent unit.
        lengths: lam |v|, the lengths of the steps tried, in latent units.
        residuals: |g(z + lam v) - g(z) - lam U S^2 U^T df_t/dx|, in ink.
        shares: |U U^T (g(z + lam v) - g(z))|^2 / |g(z + lam v) - g(z)|^2, in [0, 1].
        slope: Slope of log residual against log length, 2 where the law holds.
    """

    singular_values: Float[Tensor, "batch latent"]
    lengths: Float[Tensor, " steps"]
    residuals: Float[Tensor, "batch steps"]
    shares: Float[Tensor, "batch steps"]
    slope: Float[Tensor, " batch"]

    @property
    def share_in_span(self) -> Float[Tensor, " batch"]:
        """Return the share of the shortest step that lies in span(U)."""
        return self.shares[:, 0]


def certify(
    codes: Latents,
    *,
    target: int | Int[Tensor, " batch"],
    decode: Callable[[Latents], Images],
    forward: Callable[[Images], Logits],
    lengths: tuple[float, ...] = LENGTHS,
) -> Certificate:
    """Measure the first-order law along the gradient of log p(target).

    Args:
        codes: Codes to certify; float64 if the functions accept it.
        target: Class whose log probability increases along the step, one for all or one per row.
        decode: Codes to images.
        forward: Images to logits.
        lengths: Step lengths in latent units, increasing.

    Raises:
        ValueError: If `lengths` are fewer than two, or not positive and increasing.
    """
    if len(lengths) < 2 or lengths[0] <= 0 or list(lengths) != sorted(set(lengths)):
        raise ValueError(
            f"`lengths` must hold at least two positive, increasing values, got {lengths}."
        )
    found = local_directions(codes, decode)
    left, singular_values = found.changes.mT, found.singular_values
    uphill, law = _gradients(codes, target, decode, forward)
    size = uphill.norm(dim=1, keepdim=True).clamp(min=torch.finfo(codes.dtype).tiny)
    law = _project(left, law, singular_values.square()) / size
    with torch.no_grad():
        start = decode(codes).flatten(1)
        moves = [decode(codes + step * uphill / size).flatten(1) - start for step in lengths]
    steps = codes.new_tensor(lengths)
    residuals = torch.stack(
        [(move - step * law).norm(dim=1) for move, step in zip(moves, lengths, strict=True)], 1
    )
    return Certificate(
        singular_values=singular_values,
        lengths=steps,
        residuals=residuals,
        shares=torch.stack([_share(left, move) for move in moves], 1),
        slope=_slope(steps.log(), residuals.clamp(min=torch.finfo(codes.dtype).tiny).log()),
    )


def _gradients(
    codes: Latents,
    target: int | Int[Tensor, " batch"],
    decode: Callable[[Latents], Images],
    forward: Callable[[Images], Logits],
) -> tuple[Latents, Float[Tensor, "batch pixels"]]:
    """Evaluate d(f o g)_t / dz through both functions, and df_t / dx through f alone."""
    with torch.enable_grad():
        codes = codes.detach().requires_grad_()
        wanted = _log_prob(forward(decode(codes)), target)
        (uphill,) = torch.autograd.grad(wanted, codes)
        images = decode(codes).detach().requires_grad_()
        (on_pixels,) = torch.autograd.grad(_log_prob(forward(images), target), images)
    return uphill, on_pixels.flatten(1)


def _log_prob(logits: Logits, target: int | Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    log_probs = logits.log_softmax(-1)
    if isinstance(target, int):
        return log_probs[:, target].sum()
    return log_probs.gather(1, target.unsqueeze(1)).sum()


def _project(
    left: Float[Tensor, "batch pixels latent"],
    vectors: Float[Tensor, "batch pixels"],
    weights: Float[Tensor, "batch latent"],
) -> Float[Tensor, "batch pixels"]:
    """Evaluate U diag(weights) U^T vector."""
    inside = torch.einsum("bpd,bp->bd", left, vectors)
    return torch.einsum("bpd,bd->bp", left, weights * inside)


def _share(
    left: Float[Tensor, "batch pixels latent"], moves: Float[Tensor, "batch pixels"]
) -> Float[Tensor, " batch"]:
    inside = torch.einsum("bpd,bp->bd", left, moves).square().sum(1)
    return inside / moves.square().sum(1).clamp(min=torch.finfo(moves.dtype).tiny)


def _slope(x: Float[Tensor, " steps"], y: Float[Tensor, "batch steps"]) -> Float[Tensor, " batch"]:
    """Fit a line by least squares and return its slope."""
    x = x - x.mean()
    return (y * x).sum(1) / x.square().sum()
