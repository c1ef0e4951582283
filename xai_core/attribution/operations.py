"""Run any function with some of its operations replaced, wherever it calls them.

An attribution rule changes the backward pass of an operation. Rules intercept calls of torch
itself, so they see modules, functional calls, hooks and skip connections alike. The function runs
unmodified; no network is copied or changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Call", "Context", "Replaced", "Rule", "depends"]

STEPS = ("sign", "sgn", "heaviside", "round", "floor", "ceil", "trunc")
"""Step functions with a floating-point result. Every operation with an integer or boolean result
also counts as a step function."""
BLANK = ("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like")
"""Operations that read no value of their argument, like those whose names begin with `new_`."""
SEARCHES = (
    *("max", "min", "argmax", "argmin", "sort", "argsort", "topk", "kthvalue", "median"),
    *("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d"),
    *("max_pool2d_with_indices", "adaptive_max_pool2d_with_indices"),
)
"""Operations that return positions of values. Reading the input at these positions is equivalent
to taking the maximum, so it is not a mask."""
READERS = ("__getitem__", "gather", "take_along_dim", "index_select", "take", "max_unpool2d")
"""Operations that read values at given places."""
RESHAPES = ("unsqueeze", "squeeze", "view", "reshape", "flatten", "expand", "expand_as")


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
    """Evaluates a function, applying rules to the calls that depend on its argument.

    Attributes:
        rules: Rules by the names of operations.
        gated: Names of the operations that combine what depends on the argument with a step
            function of it, such as `x > 0`, which autograd takes for a constant.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self.rules = rules
        self.gated: set[str] = set()

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
        given = _origins([*args, *kwargs.values()])
        name = getattr(func, "__name__", "")
        overwrites = name.endswith("_") and not name.startswith("__")
        name = name.removesuffix("_") if overwrites else name
        rule = self.rules.get(name)
        if "value" not in given:
            found = func(*args, **kwargs)
        elif rule is not None:
            in_place = bool(kwargs.pop("inplace", False)) or overwrites
            found = rule(Call(name, func, args, kwargs, in_place))
            found = args[0].copy_(found) if in_place else found
        elif (overwrites or name == "__setitem__") and args[0]._is_view():
            found = _overwrite(func, args, kwargs)
        else:
            found = func(*args, **kwargs)
        if "value" in given and given & ({"step"} if name in READERS else {"step", "place"}):
            self.gated.add(name)
        _mark(found, name, given)
        return found


def _overwrite(func: Callable, args: tuple, kwargs: dict) -> Tensor:
    """Overwrite a view by way of a copy, so that autograd names the operation."""
    copy = args[0].clone()
    func(copy, *args[1:], **kwargs)
    return args[0].copy_(copy)


def depends(value: object) -> bool:
    """Return whether a value, or an element of a list, has a gradient in the argument of `run`."""
    return "value" in _origins(value)


def _origins(value: object) -> set[str]:
    """Return how values were computed from the argument of `run`.

    "value" has a gradient; "step" is a step function, "place" says where a value lies, and "rest"
    is anything else without a gradient.
    """
    if isinstance(value, list | tuple):
        return set().union(*map(_origins, value))
    mark = getattr(value, "_from_argument", None) if isinstance(value, Tensor) else None
    return {mark} if mark else set()


def _mark(found: object, name: str = "", given: set[str] = frozenset({"value"})) -> None:  # type: ignore[assignment]
    if not given or name in BLANK or name.startswith("new_"):
        return
    for value in found if isinstance(found, list | tuple) else [found]:
        if not isinstance(value, Tensor):
            continue
        if value.requires_grad:
            mark = "value"
        elif name in SEARCHES or (given == {"place"} and name in (*RESHAPES, *READERS)):
            mark = "place"
        elif not value.is_floating_point() or name in STEPS or given <= {"step", "place"}:
            mark = "step"
        else:
            mark = "rest"
        value._from_argument = mark  # type: ignore[attr-defined]
