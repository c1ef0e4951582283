"""Results draw themselves in a notebook; what draws them is imported when one asks."""

from importlib import import_module

__all__ = ["drawn"]


def drawn(kind: str, result: object) -> str:
    """Return the HTML of a result, from the function `kind` of `xai_core.plots.notebook`."""
    return str(getattr(import_module("xai_core.plots.notebook"), kind)(result))
