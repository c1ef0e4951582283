"""Write files atomically: after a failure, the previous file remains, or none."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ._paths import expand_home
from .errors import DataError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "atomic_write",
    "sync_folder",
    "write_arrays",
]

MAKE_ROOM = "Make room or give a place that can be written."


@contextmanager
def atomic_write(
    path: Path, *, make_folder: bool = False, fix: str = MAKE_ROOM
) -> Iterator[IO[bytes]]:
    """Yield a temporary file to write into, and move it to `path` at the end.

    If the body raises or the machine stops, `path` stays unchanged.

    Args:
        path: The file.
        make_folder: Whether to create its folder.
        fix: What the message advises if the file cannot be written.

    Raises:
        DataError: If it cannot be written; the message names it.
    """
    path = expand_home(path)
    part = path.with_name(f".{path.name}.part")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DataError(f"Cannot write `{path}`: {error.strerror or error}. {fix}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to the disk, if the system supports it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_arrays(path: Path, arrays: "Mapping[str, np.ndarray]") -> None:
    """Write an .npz atomically.

    Raises:
        DataError: If it cannot be written.
    """
    import numpy as np

    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
