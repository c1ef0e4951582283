"""What the processes of the server's engine run."""

import importlib
import inspect
from pathlib import Path

from streamlit.logger import set_log_level

__all__ = ["open_bundle", "prepare", "work"]


def prepare() -> None:
    """Prepare a new process: its caches would warn that there is no page."""
    set_log_level("ERROR")


def open_bundle(path: str) -> None:
    """Open a bundle, so that the first page that needs it does not wait."""
    from dashboard.services import bundles

    bundles.bundle(Path(path))


def work(
    module: str,
    name: str,
    path: str,
    digest: str,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> list[object]:
    """Call a function of a module with a bundle.

    Returns:
        A list of its result; empty if the bundle in the folder is not the one with this digest.
    """
    from dashboard.services import bundles

    bundle = bundles.bundle(Path(path))
    function = inspect.unwrap(getattr(importlib.import_module(module), name))
    return [function(bundle, *args, **kwargs)] if bundle.digest == digest else []
