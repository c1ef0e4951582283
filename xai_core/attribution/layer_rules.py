"""Attribution by gradients with a modified backward pass through every ReLU.

Each rule applies to the calls of ReLU, so it covers modules and functional calls alike. A function
with another rectifier, for which the rule is not defined, raises an error; so does one with an
operation of which it is not known that it rectifies nothing. Activations with a name of their own
(GELU, SiLU, softplus) are other rectifiers. What is composed of smooth operations has no rule, and
its plain gradient passes, even where it comes near a ReLU, such as `x * torch.sigmoid(100 * x)`:
call `torch.relu` where the rule is meant to apply.

References:
    Striving for Simplicity (Springenberg et al., 2015), https://arxiv.org/abs/1412.6806
    Visualizing and Understanding Convolutional Networks (Zeiler & Fergus, 2014),
    https://arxiv.org/abs/1311.2901
    Grad-CAM (Selvaraju et al., 2017), https://arxiv.org/abs/1610.02391
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import Function

from .._types import Images
from .autograd_graph import LINEAR, MOVES, ORDERS, SMOOTH, operations_between
from .operations import Call, Context, Replaced
from .task import AttributionTask, ChannelMaps

__all__ = ["deconvolution", "guided_backprop", "guided_gradcam"]

KNOWN = frozenset((*MOVES, *LINEAR, *SMOOTH, *ORDERS))
"""Autograd's names of the operations that rectify nothing, so that no rule is needed."""


def guided_backprop(task: AttributionTask) -> Images:
    """Compute the gradient, keeping only positive values of active units at every ReLU."""
    return _rectified_gradient(task, _GuidedReLU)


def deconvolution(task: AttributionTask) -> Images:
    """Compute the gradient, keeping only positive values at every ReLU, active or not."""
    return _rectified_gradient(task, _DeconvolvedReLU)


def guided_gradcam(task: AttributionTask) -> Images:
    """Multiply guided backpropagation by the Grad-CAM map of the last convolution."""
    cam = nn.functional.interpolate(_grad_cam(task), task.inputs.shape[-2:], mode="bilinear")
    return guided_backprop(task) * cam


class _GuidedReLU(Function):
    """ReLU that passes positive gradients of active units back."""

    @staticmethod
    def forward(ctx: Context, x: Tensor) -> Tensor:
        out = x.relu()
        ctx.kept = (out > 0,)
        return out

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> Tensor:
        return torch.where(ctx.kept[0], gradient, 0).relu()


class _DeconvolvedReLU(Function):
    """ReLU that passes positive gradients back."""

    @staticmethod
    def forward(ctx: Context, x: Tensor) -> Tensor:
        return x.relu()

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> Tensor:
        return gradient.relu()


def _rectified_gradient(task: AttributionTask, relu: type[Function]) -> Images:
    leaf = task.leaf()
    replaced = Replaced({"relu": lambda call: relu.apply(call.x)})
    outputs = replaced.run(task.forward, leaf)
    other = _other_rectifier(outputs, leaf, relu.__name__, replaced.gated)
    if other:
        raise ValueError(
            "This method is defined for networks whose only rectifier is ReLU, and `forward` "
            f"uses {other}. Use a method that takes any function, such as integrated_gradients, "
            "or call `torch.relu` where a ReLU is meant."
        )
    return torch.autograd.grad(task.chosen(outputs).sum(), leaf)[0].detach()


def _other_rectifier(outputs: Tensor, leaf: Tensor, own: str, gated: set[str]) -> str:
    """Name what may rectify and is not ReLU; empty if there is nothing."""
    if gated:
        return f"`{min(gated)}` with a mask or a number that is a step function of the image"
    for operation in operations_between(outputs, leaf):
        name = operation.name
        if operation.compares_functions:
            return f"{name} of tensors that are joined for it"
        if operation.is_length_of_numbers:
            return f"{name} of single numbers"
        if operation.is_root_of_a_square:
            return f"{name} of a square"
        if name not in KNOWN and name != own:
            return name
    return ""


def _grad_cam(task: AttributionTask) -> ChannelMaps:
    """Weight the last convolution's features by their mean gradients; keep the positive part.

    It is the last convolution that the output depends on; a network may compute other outputs
    after it. If a ReLU follows, the features are taken after it: before it, all may be negative.
    """
    sums: list[Tensor] = []
    seen: list[Tensor] = []

    def convolve(call: Call) -> Tensor:
        found = call.again()
        if found.requires_grad:  # else it was computed under `no_grad`
            sums.append(found)
            seen.append(found)
        return found

    def rectify(call: Call) -> Tensor:
        found = call.again()
        for number, known in enumerate(sums):
            if call.args[0] is known:
                seen[number] = known if call.in_place else found
        return found

    rules = {"conv2d": convolve, "relu": rectify}
    chosen = task.chosen(Replaced(rules).run(task.forward, task.leaf())).sum()
    for features in reversed(seen):
        (slope,) = torch.autograd.grad(chosen, features, retain_graph=True, allow_unused=True)
        if slope is not None:
            break
    else:
        raise ValueError("`guided_gradcam` needs a convolution in `forward`, which has none.")
    weighted = slope.mean((2, 3), keepdim=True) * features
    return weighted.sum(1, keepdim=True).relu().detach()
