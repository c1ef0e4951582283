"""Helper processes, which do heavy work beside the pages once several people ask for it at a time.

Each operation of torch lets go of Python's lock and waits for it again: beside a thread that
draws a page, the same work takes ten times as long. A process of its own has a lock of its own.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING

from dashboard.services.scheduler.fair_queue import FairQueue

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


class WorkerPool:
    """Helpers that are started when first wanted; they leave when idle, or with the server.

    Args:
        most: Helpers at most; none where processes cannot be handed a pipe (Windows).

    Attributes:
        turns: To be held while one asks, so that a helper is free.
    """

    def __init__(self, most: int) -> None:
        self.turns = FairQueue(most)
        self._most = most if os.name == "posix" else 0
        self._lock = threading.Lock()
        self._hired = 0
        self._ready: dict[Connection, subprocess.Popen[bytes]] = {}
        self._free: list[Connection] = []

    def want(self, path: str) -> None:
        """Start the helpers that are missing; returns at once, they come seconds later.

        Args:
            path: Folder of the bundle that they open first.
        """
        with self._lock:
            missing, self._hired = self._most - self._hired, self._most
        for _ in range(missing):
            threading.Thread(target=self._hire, args=(path,), daemon=True).start()

    @property
    def there(self) -> bool:
        """Tell whether helpers are at work or free."""
        return bool(self._ready)

    def ask(
        self,
        work: Callable[..., object],
        bundle: "Bundle",
        args: tuple[object, ...],
        named: dict[str, object],
    ) -> list[object]:
        """Let a free helper do a piece of work.

        Args:
            work: A function of a module, which takes a bundle, `args` and `named`.
            bundle: Opened by the helper itself, from its folder.
            args: Plain values and NumPy arrays.
            named: Likewise, by name.

        Returns:
            The one result, plain values and NumPy arrays likewise; empty if no helper is free, or
            the one that was could not do it. The server does it itself then, and meets what is
            wrong where it can be told.
        """
        with self._lock:
            door = self._free.pop() if self._free else None
        if door is None:
            return []
        try:
            where = str(bundle.path), bundle.digest
            door.send((work.__module__, work.__name__, *where, args, named))
            answer: list[object] = door.recv()
        except (EOFError, OSError):  # it was idle and left, or was killed
            return []
        with self._lock:
            self._free.append(door)
        return answer

    def _hire(self, path: str) -> None:
        """Start a helper and see it out."""
        ours, theirs = Pipe()
        number = theirs.fileno()
        command = [sys.executable, "-m", "dashboard.services.worker", str(number), path]
        with (
            contextlib.suppress(OSError),  # too little memory, say
            subprocess.Popen(
                command,
                env=os.environ | {"STREAMLIT_LOGGER_LEVEL": "error"},  # it says it has no page
                stdin=subprocess.DEVNULL,
                pass_fds=(number,),
                start_new_session=True,  # Ctrl-C is the server's; a helper ends with its pipe
            ) as process,  # and waits for its end
        ):
            theirs.close()
            with contextlib.suppress(EOFError):  # it could not start
                ours.recv()
                with self._lock:
                    self._ready[ours] = process
                    self._free.append(ours)
        with self._lock:
            self._hired -= 1
            self._ready.pop(ours, None)
            if ours in self._free:
                self._free.remove(ours)
            alone = not self._hired
        if alone and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)  # a quiet moment: hand back to the system what is free
