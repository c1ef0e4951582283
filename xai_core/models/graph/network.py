"""A network read from data: named operations in order, and their weights."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .operations import OPERATIONS

__all__ = ["GraphNetwork", "without_last"]

MOST_WEIGHTS = 1 << 28
"""Largest number of weights: 1 GiB."""
MOST_NODES = 20_000


class GraphNetwork(nn.Module):
    """Evaluates a list of operations; the only code that runs is that of `OPERATIONS`.

    Args:
        graph: As JSON holds it: "input"; "outputs"; "nodes", each [operation, inputs, outputs,
            attributes], in order; "weights", the shape of each; and "constants", whole numbers.

    Raises:
        ValueError: If an operation is unknown, a name is not defined, or the sizes are impossible.
    """

    def __init__(self, graph: Mapping[str, Any]) -> None:
        super().__init__()
        _check(graph)
        self.graph = graph
        for name, shape in graph["weights"].items():
            weight = nn.Parameter(torch.zeros(shape), requires_grad=False)
            self.register_parameter(name, weight)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Evaluate the outputs: one tensor, or several."""
        values: dict[str, Any] = {self.graph["input"]: x, "": None, **self._parameters}
        for name, value in self.graph["constants"].items():
            values[name] = torch.tensor(value, dtype=torch.int64)  # sizes and indices: on the CPU
        for operation, inputs, outputs, attributes in self.graph["nodes"]:
            found = OPERATIONS[operation]([values[name] for name in inputs], attributes)
            several = found if isinstance(found, tuple) else (found,)
            values.update(zip(outputs, several, strict=False))
        found = tuple(values[name] for name in self.graph["outputs"])
        return found[0] if len(found) == 1 else found


def without_last(graph: Mapping[str, Any], *operations: str) -> tuple[Mapping[str, Any], str]:
    """Remove the last operation of a graph with one output, if it is one of those named.

    Returns:
        The graph, and the name of the operation removed; empty if none was.
    """
    if not graph["nodes"] or len(graph["outputs"]) != 1:
        return graph, ""
    operation, inputs, outputs, _ = graph["nodes"][-1]
    if operation not in operations or outputs != graph["outputs"]:
        return graph, ""
    return {**graph, "nodes": graph["nodes"][:-1], "outputs": inputs[:1]}, operation


def _check(graph: Mapping[str, Any]) -> None:
    weights, constants, nodes = graph["weights"], graph["constants"], graph["nodes"]
    if sum(math.prod(shape) for shape in weights.values()) > MOST_WEIGHTS:
        raise ValueError(f"it has more than {MOST_WEIGHTS:,} weights")
    if len(nodes) > MOST_NODES:
        raise ValueError(f"it has more than {MOST_NODES:,} operations")
    if not all(name.isidentifier() and name.startswith("w") for name in weights):
        raise ValueError("a weight has an impossible name")
    known = {"", graph["input"], *weights, *constants}
    for operation, inputs, outputs, _ in nodes:
        if operation not in OPERATIONS:
            raise ValueError(f"it uses the operation {operation!r:.60}, which is not known")
        if missing := [name for name in inputs if name not in known]:
            raise ValueError(f"an operation {operation} reads {missing[0]!r:.60} too early")
        known.update(outputs)
    if not graph["outputs"] or not {*graph["outputs"]} <= known - {""}:
        raise ValueError("no operation computes its output")
