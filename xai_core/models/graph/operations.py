"""The operations of ONNX networks as calls of torch.

Attribution rules act on calls of torch, so every rule that applies to a network written in torch
applies to an imported one.

References:
    The ONNX operators, https://onnx.ai/onnx/operators
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own abbreviation

__all__ = ["OPERATIONS", "Operation"]

Inputs = Sequence[Any]
"""Tensors; None for an optional input that is not given."""
Attributes = Mapping[str, Any]
Operation = Callable[[Inputs, Attributes], Any]

MOST_VALUES = 1 << 27
"""Largest number of values that an operation may create by repetition."""
LOWEST = -1e30
"""Padding value of max pooling; finite, because relevance rules multiply by it."""


def _pads(x: Tensor, attributes: Attributes, kernel: Sequence[int]) -> list[int]:
    """Return the padding before and after each spatial axis, as ONNX orders it."""
    axes, kind = x.ndim - 2, attributes.get("auto_pad", "NOTSET")
    if kind == "NOTSET":
        return list(attributes.get("pads", [0] * 2 * axes))
    if kind == "VALID":
        return [0] * 2 * axes
    strides = attributes.get("strides", [1] * axes)
    dilations = attributes.get("dilations", [1] * axes)
    sides = zip(x.shape[2:], kernel, strides, dilations, strict=True)
    totals = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in sides]
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return [*less, *more] if kind == "SAME_UPPER" else [*more, *less]


def _padded(x: Tensor, pads: Sequence[int], value: float) -> tuple[Tensor, list[int]]:
    """Pad where torch's own symmetric padding does not suffice; return what remains to pad."""
    half = len(pads) // 2
    before, after = list(pads[:half]), list(pads[half:])
    if before == after:
        return x, before
    flat = [p for pair in zip(reversed(before), reversed(after), strict=True) for p in pair]
    return F.pad(x, flat, value=value), [0] * half


