"""Notebook display of results; the drawing code is imported on demand."""

from importlib import import_module

__all__ = ["drawn"]


def drawn(kind: str, result: object) -> str:
    """Return the HTML of a result, from the function `kind` of `xai_core.plots.notebook`."""
    return str(getattr(import_module("xai_core.plots.notebook"), kind)(result))
