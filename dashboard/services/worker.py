"""`python -m dashboard.services.worker FD BUNDLE`: runs what the server sends through a pipe."""

import contextlib
import importlib
import inspect
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from dashboard.services import bundles
from xai_core.errors import XaiError

IDLE = 120.0
"""Seconds without work after which a worker ends, to free its memory."""


def main() -> None:
    """Answer each request with a list of its result, empty if it failed."""
    number, path = sys.argv[1:]
    with contextlib.suppress(XaiError):
        bundles.bundle(Path(path))
    # the server may end at any time
    with contextlib.suppress(EOFError, OSError), Connection(int(number)) as pipe:
        pipe.send("ready")
        while pipe.poll(IDLE):
            pipe.send(_run(*pipe.recv()))


def _run(
    module: str,
    name: str,
    path: str,
    digest: str,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> list[object]:
    try:
        bundle = bundles.bundle(Path(path))
        work = inspect.unwrap(getattr(importlib.import_module(module), name))
        return [work(bundle, *args, **kwargs)] if bundle.digest == digest else []
    except Exception:  # noqa: BLE001  the server runs it again and shows what is wrong
        return []


if __name__ == "__main__":
    main()
