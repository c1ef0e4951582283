"""The Jacobian of a decoder."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images, Latents

__all__ = ["decoder_jacobian"]


def decoder_jacobian(
    codes: Latents, decode: Callable[[Latents], Images]
) -> Float[Tensor, "batch pixels latent"]:
    """Evaluate dg/dz at each code, by two reverse passes: u^T dg/dz is linear in u."""
    with torch.enable_grad():
        codes = codes.detach().requires_grad_()
        pixels = decode(codes).flatten(1)
        weights = torch.zeros_like(pixels, requires_grad=True)
        (rows,) = torch.autograd.grad(pixels, codes, weights, create_graph=True)
        columns = [
            torch.autograd.grad(rows[:, axis].sum(), weights, retain_graph=True)[0]
            for axis in range(codes.shape[1])
        ]
    return torch.stack(columns, -1)
