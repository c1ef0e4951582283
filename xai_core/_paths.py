"""Expand paths typed by users."""

import os
from pathlib import Path

__all__ = ["expand_home"]


def expand_home(path: str | Path) -> Path:
    """Replace a leading `~` by the home folder; other paths are returned unchanged.

    If there is no home folder, `~` is kept, so that the path is reported as not found.
    """
    try:
        return Path(os.fspath(path)).expanduser()
    except (RuntimeError, ValueError):
        return Path(os.fspath(path))
