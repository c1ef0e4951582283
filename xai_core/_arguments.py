"""Check what users pass to public functions and settings against the annotations.

Only kinds are checked here (a tensor, text, a bundle); shapes and ranges are checked where they
matter. Without it, a dict in place of settings is ignored or fails deep inside with the words of
torch. The module imports neither torch nor NumPy, so that `xai list` starts fast.
"""

import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Real
from typing import Any, TypeVar

from .errors import ConfigError

__all__ = ["check_fields", "checked"]

F = TypeVar("F", bound=Callable[..., Any])

_FIXES = {
    "Bundle": "Open one with `xai_core.load_bundle`.",
    "Dataset": "Read one with `xai_core.load_dataset`.",
    "Tensor": "`torch.as_tensor` makes one of an array or a list.",
}
"""How to get what was expected, by the name of its class."""


def _is_whole(value: object) -> bool:
    try:
        operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return not isinstance(value, bool)


def _is_listed(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)


_KINDS: dict[object, tuple[str, Callable[[object], bool]]] = {
    int: ("a whole number", _is_whole),
    float: ("a number", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    bool: ("True or False", lambda value: type(value).__name__ == "bool"),  # NumPy's, too
    str: ("text", lambda value: isinstance(value, str)),
    types.NoneType: ("None", lambda value: value is None),
    Callable: ("a function", callable),
    Mapping: ("a mapping", lambda value: isinstance(value, Mapping)),
    **dict.fromkeys((tuple, list, Sequence, Iterable), ("a list", _is_listed)),
}
"""Kinds of which values of other types are as good, or that have a plainer name."""


def checked(function: F) -> F:
    """Let a function raise a TypeError that names the argument of another kind than annotated."""

    @functools.wraps(function)
    def called(*args: object, **kwargs: object) -> object:
        try:
            given = _signature(function).bind_partial(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # Python names what is unknown
        kinds = _kinds(function)
        for name, value in given.items():
            if message := _refusal(name, value, kinds.get(name, object)):
                raise TypeError(message)
        return function(*args, **kwargs)

    return called  # type: ignore[return-value]


def check_fields(settings: object) -> None:
    """Raise a ConfigError that names a field of another kind than annotated.

    Args:
        settings: A dataclass.
    """
    kinds = _kinds(type(settings))  # type: ignore[arg-type]  # a class has a hash
    for field in fields(settings):  # type: ignore[arg-type]
        if message := _refusal(field.name, getattr(settings, field.name), kinds[field.name]):
            raise ConfigError(message)


@functools.cache
def _signature(function: Callable) -> inspect.Signature:
    return inspect.signature(function)


@functools.cache
def _kinds(annotated: Callable | type) -> dict[str, Any]:
    return typing.get_type_hints(annotated)


def _refusal(name: str, value: object, annotation: object) -> str:
    """Say what was expected and how to get it; empty if the value is of the kind."""
    kinds = _alternatives(annotation)
    if any(_is_of(value, kind) for kind in kinds):
        return ""
    words = list(dict.fromkeys(_words(kind) for kind in kinds))
    wanted = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    shown = value is None or isinstance(value, str | float | int)
    got = f"{value!r:.60}" if shown else _with_article(type(value).__name__)
    return f"`{name}` must be {wanted}, got {got}.{_fix(kinds)}"


def _alternatives(annotation: object) -> list[type]:
    """Take a union apart; what cannot be checked counts as `object`."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _alternatives(part)]
    found = getattr(annotation, "array_type", None) or origin or annotation
    return [found if isinstance(found, type) else object]


def _is_of(value: object, kind: type) -> bool:
    return _KINDS[kind][1](value) if kind in _KINDS else isinstance(value, kind)


def _words(kind: type) -> str:
    return _KINDS[kind][0] if kind in _KINDS else _with_article(kind.__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOaeio' or name == 'ndarray' else 'a'} {name}"


def _fix(kinds: list[type]) -> str:
    for kind in kinds:
        if kind.__name__ in _FIXES:
            return f" {_FIXES[kind.__name__]}"
        if is_dataclass(kind) and kind.__name__.endswith(("Config", "Training", "Launch")):
            return f" Write `{kind.__name__}(...)` with its settings as arguments."
    return ""
