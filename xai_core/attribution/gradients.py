"""Attribution by gradients of any differentiable function, without hooks.

Captum computes the gradients. Where it would draw from the global random generator, which threads
share, the draws are made here from a seed. They are the same for every image, so an image's map
does not depend on the rest of its batch.

References:
    Deep Inside Convolutional Networks (Simonyan et al., 2014), https://arxiv.org/abs/1312.6034
    Axiomatic Attribution for Deep Networks (Sundararajan et al., 2017),
    https://arxiv.org/abs/1703.01365
    SmoothGrad (Smilkov et al., 2017), https://arxiv.org/abs/1706.03825
    A Unified Approach to Interpreting Model Predictions (Lundberg & Lee, 2017),
    https://arxiv.org/abs/1705.07874, whose expected gradients gradient_shap estimates.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from .._types import Images
from .task import AT_ONCE, AttributionTask, Baselines

__all__ = [
    "gradient_shap",
    "input_x_gradient",
    "integrated_gradients",
    "path_points",
    "saliency",
    "smoothgrad",
]


def saliency(task: AttributionTask) -> Images:
    """Return the absolute gradient of the target: its sensitivity to each pixel."""
    return _gradient(task, task.leaf(), 1).abs()


def input_x_gradient(task: AttributionTask) -> Images:
    """Multiply pixels by their gradient: the first-order contribution of each."""
    from captum.attr import InputXGradient

    return InputXGradient(task.forward).attribute(task.leaf(), target=task.target).detach()


def integrated_gradients(task: AttributionTask) -> Images:
    """Integrate gradients from the baseline to the image, by Gauss-Legendre quadrature."""
    from captum.attr import IntegratedGradients

    maps: Tensor = IntegratedGradients(task.forward).attribute(
        task.inputs.detach().clone(),
        baselines=task.baselines,
        target=task.target,
        n_steps=task.config.n_steps,
        internal_batch_size=max(len(task.inputs), AT_ONCE),
    )
    return maps.detach().to(task.inputs.dtype)


def smoothgrad(task: AttributionTask) -> Images:
    """Average gradients over noisy copies of the image."""
    n, x = task.config.n_samples, task.inputs.detach()
    noise = torch.randn(n, *x.shape[1:], generator=task.generator()).to(x)
    total = torch.zeros_like(x)
    for part in _parts(task, n):
        copies = x.unsqueeze(1) + task.config.stdevs * noise[part]
        total += _gradient(task, copies.flatten(0, 1), len(part)).unflatten(0, (len(x), -1)).sum(1)
    return total / n


def gradient_shap(task: AttributionTask) -> Images:
    """Average (x - b) times the gradient at random points between the image and baselines b.

    Every baseline gets the same number of points, so there may be a few more than requested. They
    lie on a randomly shifted grid: the expectation is that of independent draws, the error much
    smaller.
    """
    n, x = task.config.n_points, task.inputs.detach()
    which, alphas = path_points(n, len(task.baselines), task.generator())
    total = torch.zeros_like(x)
    for part in _parts(task, len(which)):
        b = task.baselines[which[part]].to(x)
        a = alphas[part].to(x).reshape(-1, 1, 1, 1)
        points = torch.lerp(b, x.unsqueeze(1), a)
        gradient = _gradient(task, points.flatten(0, 1), len(part)).unflatten(0, (len(x), -1))
        total += (gradient * (x.unsqueeze(1) - b)).sum(1)
    return total / len(which)


def path_points(
    count: int, num_baselines: int, generator: torch.Generator
) -> tuple[Tensor, Float[Tensor, " points"]]:
    """Choose the baseline of each point and its position on the path, in [0, 1].

    Args:
        count: Minimum number of points; rounded up to a multiple of `num_baselines`.
        num_baselines: Number of baselines.
        generator: Draws the order of the baselines and one shift of the grid.

    Returns:
        The baseline and the position of each point. A position is uniform in [0, 1]; the positions
        of one baseline are equally spaced, and so are those of all baselines together.
    """
    each = -(-count // num_baselines)
    which = torch.arange(num_baselines).repeat(each)
    turn = torch.arange(each).repeat_interleave(num_baselines)
    order = torch.randperm(num_baselines, generator=generator)
    shift = torch.rand(1, generator=generator)
    return which, (turn + (order[which] + shift) / num_baselines) / each


def _parts(task: AttributionTask, count: int) -> Iterator[Tensor]:
    """Split samples into parts small enough to evaluate for all images at once."""
    yield from torch.arange(count).split(max(AT_ONCE // len(task.inputs), 1))


def _gradient(task: AttributionTask, points: Baselines, copies: int) -> Baselines:
    """Compute the gradient at points, `copies` consecutive ones per image."""
    from captum.attr import Saliency

    target = task.target.repeat_interleave(copies)
    leaf = points if points.requires_grad else points.requires_grad_()
    return Saliency(task.forward).attribute(leaf, target=target, abs=False).detach()
