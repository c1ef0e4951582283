"""DeepLift: compare the activations of an image with those of a baseline, layer by layer.

Every operation distributes the whole difference of its output over the differences of its inputs,
so the shares of the pixels sum to f(x) - f(baseline):

- elementwise ones by the rescale rule, delta out / delta in;
- max pooling by the maximum of image and baseline: the part above the baseline's maximum goes to
  the image's argmax, the rest to the baseline's argmax. Overlapping windows add their shares;
- products by the mean of the other factor;
- softmax and log-softmax by the mean gradient between both ends, the Aumann-Shapley rule.

Linear operations need no rule. Any other operation keeps its gradient; the map's sum then shows
the error.

References:
    Learning Important Features Through Propagating Activation Differences (Shrikumar et al.,
    2017), https://arxiv.org/abs/1704.02685
    A Unified Approach to Interpreting Model Predictions (Lundberg & Lee, 2017),
    https://arxiv.org/abs/1705.07874
    Values of Non-Atomic Games (Aumann & Shapley, 1974), for softmax.
    Captum (Kokhlikyan et al., 2020), https://arxiv.org/abs/2009.07896; results equal Captum's
    where its rules apply.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import Function

from .._types import Images
from ..runtime import map_on_cores
from .operations import Call, Context, Replaced, depends
from .task import AT_ONCE, AttributionTask, Baselines

__all__ = ["deep_lift", "deep_lift_shap"]

SMALLEST = 1e-10
"""Smaller differences count as zero; the gradient is then used instead of the quotient."""
SMALLEST_SMOOTH = 1e-3
"""The same threshold for smooth operations, whose quotient loses precision as differences
shrink."""
ELEMENTWISE = (
    *("relu", "leaky_relu", "prelu", "threshold", "clamp", "clamp_min", "clip", "relu6", "abs"),
    *("hardtanh", "hardswish", "hardsigmoid", "gelu", "silu", "elu", "selu", "celu", "mish"),
    *("softplus", "softsign", "tanhshrink", "logsigmoid", "sigmoid", "tanh", "exp", "log"),
    *("log1p", "expm1", "square", "sqrt", "sin", "cos", "erf", "reciprocal", "rsqrt", "pow"),
    *("__pow__", "rrelu", "hardshrink", "softshrink", "maximum", "minimum"),
)
PIECEWISE = ("relu", "leaky_relu", "prelu", "threshold", "clamp", "clamp_min", "clip", "relu6",
             "abs", "hardtanh", "maximum", "minimum")  # fmt: skip
"""Operations whose difference quotient is exact for any difference."""


def deep_lift(task: AttributionTask) -> Images:
    """Compare activations with those of the baseline, by the rescale rule."""
    parts = []
    for rows in task.rows(AT_ONCE):
        x, b = task.inputs[rows], task.baseline(rows)
        parts.append(_shares(task, x, b, task.target[rows]))
    return torch.cat(parts)


def deep_lift_shap(task: AttributionTask) -> Images:
    """Average DeepLift over several baselines."""
    count = len(task.baselines)

    def average(rows: Tensor) -> Images:
        x = task.inputs[rows].repeat_interleave(count, 0)
        target = task.target[rows].repeat_interleave(count, 0)
        with torch.inference_mode(False), torch.enable_grad():
            maps = _shares(task, x, task.baselines.repeat(len(rows), 1, 1, 1), target)
        return maps.unflatten(0, (len(rows), count)).mean(1)

    parts = [*task.rows(AT_ONCE // (2 * count))]  # each image beside its baseline
    return torch.cat([*map_on_cores(average, parts, task.inputs.device)])


def _shares(task: AttributionTask, x: Images, b: Baselines, target: Tensor) -> Images:
    leaf = x.detach().clone().requires_grad_()
    outputs = Replaced(_RULES).run(task.forward, torch.cat([leaf, b.detach()]))
    chosen = outputs.gather(1, target.repeat(2).unsqueeze(1))
    (multipliers,) = torch.autograd.grad(chosen.sum(), leaf)
    return ((x - b) * multipliers).detach()


def _halves(values: Tensor) -> tuple[Tensor, Tensor]:
    """Split a batch into the halves of the images and of their baselines."""
    return values[: len(values) // 2], values[len(values) // 2 :]


def _twice(values: Tensor) -> Tensor:
    """Repeat values shared by images and baselines, once for each half."""
    return torch.cat([values, values])


def _difference(values: Tensor) -> Tensor:
    """Subtract baselines from images."""
    x, b = _halves(values)
    return _twice(x - b)


def _mean(values: Tensor) -> Tensor:
    """Average images and baselines."""
    x, b = _halves(values)
    return _twice((x + b) / 2)


class _Rescale(Function):
    """An elementwise operation whose gradient is the slope of its secant."""

    @staticmethod
    def forward(ctx: Context, x: Tensor, call: Call) -> Tensor:
        out = call.on(x)
        ctx.kept = (call, x.detach().clone(), out.detach().clone())
        return out

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, None]:
        call, x, out = ctx.kept
        with torch.enable_grad():
            leaf = x.requires_grad_()
            (slope,) = torch.autograd.grad(call.on(leaf), leaf, gradient)
        smallest = SMALLEST
        if call.name not in PIECEWISE:
            slope, smallest = _mean(slope), SMALLEST_SMOOTH
        moved = _difference(x.detach())
        secant = gradient * _difference(out) / moved
        return torch.where(moved.abs() < smallest, slope, secant), None


class _MaxPool(Function):
    """Max pooling whose windows give their difference to one or two pixels."""

    @staticmethod
    def forward(ctx: Context, x: Tensor, pool: Callable) -> tuple[Tensor, Tensor]:
        out, places = pool(x)
        ctx.kept = (x.detach().clone(), out.detach().clone(), places)
        ctx.mark_non_differentiable(places)
        return out, places

    @staticmethod
    def backward(ctx: Context, gradient: Tensor, _: Tensor) -> tuple[Tensor, None]:
        x, out, places = ctx.kept

        def placed(values: Tensor) -> Tensor:
            """Add the values of windows to the pixels that are their maxima."""
            empty = torch.zeros_like(x).flatten(2)
            return empty.scatter_add(2, places.flatten(2), values.flatten(2)).view_as(x)

        at_x, at_b = _halves(out)
        most = torch.maximum(at_x, at_b)
        of_x, of_b = _halves(placed(gradient * torch.cat([most - at_b, at_x - most])))
        moved = _difference(x)
        shares = _twice(of_x + of_b) / moved
        return torch.where(moved.abs() < SMALLEST, placed(gradient), shares), None


class _Product(Function):
    """A product of two values of the image."""

    @staticmethod
    def forward(ctx: Context, a: Tensor, b: Tensor) -> Tensor:
        ctx.kept = (a.detach().clone(), b.detach().clone())
        return a * b

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.kept
        return (gradient * _mean(b)).sum_to_size(a.shape), (gradient * _mean(a)).sum_to_size(
            b.shape
        )


class _Softmax(Function):
    """Softmax or its logarithm, with its mean gradient between both ends.

    The quadrature error is distributed in proportion to the change.
    """

    @staticmethod
    def forward(ctx: Context, x: Tensor, dim: int, log: bool) -> Tensor:
        out = x.log_softmax(dim) if log else x.softmax(dim)
        ctx.kept = (x.detach().clone(), out.detach().clone(), dim % x.ndim - x.ndim, log)
        return out

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, None, None]:
        x, out, dim, log = ctx.kept
        (end, start), (given, _), change = (
            _halves(x),
            _halves(gradient),
            _halves(_difference(x))[0],
        )
        nodes, parts = np.polynomial.legendre.leggauss(32)
        along = torch.tensor((nodes + 1) / 2).to(end).reshape(-1, *[1] * end.ndim)
        shares = torch.tensor(parts / 2).to(end).reshape(-1, *[1] * end.ndim)
        probs = torch.lerp(start, end, along).softmax(dim)
        if log:
            weights = given - (probs * shares).sum(0) * given.sum(dim, keepdim=True)
        else:
            centred = given - (probs * given).sum(dim, keepdim=True)
            weights = (probs * centred * shares).sum(0)
        goal = (given * _halves(_difference(out))[0]).sum(dim, keepdim=True)
        missed = goal - (weights * change).sum(dim, keepdim=True)
        size = change.square().sum(dim, keepdim=True).clamp(min=1e-12)
        return _twice(weights + missed * change / size), None, None


def _rescaled(call: Call) -> Tensor:
    if any(map(depends, call.args[1:])):
        return call.again()
    return _Rescale.apply(call.x, call)


def _pooled(call: Call) -> Tensor | tuple[Tensor, Tensor]:
    names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
    settings = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    settings = {k: v for k, v in settings.items() if k not in ("input", "return_indices")}
    dims = call.name.split("pool")[1][:2]
    pool = getattr(nn.functional, f"max_pool{dims}")
    found, places = _MaxPool.apply(call.x, lambda x: pool(x, **settings, return_indices=True))
    return (found, places) if call.name.endswith("with_indices") else found


def _adaptively_pooled(call: Call) -> Tensor:
    pool = getattr(nn.functional, call.name)
    size = call.args[1] if len(call.args) > 1 else call.kwargs["output_size"]
    return _MaxPool.apply(call.x, lambda x: pool(x, size, return_indices=True))[0]


def _multiplied(call: Call) -> Tensor:
    if not all(map(depends, call.args[:2])) or len(call.args[0]) != len(call.args[1]):
        return call.again()
    return _Product.apply(call.x, call.args[1])


def _normalised(call: Call) -> Tensor:
    dim = call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", -1)
    if not isinstance(dim, int) or dim % call.x.ndim == 0:
        return call.again()
    return _Softmax.apply(call.x, dim, call.name == "log_softmax")


_RULES = {
    **dict.fromkeys(ELEMENTWISE, _rescaled),
    **dict.fromkeys([f"max_pool{d}" for d in ("1d", "2d", "3d")], _pooled),
    **dict.fromkeys([f"max_pool{d}_with_indices" for d in ("1d", "2d", "3d")], _pooled),
    **dict.fromkeys([f"adaptive_max_pool{d}" for d in ("1d", "2d", "3d")], _adaptively_pooled),
    **dict.fromkeys(("mul", "multiply"), _multiplied),
    **dict.fromkeys(("softmax", "log_softmax"), _normalised),
}
