"""What people write about a bundle, in a file beside it: names of its clusters.

`checkpoints/mnist.notes.json` belongs to `checkpoints/mnist`. It holds the notes on each model
that has stood in that folder, by its digest: a model that is trained anew begins without names,
and the names of the one before are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .._text import visible
from ..atomic_write import atomic_write
from ..errors import BundleError, ConfigError

__all__ = [
    "Notes",
    "check_name",
    "notes_file",
    "read_notes",
    "write_cluster_name",
]

SCHEMA = 1
LONGEST = 40
"""Largest number of characters of a name."""
MAX_BYTES = 1 << 20
WAIT = 10
"""Seconds to wait for another process that writes."""


@dataclass(frozen=True)
class Notes:
    """What people wrote about one model.

    Attributes:
        cluster_names: Names given to clusters, by cluster; others keep their automatic name.
    """

    cluster_names: Mapping[int, str] = field(default_factory=dict)


def notes_file(folder: Path) -> Path:
    """Return the file of notes on the bundle in a folder; it need not exist."""
    return folder.with_name(f"{folder.name}.notes.json")


def read_notes(folder: Path, digest: str, num_clusters: int) -> Notes:
    """Read the notes on a bundle.

    Args:
        folder: The bundle's folder.
        digest: The bundle's digest, which tells its notes from those on other models.
        num_clusters: Number of its clusters.

    Raises:
        BundleError: If the file is damaged; the message names it.
    """
    path = notes_file(folder)
    names = _cluster_names(path, _read(path), digest)
    return Notes({c: names[c] for c in sorted(names) if 0 <= c < num_clusters})


def write_cluster_name(folder: Path, digest: str, cluster: int, name: str | None) -> None:
    """Write the name of one cluster; what else the file holds is kept.

    Two processes that write at once wait for each other, so that nothing is lost.

    Args:
        folder: The bundle's folder.
        digest: The bundle's digest.
        cluster: The cluster.
        name: Its new name; None for its automatic name.

    Raises:
        BundleError: If the file is damaged, or another process writes for too long.
        ConfigError: If the name is empty or too long.
        DataError: If the file cannot be written.
    """
    path = notes_file(folder)
    named = None if name is None else check_name(name)
    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, timeout=WAIT):
            found = _read(path)
            names = _cluster_names(path, found, digest)
            names.pop(cluster, None)
            if named is not None:
                names[cluster] = named
            found["models"].setdefault(digest, {})["cluster_names"] = names
            with atomic_write(path) as file:
                file.write(json.dumps(found, indent=1, ensure_ascii=False).encode())
    except Timeout as error:
        raise BundleError(
            f"Another process has been writing `{path}` for {WAIT} seconds. Try again; if none "
            f"runs, remove `{lock}`."
        ) from error
    except OSError as error:
        raise BundleError(
            f"Cannot write beside the bundle: `{path.parent}`: {error.strerror or error}. Copy "
            "the bundle to a folder that can be written, and open it there."
        ) from error


def check_name(name: str) -> str:
    """Return a name without spaces around it.

    Raises:
        ConfigError: If it has no visible character, a line break, or is too long.
    """
    short = name.strip()
    if not short.isprintable() or visible(short) != short or len(short) > LONGEST:
        raise ConfigError(
            f"A cluster's name has 1 to {LONGEST} visible characters in one line, got "
            f"{name!r:.60}."
        )
    return short


def _cluster_names(path: Path, found: dict[str, Any], digest: str) -> dict[int, str]:
    written = found["models"].get(digest, {}).get("cluster_names", {})
    try:
        return {int(c): check_name(name) for c, name in written.items()}
    except (AttributeError, ConfigError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _read(path: Path) -> dict[str, Any]:
    """Read a file of notes; without one, return an empty one."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _damaged(path, "it is too large")
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {"schema": SCHEMA, "models": {}}
    except (OSError, RecursionError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(found, dict) or not isinstance(found.get("models"), dict):
        raise _damaged(path, "it has no object `models`")
    if found.get("schema") != SCHEMA:
        raise BundleError(
            f"`{path}` was written by another version: its schema is {found.get('schema')!r:.20}, "
            f"this version reads {SCHEMA}. Update cluster-vae-xai, or move the file away."
        )
    if not all(isinstance(notes, dict) for notes in found["models"].values()):
        raise _damaged(path, "the notes on a model are no object")
    return found


def _damaged(path: Path, why: str) -> BundleError:
    return BundleError(
        f"The notes `{path}` cannot be read: {why}. Mend the file, or move it away to go on "
        "without the names in it."
    )
