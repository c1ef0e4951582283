r"""A step in latent space, seen in image space: from g(z + lambda v) to U S^2 U^T."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..._types import Images, Latents, Logits
from ...models.jacobian import decoder_jacobian
from .line import Derivation, Line

__all__ = ["LATENT_STEP", "StepNumbers", "step_numbers"]

LENGTH = 1e-6
"""Length of the step in latent units: short, so that the residual is of second order."""
Column = Float[Tensor, " pixels"]
Jacobian = Float[Tensor, "pixels latent"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StepNumbers:
    """A decoder at one code, and a score of its image.

    Attributes:
        jacobian: J = dg/dz.
        uphill: v, the gradient of f(g(z)) by z.
        on_pixels: The gradient of f by the image g(z).
        moved: g(z + lambda v) - g(z).
        step: lambda, such that lambda |v| is short.
    """

    jacobian: Jacobian
    uphill: Float[Tensor, " latent"]
    on_pixels: Column
    moved: Column
    step: float

    @property
    def svd(self) -> tuple[Jacobian, Tensor, Tensor]:
        """Decompose J = U S V^T."""
        left, values, right = torch.linalg.svd(self.jacobian, full_matrices=False)
        return left, values, right.mT


def step_numbers(
    code: Latents,
    target: int,
    *,
    decode: Callable[[Latents], Images],
    forward: Callable[[Images], Logits],
) -> StepNumbers:
    """Evaluate the decoder's Jacobian, both gradients of log p(target), and a short step.

    Args:
        code: One code, float64.
        target: Class whose log probability is maximised.
        decode: Codes to images, float64.
        forward: Images to logits.
    """
    code = code.detach().clone()
    with torch.enable_grad():
        z = code.detach().requires_grad_()
        image = decode(z)
        (uphill,) = torch.autograd.grad(forward(image).log_softmax(-1)[0, target], z)
        x = image.detach().requires_grad_()
        (on_pixels,) = torch.autograd.grad(forward(x).log_softmax(-1)[0, target], x)
    step = LENGTH / max(uphill.norm().item(), torch.finfo(code.dtype).tiny)
    with torch.no_grad():
        moved = decode(code + step * uphill) - decode(code)
    return StepNumbers(
        jacobian=decoder_jacobian(code, decode)[0].detach(),
        uphill=uphill[0],
        on_pixels=on_pixels.flatten(),
        moved=moved.flatten(),
        step=step,
    )


L = Line[StepNumbers]


def _length(step: Tensor) -> Tensor:
    """Return the Euclidean length of a step in image space."""
    return step.norm()


def _law(n: StepNumbers) -> Tensor:
    left, values, _ = n.svd
    return left @ (values.square() * (left.mT @ n.on_pixels))


def _error(n: StepNumbers, step: Tensor) -> Tensor:
    """Compare a step with J v, relative to its length."""
    whole = n.jacobian @ n.uphill
    return (step - whole).norm() / whole.norm().clamp(min=torch.finfo(whole.dtype).tiny)


LATENT_STEP = Derivation(
    key="D-22",
    title="A latent step seen in image space",
    source="Exercise sheet, “Counterfactual stays on the data manifold”",
    setting="g: R^d → R^M is the decoder, f the log probability of the target, J = ∂g/∂z at z, "
    "M × d; gradients are columns, ∇f = (∂f/∂x)^T at g(z). The numbers are Euclidean lengths "
    "of steps in image space, per unit of λ, for the selected image. Where the sheet raises (z) "
    "like an exponent, it means g(z).",
    lines=(
        L(formula=r"z^{(i+1)}=z^{(i)}+\lambda v,\quad v:=\nabla_z(f\circ g)(z^{(i)})",
          reason="Plain gradient ascent."),
        L(formula=r"g(z^{(i+1)})=g(z^{(i)})+J\,(z^{(i+1)}-z^{(i)})+O(|z^{(i+1)}-z^{(i)}|^2)",
          reason="Taylor, g twice differentiable.", start=lambda n: _length(n.moved) / n.step,
          value=lambda n: _length(n.jacobian @ (n.step * n.uphill)) / n.step, tolerance=1e-4),
        L(formula=r"=g(z^{(i)})+\lambda Jv+O(\lambda^2)", reason="Insert the step.",
          value=lambda n: _length(n.jacobian @ n.uphill)),
        L(formula=r"v=J^\top\nabla f", reason="Chain rule: down with J^T (shown: |v|).",
          note="The sheet writes ∂f/∂g · ∂g/∂z and drops the transpose.",
          start=lambda n: n.uphill.norm(),
          value=lambda n: (n.jacobian.mT @ n.on_pixels).norm()),
        L(formula=r"g(z^{(i+1)})=g(z^{(i)})+\lambda JJ^\top\nabla f+O(\lambda^2)",
          reason="The last two lines: down with J^T, up with J.",
          start=lambda n: _length(n.jacobian @ n.uphill),
          value=lambda n: _length(n.jacobian @ (n.jacobian.mT @ n.on_pixels))),
        L(formula=r"J=USV^\top", reason="Thin singular value decomposition: U is M × r and V "
          "d × r with orthonormal columns, S is r × r, diagonal and positive (shown: |Jv|).",
          start=lambda n: _length(n.jacobian @ n.uphill),
          value=lambda n: _length(n.svd[0] @ (n.svd[1] * (n.svd[2].mT @ n.uphill)))),
        L(formula=r"JJ^\top=USV^\top VSU^\top=US^2U^\top",
          reason="V^T V = I always holds for the thin decomposition (shown: |US²U^T ∇f|).",
          note="The sheet prints V V^T, which is I only if J has full column rank; S² stands for "
          "S S^T.", start=lambda n: _length(n.jacobian @ (n.jacobian.mT @ n.on_pixels)),
          value=lambda n: _length(_law(n))),
        L(formula=r"g(z^{(i+1)})=g(z^{(i)})+\lambda\,US^2U^\top\nabla f+O(\lambda^2)"
          r"\qquad\blacksquare", reason="U U^T projects the pixel gradient on the tangent space "
          "of the images that the decoder can draw, S² weighs its directions (shown: relative "
          "error).", note="It holds for any differentiable f, an untrained one included, so it is "
          "a theorem about g and not evidence for a counterfactual; and it is about g(z(x)), not "
          "about x. A VAE is at best a diffeomorphism onto its image: not every image has a code.",
          start=lambda n: _error(n, _law(n)), value=lambda n: 0.0),
    ),
    unit="ink",
)  # fmt: skip
