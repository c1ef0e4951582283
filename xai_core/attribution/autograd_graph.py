"""What a function is composed of, by the names that autograd gave its operations.

The lists say what is known of an operation; one that is on none of them is not assumed to be
harmless.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

__all__ = ["LINEAR", "MOVES", "ORDERS", "SMOOTH", "Operation", "operations_between"]

MOVES = (
    *("AccumulateGrad", "CopySlices", "CopyBackwards", "ToCopy", "Clone", "Alias", "AsStrided"),
    *("View", "UnsafeView", "Reshape", "ReshapeAlias", "Permute", "Transpose", "T", "Squeeze"),
    *("Unsqueeze", "Expand", "Select", "Slice", "Index", "Gather", "Cat", "Stack", "Split"),
    *("SplitWithSizes", "Unbind", "Flip", "Roll", "ConstantPadNd", "PixelShuffle", "Repeat"),
)
"""Operations that move or copy values without changing them."""
LINEAR = (
    *("Add", "Sub", "Rsub", "Mul", "Div", "Neg", "Sum", "Mean", "Cumsum", "Lerp", "Addcmul"),
    *("Addcdiv", "Convolution", "MkldnnConvolution", "CudnnConvolution", "Addmm", "Mm", "Bmm"),
    *("Mv", "Addmv", "Addr", "Dot", "Baddbmm", "Addbmm", "Linear", "MkldnnLinear", "Trilinear"),
    *("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "NativeBatchNormLegitNoTraining"),
    *("AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnReshape"),
    *("ToDense", "ToMkldnn", "Im2Col", "Col2Im", "Unfold", "IndexSelect", "IndexAdd"),
    *("ScatterAdd", "Take", "Trace", "Tril", "Triu", "Diagonal", "DiagEmbed", "Rot90"),
    *("PixelUnshuffle", "ChannelShuffle", "UnsafeSplit", "UnsafeSplitWithSizes", "MaxUnpool2D"),
    *("ReflectionPad1D", "ReflectionPad2D", "ReplicationPad1D", "ReplicationPad2D"),
    *("UpsampleNearest1D", "UpsampleNearest2D", "UpsampleNearestExact2D", "UpsampleLinear1D"),
    *("UpsampleBilinear2D", "UpsampleBicubic2D", "UpsampleBilinear2DAa", "UpsampleBicubic2DAa"),
    *("GridSampler2D", "CudnnGridSampler", "AffineGridGenerator", "NativeDropout"),
    *("FusedDropout", "FftR2C", "FftC2R", "FftC2C", "ViewAsReal", "ViewAsComplex", "Complex"),
    *("Conj", "ConjPhysical", "WeightNormInterface"),
)
"""Sums, products and operations that are linear in each of their arguments."""
SMOOTH = (
    *("Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1P", "Sqrt", "Rsqrt", "Reciprocal"),
    *("Pow", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh", "Asinh", "Atan", "Erf", "Erfc"),
    *("Sigmoid", "Softmax", "LogSoftmax", "SafeSoftmax", "Logsumexp", "Logcumsumexp"),
    *("Prod", "Cumprod", "Var", "VarMean", "Std", "StdMean", "Norm", "LinalgVectorNorm"),
    *("NativeLayerNorm", "NativeGroupNorm", "FusedRmsNorm", "Cdist", "EuclideanDist"),
    *("ScaledDotProductFlashAttentionForCpu", "ScaledDotProductFlashAttention"),
    *("ScaledDotProductEfficientAttention", "ScaledDotProductCudnnAttention"),
)
"""Operations with a slope that changes without a jump. What is composed of them is smooth, however
near it comes to a ReLU, as `x * torch.sigmoid(100 * x)` does: it has no switch that a rule for
ReLU could set, so its own slope counts."""
LENGTHS = ("Norm", "LinalgVectorNorm", "Cdist", "EuclideanDist")
"""Lengths and distances: smooth, except that the length of a single number is its absolute
value."""
SPREADS = ("Std", "StdMean")
"""Standard deviations: smooth, except that that of a number and its negative is its absolute
value."""
ORDERS = (
    *("MaxPool2DWithIndices", "MaxPool3DWithIndices", "MkldnnMaxPool2D", "AdaptiveMaxPool2D"),
    *("Max", "Min", "Amax", "Amin", "Aminmax", "Sort", "Topk", "Kthvalue", "Median", "Cummax"),
    "Cummin",
)
"""Operations that select among values. A selection counts as pooling if the values are at
different positions or in different channels."""


POOLS = tuple(name for name in ORDERS if "Pool" in name)


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation as autograd recorded it.

    Attributes:
        node: Its node in the graph.
    """

    node: Node

    @property
    def written(self) -> bool:
        """Return whether it is a `torch.autograd.Function` written in Python."""
        return isinstance(self.node, BackwardCFunction)

    @property
    def name(self) -> str:
        """Return its name, without `Backward` and the number of its variant."""
        name = type(self.node).__name__ if self.written else self.node.name()
        return name.rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")

    @property
    def first(self) -> "Operation | None":
        """Return the operation that gave its first argument; None for a constant."""
        before = [node for node, _ in self.node.next_functions[:1] if node is not None]
        return Operation(before[0]) if before else None

    @property
    def compares_functions(self) -> bool:
        """Return whether it chooses among tensors that were put side by side for it."""
        found, moved = self.first, False
        while found is not None and found.name in MOVES and found.name not in _JOINED:
            moved = moved or found.name != "Clone"
            found = found.first
        chooses = self.name in (*ORDERS, *SPREADS)
        if not chooses or found is None or found.name not in _JOINED:
            return False
        if self.name in POOLS:
            if found.name == "ConstantPadNd" or (moved and found.name == "Cat"):
                return False
            return moved or not _joined(found.node).isdisjoint((-2, -1))
        return moved or not _chosen(self.node, found.node).isdisjoint(_joined(found.node))

    @property
    def is_length_of_numbers(self) -> bool:
        """Return whether it is an absolute value, written as the length of single numbers."""
        before = self.first
        if self.name not in LENGTHS or before is None:
            return False
        return _numbers(before.node) == _numbers(self.node)

    @property
    def is_root_of_a_square(self) -> bool:
        """Return whether it is an absolute value, written as a root."""
        power = self.first
        if self.name not in ("Sqrt", "Pow") or power is None:
            return False
        factors = [node for node, _ in power.node.next_functions]
        return power.name == "Pow" or (power.name == "Mul" and factors[0] is factors[-1])


