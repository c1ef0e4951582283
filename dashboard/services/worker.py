"""`python -m dashboard.services.worker FD BUNDLE`: does what the server asks by a pipe."""

import contextlib
import importlib
import inspect
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from dashboard.services import bundles
from xai_core.errors import XaiError

IDLE = 120.0
"""Seconds without work after which a helper leaves, for its memory."""


def main() -> None:
    """Answer with a list of the one result; with an empty one where there is none."""
    number, path = sys.argv[1:]
    with contextlib.suppress(XaiError):
        bundles.bundle(Path(path))
    # the server may end at any time
    with contextlib.suppress(EOFError, OSError), Connection(int(number)) as door:
        door.send("ready")
        while door.poll(IDLE):
            door.send(_do(*door.recv()))


def _do(
    module: str,
    name: str,
    path: str,
    digest: str,
    args: tuple[object, ...],
    named: dict[str, object],
) -> list[object]:
    try:
        bundle = bundles.bundle(Path(path))
        work = inspect.unwrap(getattr(importlib.import_module(module), name))
        return [work(bundle, *args, **named)] if bundle.digest == digest else []
    except Exception:  # noqa: BLE001  the server does it again and tells what is wrong
        return []


if __name__ == "__main__":
    main()
