"""Attribution by gradients with a modified backward pass through every ReLU.

Each rule applies to the calls of ReLU, so it covers modules and functional calls alike. A function
with another rectifier, for which the rule is not defined, raises an error.

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
from .operations import Call, Context, Replaced, graph_operations
from .task import AttributionTask, ChannelMaps

__all__ = ["deconvolution", "guided_backprop", "guided_gradcam"]

OTHER_RECTIFIERS = (
    *("Relu", "LeakyRelu", "PreluKernel", "RreluWithNoise", "Gelu", "Silu", "Elu", "Celu"),
    *("Softplus", "Hardtanh", "Hardswish", "Hardsigmoid", "Mish", "Threshold", "Clamp"),
    *("ClampMin", "ClampMax", "Maximum", "Minimum", "Fmax", "Fmin", "Where", "MaskedFill"),
    *("IndexPut", "Abs", "Hardshrink", "Softshrink", "LogSigmoid", "Glu"),
    *("DifferentiableGraph", "CompiledFunction"),
)
"""Autograd's names of other rectifiers, for which no rule is defined."""


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
    outputs = Replaced({"relu": lambda call: relu.apply(call.x)}).run(task.forward, leaf)
    _check_rectifiers(outputs, relu.__name__)
    return torch.autograd.grad(task.chosen(outputs).sum(), leaf)[0].detach()


def _check_rectifiers(outputs: Tensor, own: str) -> None:
    """Raise an error for functions with rectifiers that have no rule."""
    for name, written in graph_operations(outputs):
        if name in OTHER_RECTIFIERS or (written and name != own):
            raise ValueError(
                "This method is defined for networks whose only rectifier is ReLU, and `forward` "
                f"uses {name}. Use a method that takes any function, such as integrated_gradients."
            )


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