_JOINED = ("Cat", "Stack", "ConstantPadNd")


def _numbers(node: Node) -> int:
    """Count the numbers that an operation returned."""
    return math.prod(node._input_metadata[0].shape)  # type: ignore[attr-defined]


def _rank(node: Node) -> int:
    return len(node._input_metadata[0].shape)  # type: ignore[attr-defined]


def _joined(node: Node) -> set[int]:
    """Return the dimensions in which tensors, or a tensor and a constant, were joined."""
    if "ConstantPad" in node.name():
        pad = node._saved_pad  # type: ignore[attr-defined]
        return {-1 - place // 2 for place, width in enumerate(pad) if width}
    return _from_end([node._saved_dim], _rank(node))  # type: ignore[attr-defined]


def _chosen(node: Node, before: Node) -> set[int]:
    """Return the dimensions among whose values an operation chooses."""
    rank, dim = _rank(before), getattr(node, "_saved_dim", None)
    if dim is None or dim == ():
        return {*range(-rank, 0)}
    return _from_end(dim if isinstance(dim, tuple) else [dim], rank)


def _from_end(dims: Sequence[int], rank: int) -> set[int]:
    """Count dimensions from the end; autograd stores -1 as the largest number of 64 bits."""
    return {(dim - 2**64 if dim >= 2**63 else dim) % rank - rank for dim in dims}


def operations_between(output: Tensor, leaf: Tensor) -> Iterator[Operation]:
    """Return the operations by which an output depends on a leaf.

    What is computed from weights alone is none of them.
    """
    users: dict[Node, list[Node]] = {}
    waiting = [] if output.grad_fn is None else [output.grad_fn]
    seen = {*waiting}
    while waiting:
        node = waiting.pop()
        for before, _ in node.next_functions:
            if before is not None:
                users.setdefault(before, []).append(node)
                if before not in seen:
                    seen.add(before)
                    waiting.append(before)
    waiting = [node for node in seen if getattr(node, "variable", None) is leaf]
    found = {*waiting}
    while waiting:
        node = waiting.pop()
        yield Operation(node)
        further = [user for user in users.get(node, []) if user not in found]
        found.update(further)
        waiting += dict.fromkeys(further)