def _conv(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    x, padding = _padded(x, _pads(x, attributes, weight.shape[2:]), 0.0)
    axes = weight.ndim - 2
    call = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    return call(
        x,
        weight,
        bias,
        stride=attributes.get("strides", [1] * axes),
        padding=padding,
        dilation=attributes.get("dilations", [1] * axes),
        groups=attributes.get("group", 1),
    )


def _conv_transpose(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    axes = weight.ndim - 2
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in attributes:
        raise ValueError("a ConvTranspose must state its `pads`")
    pads = list(attributes.get("pads", [0] * 2 * axes))
    if pads[:axes] != pads[axes:]:
        raise ValueError("a ConvTranspose must pad both sides alike")
    call = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
    return call(
        x,
        weight,
        bias,
        stride=attributes.get("strides", [1] * axes),
        padding=pads[:axes],
        output_padding=attributes.get("output_padding", [0] * axes),
        groups=attributes.get("group", 1),
        dilation=attributes.get("dilations", [1] * axes),
    )


def _max_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, kernel = inputs[0], attributes["kernel_shape"]
    x, padding = _padded(x, _pads(x, attributes, kernel), LOWEST)
    return F.max_pool2d(
        x,
        kernel,
        stride=attributes.get("strides", [1, 1]),
        padding=padding,
        dilation=attributes.get("dilations", [1, 1]),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _average_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, kernel = inputs[0], attributes["kernel_shape"]
    pads, whole = _pads(x, attributes, kernel), bool(attributes.get("count_include_pad", 0))
    if pads[:2] != pads[2:] and not whole:
        raise ValueError("an AveragePool must pad both sides alike, or count its padding")
    x, padding = _padded(x, pads, 0.0)
    return F.avg_pool2d(
        x,
        kernel,
        stride=attributes.get("strides", [1, 1]),
        padding=padding,
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
        count_include_pad=whole,
    )


def _gemm(inputs: Inputs, attributes: Attributes) -> Tensor:
    a, b, c = (*inputs, None)[:3]
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    a = a.mT if attributes.get("transA", 0) else a
    weight = b if attributes.get("transB", 0) else b.mT
    weight = weight if alpha == 1 else weight * alpha
    c = c if c is None or beta == 1 else c * beta
    if c is None or c.ndim == 1:
        return F.linear(a, weight, None if c is None else c.expand(len(weight)))
    return torch.add(F.linear(a, weight), c)


def _batch_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, scale, bias, mean, variance = inputs
    epsilon = attributes.get("epsilon", 1e-5)
    return F.batch_norm(x, mean, variance, scale, bias, training=False, eps=epsilon)


def _layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, scale, bias = (*inputs, None)[:3]
    shape = x.shape[attributes.get("axis", -1) % x.ndim :]
    scale = scale.expand(shape)
    bias = None if bias is None else bias.expand(shape)
    return F.layer_norm(x, shape, scale, bias, attributes.get("epsilon", 1e-5))


def _clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, low, high = (*inputs, None, None)[:3]
    low = attributes.get("min") if low is None else float(low)
    high = attributes.get("max") if high is None else float(high)
    return torch.clamp(x, low, high)


def _flatten(inputs: Inputs, attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", 1)
    if axis != 1:
        raise ValueError("a Flatten must keep the first axis, the batch")
    return torch.flatten(inputs[0], 1)


def _reshape(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, shape = inputs[0], inputs[1].tolist()
    if not attributes.get("allowzero", 0):
        shape = [x.shape[k] if n == 0 else n for k, n in enumerate(shape)]
    return torch.reshape(x, shape)


def _axes(inputs: Inputs, attributes: Attributes) -> list[int] | None:
    """Read axes, which older versions keep as attributes and newer ones as an input."""
    if len(inputs) > 1 and inputs[1] is not None:
        return inputs[1].tolist()
    return attributes.get("axes")


def _squeeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    axes = _axes(inputs, attributes)
    return torch.squeeze(inputs[0]) if axes is None else torch.squeeze(inputs[0], tuple(axes))


def _unsqueeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, axes = inputs[0], _axes(inputs, attributes) or []
    rank = x.ndim + len(axes)
    for axis in sorted(a % rank for a in axes):
        x = torch.unsqueeze(x, axis)
    return x


def _reduce(call: Callable[..., Tensor]) -> Operation:
    def reduce(inputs: Inputs, attributes: Attributes) -> Tensor:
        x, axes = inputs[0], _axes(inputs, attributes)
        chosen = list(range(x.ndim)) if axes is None else axes
        return call(x, chosen, keepdim=bool(attributes.get("keepdims", 1)))

    return reduce


def _slice(inputs: Inputs, attributes: Attributes) -> Tensor:
    x = inputs[0]
    for start, end, axis, step in zip(*_slice_parts(inputs, attributes), strict=True):
        if step < 1:
            raise ValueError("a Slice must have positive steps")
        index = [slice(None)] * x.ndim
        index[axis] = slice(start, end, step)
        x = x[tuple(index)]
    return x


def _gather(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, index, axis = inputs[0], inputs[1].long().to(inputs[0].device), attributes.get("axis", 0)
    index = torch.where(index < 0, index + x.shape[axis], index)
    found = torch.index_select(x, axis, index.reshape(-1))
    axis %= x.ndim
    return found.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _pad(inputs: Inputs, attributes: Attributes) -> Tensor:
    x = inputs[0]
    if attributes.get("mode", "constant") != "constant" or len(inputs) > 3:
        raise ValueError("a Pad must be constant, on all axes")
    pads = attributes["pads"] if "pads" in attributes else inputs[1].tolist()
    value = attributes.get("value", 0.0)
    if len(inputs) > 2 and inputs[2] is not None:
        value = float(inputs[2])
    half = len(pads) // 2
    sides = zip(reversed(pads[:half]), reversed(pads[half:]), strict=True)
    _check_size(n + a + b for n, a, b in zip(x.shape, pads[:half], pads[half:], strict=True))
    return F.pad(x, [p for pair in sides for p in pair], value=value)


def _resize(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, mode = inputs[0], attributes.get("mode", "nearest")
    sizes = inputs[3].tolist() if len(inputs) > 3 and inputs[3] is not None else None
    if sizes is None:
        scales = inputs[1] if len(inputs) == 2 else inputs[2]
        sizes = [math.floor(n * s) for n, s in zip(x.shape, scales.tolist(), strict=True)]
    _check_size(sizes)
    where = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        return F.interpolate(x, sizes[2:], mode="nearest")
    if mode != "linear" or where not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise ValueError(f"a Resize by {mode}, {where}, has no counterpart")
    return F.interpolate(x, sizes[2:], mode="bilinear", align_corners=where == "align_corners")


def _split(inputs: Inputs, attributes: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], attributes.get("axis", 0)
    sizes = attributes.get("split")
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = inputs[1].tolist()
    count = attributes.get("num_outputs", 2)
    return torch.split(x, -(-x.shape[axis] // count) if sizes is None else sizes, axis)


def _expand(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, shape = inputs[0], inputs[1].tolist()
    shape = torch.broadcast_shapes(x.shape, shape)
    _check_size(shape)
    return x.expand(shape)


def _filled(inputs: Inputs, attributes: Attributes) -> Tensor:
    shape = inputs[0].tolist()
    _check_size(shape)
    value = attributes.get("value", 0.0)
    return torch.full(shape, value, dtype=torch.int64 if type(value) is int else torch.float32)


def _cast(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, to = inputs[0], attributes["to"]
    if to in (1, 10, 11, 16):  # one precision for all floats: that of the weights
        return x if x.is_floating_point() else x.float()
    return x.bool() if to == 9 else x.long()


def _check_size(shape: Any) -> None:  # noqa: ANN401  any iterable of whole numbers
    if math.prod(max(int(n), 0) for n in shape) > MOST_VALUES:
        raise ValueError("an operation would create more than a hundred million values")


def _slice_parts(inputs: Inputs, attributes: Attributes) -> list[list[int]]:
    """Read where each axis starts and ends, the axes, and the steps."""
    given = [None if part is None else part.tolist() for part in inputs[1:]]
    if not given:
        given = [attributes.get(name) for name in ("starts", "ends", "axes")]
    starts, ends, axes, steps = (*given, None, None)[:4]
    if starts is None or ends is None:
        raise ValueError("a Slice must state where it starts and ends")
    return [starts, ends, axes or list(range(len(starts))), steps or [1] * len(starts)]


def _on(call: Callable[..., Tensor], **names: tuple[str, Any]) -> Operation:
    """Call a function of the inputs; each keyword is an attribute with its default."""

    def run(inputs: Inputs, attributes: Attributes) -> Tensor:
        given = {key: attributes.get(name, usual) for key, (name, usual) in names.items()}
        return call(*inputs, **given)

    return run


def _softmax(call: Callable[..., Tensor]) -> Operation:
    return lambda inputs, attributes: call(inputs[0], dim=attributes.get("axis", -1))


def _numbers(inputs: Inputs) -> bool:
    """Return whether whole numbers are divided, as in the arithmetic of shapes."""
    return all(not part.is_floating_point() for part in inputs)


def _divide(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.div(*inputs, rounding_mode="trunc" if _numbers(inputs) else None)


def _folded(call: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    """Combine any number of inputs in pairs."""
    return lambda inputs, _: functools.reduce(call, inputs)


def _instance_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, scale, bias = inputs
    return F.instance_norm(x, weight=scale, bias=bias, eps=attributes.get("epsilon", 1e-5))


def _depth_to_space(inputs: Inputs, attributes: Attributes) -> Tensor:
    if attributes.get("mode", "DCR") != "CRD":
        raise ValueError("a DepthToSpace must be of the mode CRD")
    return F.pixel_shuffle(inputs[0], attributes["blocksize"])


OPERATIONS: dict[str, Operation] = {
    "Abs": _on(torch.abs),
    "Add": _on(torch.add),
    "And": _on(torch.logical_and),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Ceil": _on(torch.ceil),
    "Clip": _clip,
    "Concat": lambda inputs, attributes: torch.cat(list(inputs), attributes["axis"]),
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": _divide,
    "Elu": _on(F.elu, alpha=("alpha", 1.0)),
    "Equal": _on(torch.eq),
    "Erf": _on(torch.erf),
    "Exp": _on(torch.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _on(torch.floor),
    "Gather": _gather,
    "Gelu": _on(F.gelu, approximate=("approximate", "none")),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda inputs, _: F.adaptive_avg_pool2d(inputs[0], 1),
    "GlobalMaxPool": lambda inputs, _: F.adaptive_max_pool2d(inputs[0], 1),
    "Greater": _on(torch.gt),
    "HardSigmoid": lambda inputs, attributes: torch.clamp(
        torch.add(torch.mul(inputs[0], attributes.get("alpha", 0.2)), attributes.get("beta", 0.5)),
        0,
        1,
    ),
    "HardSwish": _on(F.hardswish),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _on(F.leaky_relu, negative_slope=("alpha", 0.01)),
    "Less": _on(torch.lt),
    "Log": _on(torch.log),
    "LogSoftmax": _softmax(F.log_softmax),
    "MatMul": _on(torch.matmul),
    "Max": _folded(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _folded(torch.minimum),
    "Mod": _on(torch.remainder),
    "Mul": _on(torch.mul),
    "Neg": _on(torch.neg),
    "Not": _on(torch.logical_not),
    "Or": _on(torch.logical_or),
    "PRelu": lambda inputs, _: F.prelu(inputs[0], inputs[1].reshape(-1)),
    "Pad": _pad,
    "Pow": _on(torch.pow),
    "Reciprocal": _on(torch.reciprocal),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _on(F.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Selu": _on(F.selu),
    "Shape": lambda inputs, attributes: torch.tensor(inputs[0].shape)[
        attributes.get("start", 0) : attributes.get("end")
    ],
    "Sigmoid": _on(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax(F.softmax),
    "Softplus": _on(F.softplus),
    "Split": _split,
    "Sqrt": _on(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _on(torch.sub),
    "Tanh": _on(torch.tanh),
    "Transpose": lambda inputs, attributes: torch.permute(
        inputs[0], attributes.get("perm", list(range(inputs[0].ndim))[::-1])
    ),
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
    "Where": lambda inputs, _: torch.where(inputs[0].bool(), inputs[1], inputs[2]),
}
"""By ONNX name; each is a function of inputs and attributes."""
