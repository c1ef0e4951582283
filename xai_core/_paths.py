"""Expand paths typed by users."""

import os
from pathlib import Path

from .errors import DataError

__all__ = ["expand_home"]


def expand_home(path: str | Path) -> Path:
    """Replace a leading `~` by the home folder; other paths are returned unchanged.

    If there is no home folder, `~` is kept, so that the path is reported as not found.

    Raises:
        DataError: If the path is empty, which would mean the current folder.
    """
    if not os.fspath(path):
        raise DataError("A path must not be empty. Write `.` for the current folder.")
    try:
        return Path(os.fspath(path)).expanduser()
    except (RuntimeError, ValueError):
        return Path(os.fspath(path))
