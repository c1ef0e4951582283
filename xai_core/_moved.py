"""Names that moved to another module still answer for one version, with a warning."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["moved"]


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
