"""Layer-wise relevance: each operation distributes its relevance over its inputs.

Convolutions use the gamma rule, dense and other linear operations the epsilon rule, and
activations pass relevance through unchanged. A sum of two branches divides relevance in proportion
to the terms.

Captum sets such rules on the modules of a network without branches; zennit also uses modules, with
a canoniser for each architecture. Rules set on calls need neither, so any function composed of
known operations can be explained; the autograd graph shows whether it is.

References:
    Layer-Wise Relevance Propagation: An Overview (Montavon et al., 2019),
    https://doi.org/10.1007/978-3-030-28954-6_10, for the rule of each layer.
    Captum (Kokhlikyan et al., 2020), https://arxiv.org/abs/2009.07896; results equal Captum's.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import Function

from .._types import Images
from .autograd_graph import MOVES, operations_between
from .operations import Call, Context, Replaced, depends
from .task import AttributionTask

__all__ = ["lrp"]

STABILISER = 1e-9
"""Epsilon of operations that `AttributionConfig.epsilon` does not cover."""
LINEAR = (
    *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "flatten"),
    *("batch_norm", "mean", "sum", "conv_transpose2d", "interpolate"),
)
"""Operations that are linear once the maxima are fixed; they divide relevance by contribution."""
ACTIVATIONS = (
    *("relu", "clamp", "clamp_min", "leaky_relu", "gelu", "silu", "elu", "selu", "celu", "mish"),
    *("tanh", "hardswish", "hardtanh", "relu6", "softplus", "prelu"),
)


def lrp(task: AttributionTask) -> Images:
    """Propagate the output back: gamma rule in convolutions, epsilon in dense operations.

    If the function ends in a softmax or log-softmax, propagation starts at the logit.
    """
    leaf = task.leaf()
    last: dict[str, Tensor] = {}

    def skip(call: Call) -> Tensor:
        last["logits"] = call.x
        return last["logits"]

    rules = _rules(task.config.gamma, task.config.epsilon)
    outputs = Replaced({**rules, "softmax": skip, "log_softmax": skip}).run(task.forward, leaf)
    if last and outputs is not last["logits"]:
        raise ValueError(_refusal("a softmax before its last operation"))
    for operation in operations_between(outputs, leaf):
        if operation.name not in (*MOVES, _Relevance.__name__, _Passed.__name__):
            raise ValueError(_refusal(operation.name))
    chosen = task.chosen(outputs)
    (relevance,) = torch.autograd.grad(chosen.sum(), leaf)
    return (relevance * chosen.reshape(-1, 1, 1, 1)).detach()


def _refusal(what: str) -> str:
    return (
        f"`lrp` has no rule for {what}, which `forward` uses. Use a method that takes any "
        "function, such as integrated_gradients."
    )


class _Relevance(Function):
    """An operation that divides relevance among its inputs by their contributions."""

    @staticmethod
    def forward(
        ctx: Context, plain: Callable, weighted: Callable, epsilon: float, *inputs: Tensor
    ) -> Tensor:
        ctx.kept = (weighted, epsilon, [x.detach().clone() for x in inputs])
        found = plain(*inputs)
        return found.clone() if found._is_view() else found  # else it could not be overwritten

    @staticmethod
    def backward(ctx: Context, relevance: Tensor) -> tuple[Tensor | None, ...]:
        weighted, epsilon, inputs = ctx.kept
        with torch.enable_grad():
            inputs = [x.requires_grad_() for x in inputs]
            sums = weighted(*inputs)
        sign = torch.where(sums < 0, -1.0, 1.0).to(sums)
        share = relevance / (sums.detach() + sign * epsilon)
        slopes = torch.autograd.grad(sums, inputs, share)
        shares = [slope * x.detach() for slope, x in zip(slopes, inputs, strict=True)]
        return (None, None, None, *shares)


class _Passed(Function):
    """An activation that passes relevance through unchanged."""

    @staticmethod
    def forward(ctx: Context, x: Tensor, call: Call) -> Tensor:
        return call.on(x)

    @staticmethod
    def backward(ctx: Context, relevance: Tensor) -> tuple[Tensor, None]:
        return relevance, None


def _rules(gamma: float, epsilon: float) -> dict[str, Callable[[Call], Tensor]]:
    def convolution(call: Call) -> Tensor:
        return _Relevance.apply(call.on, _with_gamma(call, gamma), STABILISER, call.x)

    def dense(call: Call) -> Tensor:
        return _Relevance.apply(call.on, call.on, epsilon, call.x)

    def linear(call: Call) -> Tensor:
        return _Relevance.apply(call.on, call.on, STABILISER, call.x)

    def activation(call: Call) -> Tensor:
        return _Passed.apply(call.x, call)

    return {
        **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
        "linear": dense,
        "matmul": lambda call: call.again() if depends(call.args[1]) else dense(call),
        **dict.fromkeys(LINEAR, linear),
        **dict.fromkeys(ACTIVATIONS, activation),
        **dict.fromkeys(("add", "sub"), _added),
        **dict.fromkeys(("mul", "div", "__rsub__"), _scaled),
        **dict.fromkeys(("dropout", "dropout2d", "feature_dropout"), lambda call: call.x),
    }


def _with_gamma(call: Call, gamma: float) -> Callable[[Tensor], Tensor]:
    """Evaluate a convolution with extra weight on positive contributions."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    weight = given.pop("weight").detach()
    weight = weight + gamma * weight.clamp(min=0)
    del given["input"]
    return lambda x: call.function(x, weight, **given)


def _added(call: Call) -> Tensor:
    """Divide relevance between two summands; a constant absorbs its share like a bias."""
    if not depends(call.args[1]):
        return _Relevance.apply(call.on, call.on, STABILISER, call.x)
    if not depends(call.args[0]) or call.kwargs or call.args[0].shape != call.args[1].shape:
        return call.again()

    def both(a: Tensor, b: Tensor) -> Tensor:
        return a + b if call.name == "add" else a - b

    return _Relevance.apply(both, both, STABILISER, call.x, call.args[1])


def _scaled(call: Call) -> Tensor:
    """Pass relevance through a factor that does not depend on the image."""
    if not depends(call.args[0]) or depends(call.args[1]):
        return call.again()
    return _Relevance.apply(call.on, call.on, STABILISER, call.x)
