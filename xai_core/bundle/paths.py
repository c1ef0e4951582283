"""Paths of bundles: names, search folders, and atomic replacement of a folder."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from .._paths import expand_home
from .._text import is_text
from ..atomic_write import sync_folder
from ..errors import BundleError, BundleNotFoundError
from .manifest import KNOWN_FILES, MANIFEST, is_bundle_name

__all__ = [
    "bundle_folders",
    "bundle_roots",
    "check_name",
    "check_target",
    "find_bundle",
    "read_result",
    "replaced_folder",
    "result_file",
]

Result = TypeVar("Result")
MAKE_ONE = "Make one with `xai train`."
SHIPPED = Path(__file__).resolve().parents[1] / "checkpoints"
"""Bundles of the package; in a checkout, a link to the repository's checkpoints/."""
A_DAY = 86_400.0
"""In seconds; writing a bundle takes far less."""


def result_file(folder: Path, name: str) -> Path:
    """Return the file of a result that lies beside the bundle in a folder; it need not exist."""
    return folder.with_name(f"{folder.name}.{name}.json")


def read_result(
    path: Path, digest: str, parse: Callable[[dict[str, Any]], Result], *, command: str
) -> Result | None:
    """Read a result that lies beside a bundle, with the bundle's digest.

    Args:
        path: Its file, from `result_file`.
        digest: Digest of the bundle.
        parse: Makes the result of the file's JSON.
        command: The command that writes the file.

    Returns:
        The result; None if there is none, or it is of another bundle that was in this folder.

    Raises:
        BundleError: If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
        result, made_with = parse(found), str(found["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = f"Delete it, or run `{command}` again."
        raise BundleError(f"`{path}` is damaged. {fix}") from error
    return result if made_with == digest else None


def bundle_roots() -> tuple[Path, ...]:
    """Return the folders in which bundles are searched, each once.

    The order is ./checkpoints, the folders of $XAI_BUNDLES, then the package's own bundles, for a
    checkout, a wheel and every working directory alike.
    """
    named = os.environ.get("XAI_BUNDLES", "").split(os.pathsep)
    roots: dict[str, Path] = {}
    for root in (Path("checkpoints"), *(expand_home(name) for name in named if name), SHIPPED):
        roots.setdefault(os.path.realpath(root), root)
    return tuple(roots.values())


def bundle_folders(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders in `roots` that hold any file of a bundle, by name in each root.

    Folders whose name is not UTF-8 are ignored: their name could not be written.

    Raises:
        BundleError: If a root cannot be listed.
    """
    for root in roots:
        if not os.path.isdir(root):
            continue
        try:
            folders = sorted(root.iterdir())
        except OSError as error:
            raise BundleError(
                f"`{root}` cannot be listed: {error.strerror}. Make it readable, or take it out "
                "of $XAI_BUNDLES."
            ) from error
        named = (f for f in folders if not f.name.startswith(".") and is_text(f.name))
        yield from (f for f in named if _is_bundle(f))


def find_bundle(name_or_path: str | Path) -> Path:
    """Find the folder of a bundle.

    Args:
        name_or_path: A path (a `Path`, text with a separator, or a folder with a manifest), or a
            name to search for in the folders of `bundle_roots`, in order.

    Returns:
        The folder; `load_bundle` checks that it is a whole bundle.

    Raises:
        BundleNotFoundError: If there is none; the message lists those that exist.
    """
    text = os.fspath(name_or_path)
    path = expand_home(text or os.devnull)  # which holds no bundle
    separators = (os.sep, os.altsep or os.sep)
    is_path = isinstance(name_or_path, Path) or any(mark in text for mark in separators)
    if is_path or os.path.isfile(path / MANIFEST):  # never raises, whatever the name
        if os.path.isdir(path):
            return Path(os.path.abspath(path))
        shown = str(path) if str(path).isprintable() else ascii(str(path))
        raise BundleNotFoundError(f"There is no folder `{shown}`. {MAKE_ONE}")
    roots = bundle_roots()
    folders = [root / text for root in roots if is_bundle_name(text) and (root / text).is_dir()]
    whole = [folder for folder in folders if (folder / MANIFEST).is_file()]
    if folders:
        return Path(os.path.abspath((whole or folders)[0]))
    for root in roots:
        if is_bundle_name(text) and (kept := _previous(root / text)).is_dir():
            raise BundleNotFoundError(
                f"Bundle '{text}' was being replaced when that was stopped; the one of before is "
                f"in `{kept}`. Rename that folder to '{text}'."
            )
    places = ", ".join(f"{os.path.abspath(root)}{os.sep}" for root in roots)
    found = ", ".join(f"'{folder.name}'" for folder in bundle_folders(roots)) or "none"
    raise BundleNotFoundError(f"No bundle {text!r:.80} in {places}. Found: {found}. {MAKE_ONE}")


@contextmanager
def replaced_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a new folder to write into, and move it to `target` at the end.

    If the body raises, `target` stays unchanged. A replaced bundle is kept beside it as
    `.NAME.previous` until the new one is in place.

    Args:
        target: An absolute path.
        overwrite: Whether an existing bundle may be replaced.

    Raises:
        BundleError: If `target` may not be written.
    """
    check_target(target, overwrite=overwrite)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _forget_half_written(target)
        temporary.mkdir(parents=True)
        yield temporary
        sync_folder(temporary)
        _put_in_place(temporary, target)
    except OSError as error:
        place, reason = error.filename or target, error.strerror or error
        raise BundleError(
            f"Cannot write `{place}`: {reason}. Make room or give a place that can be written."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_name(name: str) -> None:
    """Raise an error for a name that no bundle can have.

    Raises:
        BundleError: If it is empty, too long, or has other characters than a bundle's.
    """
    if not is_bundle_name(name):
        raise BundleError(
            f"A bundle's name must be letters, digits and ._+- after the first, at most 100, got "
            f"{name!r:.120}. Choose another name."
        )


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise an error for names that cannot be found again and folders with other files.

    Raises:
        BundleError: If no bundle may be written there.
    """
    check_name(target.name)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BundleError(f"`{target}` is there and is not a folder. Choose another place.")
    found = sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []
    visible = [name for name in found if not name.startswith(".")]
    if found and not overwrite:
        raise BundleError(
            f"`{target}` is there already. Choose another place, or replace it with "
            "`overwrite=True` (`--overwrite`)."
        )
    if strange := [name for name in visible if name not in (MANIFEST, *KNOWN_FILES)]:
        raise BundleError(
            f"`{target}` holds '{strange[0]}', which is not a bundle's. Choose another place, or "
            "move it away."
        )


def _forget_half_written(target: Path) -> None:
    """Remove folders older than a day that killed processes left half written."""
    for folder in target.parent.glob(f".{target.name}.????????.tmp"):
        if time.time() - folder.stat().st_mtime > A_DAY:
            shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(temporary: Path, target: Path) -> None:
    previous = _previous(target)
    if not target.exists():
        temporary.rename(target)
    else:
        if previous.exists():
            shutil.rmtree(previous)
        target.rename(previous)
        try:
            temporary.rename(target)
        except BaseException:
            if not target.exists():
                previous.rename(target)
            raise
    sync_folder(target.parent)
    if previous.exists():
        shutil.rmtree(previous)


def _is_bundle(folder: Path) -> bool:
    try:
        return any((folder / name).exists() for name in (MANIFEST, *KNOWN_FILES))
    except OSError:
        return True  # list an unreadable folder together with its error


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")
