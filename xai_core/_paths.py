"""Paths as people write them."""

import os
from pathlib import Path

__all__ = ["expand_home"]


def expand_home(path: str | Path) -> Path:
    """Replace a leading `~` by the home folder; a path without one stays as it is.

    A home folder that does not exist stays too, so that the path is reported as not found.
    """
    try:
        return Path(os.fspath(path)).expanduser()
    except (RuntimeError, ValueError):
        return Path(os.fspath(path))
