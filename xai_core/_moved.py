"""Keep moved or renamed names working for one version, with a deprecation warning."""

import functools
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["moved", "renamed"]

F = TypeVar("F", bound=Callable[..., Any])


def moved(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module's `__getattr__` that finds names in their new modules.

    Args:
        package: The module that had the names.
        homes: The new module of each name, relative to `package`.
    """

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(homes[name], package)
        warnings.warn(
            f"`{package}.{name}` moved to `{module.__name__}.{name}`; import it from there, or "
            "from `xai_core` where it is public.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(module, name)

    return find


def renamed(**names: str) -> Callable[[F], F]:
    """Let a function accept an argument by its old name.

    Args:
        names: The new name of each old one.
    """

    def wrap(function: F) -> F:
        @functools.wraps(function)
        def called(*args: object, **kwargs: object) -> object:
            about = function.__qualname__.removesuffix(".__init__")
            for old in names.keys() & kwargs.keys():
                new = names[old]
                if new in kwargs:
                    raise TypeError(
                        f"`{about}` got both `{new}` and its old name `{old}`; pass only `{new}`."
                    )
                warnings.warn(
                    f"`{old}` of `{about}` is called `{new}` now.",
                    DeprecationWarning,
                    stacklevel=2,
                )
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return called  # type: ignore[return-value]

    return wrap
