"""Run any function with some of its operations replaced, wherever it calls them.

An attribution rule changes the backward pass of an operation. Rules intercept calls of torch
itself, so they see modules, functional calls, hooks and skip connections alike. The function runs
unmodified; no network is copied or changed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

__all__ = ["Call", "Context", "Replaced", "Rule", "depends", "graph_operations"]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of an operation whose first argument needs a gradient.

    Attributes:
        name: Name of the operation, without the in-place suffix.
        function: The function called.
        args: Positional arguments.
        kwargs: Keyword arguments, without `inplace`.
        in_place: Whether the call overwrites its first argument.
    """

    name: str
    function: Callable
    args: tuple
    kwargs: dict
    in_place: bool

    @property
    def x(self) -> Tensor:
        """Return the first argument; a copy if the call overwrites it."""
        return self.args[0].clone() if self.in_place else self.args[0]

    def on(self, x: Tensor) -> Tensor:
        """Evaluate the operation with another first argument, which is not overwritten."""
        return self.function(x.clone() if self.in_place else x, *self.args[1:], **self.kwargs)

    def again(self) -> Tensor:
        """Repeat the call without overwriting its argument."""
        return self.function(self.x, *self.args[1:], **self.kwargs)


Context = Any
"""The context of a `torch.autograd.Function`; it stores `kept` for the backward pass."""
Rule = Callable[[Call], Tensor | tuple[Tensor, ...]]
"""Evaluates a call with a custom gradient."""


class Replaced(TorchFunctionMode):
    """Evaluates a function, applying rules to the calls that depend on its argument."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self.rules = rules

    def run(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Evaluate a function at `x`, on this thread."""
        _mark(x)
        with self:
            return function(x)

    def __torch_function__(  # noqa: D105
        self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        kwargs = dict(kwargs or {})
        if not args and "input" in kwargs:
            args = (kwargs.pop("input"),)
        if not any(map(depends, [*args, *kwargs.values()])):
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        overwrites = name.endswith("_") and not name.startswith("__")
        name = name.removesuffix("_") if overwrites else name
        rule = self.rules.get(name)
        if rule is None:
            found = func(*args, **kwargs)
        else:
            in_place = bool(kwargs.pop("inplace", False)) or overwrites
            found = rule(Call(name, func, args, kwargs, in_place))
            found = args[0].copy_(found) if in_place else found
        _mark(found)
        return found


def depends(value: object) -> bool:
    """Return whether a value, or an element of a list, was computed from the argument of `run`."""
    if isinstance(value, list | tuple):
        return any(map(depends, value))
    return isinstance(value, Tensor) and getattr(value, "_from_argument", False)


def _mark(found: object) -> None:
    for value in found if isinstance(found, list | tuple) else [found]:
        if isinstance(value, Tensor) and value.requires_grad:
            value._from_argument = True  # type: ignore[attr-defined]


def graph_operations(output: Tensor) -> Iterator[tuple[str, bool]]:
    """Name every operation between an output and its inputs, as autograd recorded them.

    Yields:
        The name, and whether it is a `torch.autograd.Function` written in Python.
    """
    waiting, seen = [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        written = isinstance(node, BackwardCFunction)
        name = (type(node).__name__ if written else node.name()).rpartition("::")[2]
        yield name.rstrip("0123456789").removesuffix("Backward"), written
        waiting += [before for before, _ in node.next_functions]
