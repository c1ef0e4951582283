"""Find the networks that functions use, evaluate them and restore their state.

Users' functions may contain a network in training mode. `left_as_found` switches it to evaluation
mode and undoes every change, also after an exception.
"""

import copy
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType

import torch
from torch import Tensor, nn

__all__ = ["dtype_of", "in_float32", "is_half", "left_as_found", "modules_of", "working_dtype"]


def modules_of(*functions: object) -> list[nn.Module]:
    """Find the networks of functions: the functions themselves, their owners and closures."""
    return [found for found in _reachable(functions) if isinstance(found, nn.Module)]


def _reachable(functions: tuple[object, ...]) -> list[nn.Module | Tensor]:
    """Follow functions to the modules and tensors that they use, each once."""
    waiting, seen = list(functions), set()
    found: list[nn.Module | Tensor] = []
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, nn.Module | Tensor):
            found.append(item)
        elif isinstance(item, functools.partial):
            waiting += [item.func, *item.args, *item.keywords.values()]
        elif inspect.ismethod(item):
            waiting += [item.__self__, item.__func__]
        elif inspect.isfunction(item):
            waiting += _closed_over(item)
        elif not isinstance(item, type) and not inspect.ismodule(item):
            waiting += [v for v in getattr(item, "__dict__", {}).values() if _is_part(v)]
            call = getattr(type(item), "__call__", None)  # noqa: B004
            waiting += [call] if inspect.isfunction(call) else []
    return found


def _closed_over(function: FunctionType) -> list[object]:
    """List the objects that a function references; for torch decorators, the wrapped function."""
    if (function.__module__ or "").partition(".")[0] == "torch":
        return [getattr(function, "__wrapped__", None)]
    try:
        used = inspect.getclosurevars(function)
    except ValueError:  # a name not assigned yet
        return []
    return [*used.nonlocals.values(), *used.globals.values()]


def _is_part(value: object) -> bool:
    return isinstance(value, nn.Module | Tensor | functools.partial) or inspect.isroutine(value)


def dtype_of(*functions: object) -> torch.dtype | None:
    """Return the precision of the first weights that functions use; None if there are none."""
    for item in _reachable(functions):
        tensors = [item] if isinstance(item, Tensor) else [*item.parameters(), *item.buffers()]
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def is_half(dtype: torch.dtype | None) -> bool:
    """Return whether a type is too coarse for sums of many numbers."""
    return dtype in (torch.float16, torch.bfloat16)


def working_dtype(*dtypes: torch.dtype | None) -> torch.dtype:
    """Return the precision to compute in: float64 if any function uses it, otherwise float32."""
    return torch.float64 if torch.float64 in dtypes else torch.float32


def in_float32(function: Callable) -> Callable | None:
    """Copy a network, or the network that a method belongs to, in float32; None for others."""
    if isinstance(function, nn.Module):
        return copy.deepcopy(function).float()
    owner = getattr(function, "__self__", None)
    if isinstance(owner, nn.Module) and inspect.ismethod(function):
        return getattr(copy.deepcopy(owner).float(), function.__name__)
    return None


@dataclass(eq=False)
class _Held:
    """A layer in use, with its state before its first user."""

    layer: nn.Module
    training: bool
    buffers: dict[str, Tensor]
    users: int = 0

    def restore(self) -> None:
        self.layer.training = self.training
        for name, before in self.buffers.items():
            now = self.layer._buffers.get(name)
            if now is None or now.shape != before.shape or not torch.equal(now, before):
                self.layer._buffers[name] = before


_HELD: dict[int, _Held] = {}
"""Layers in use by any thread; the last user restores the original state."""
_LOCK = threading.Lock()


@contextmanager
def left_as_found(*functions: object) -> Iterator[None]:
    """Put the networks of functions in evaluation mode; restore mode and buffers at the end.

    Layers in evaluation mode without buffers are not touched.
    """
    layers = {id(layer): layer for found in modules_of(*functions) for layer in found.modules()}
    mine: list[_Held] = []
    with _LOCK:
        for key, layer in layers.items():
            if key in _HELD or layer.training or layer._buffers:
                mine.append(_HELD.setdefault(key, _hold(layer)))
                mine[-1].users += 1
                layer.training = False
    try:
        yield
    finally:
        with _LOCK:
            for held in mine:
                held.users -= 1
                if not held.users:
                    del _HELD[id(held.layer)]
                    held.restore()


def _hold(layer: nn.Module) -> _Held:
    there = {name: b.detach().clone() for name, b in layer._buffers.items() if b is not None}
    return _Held(layer, layer.training, there)
