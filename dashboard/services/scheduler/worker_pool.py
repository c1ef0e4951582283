"""Worker processes that compute while several visitors use the server at once.

Each torch operation releases Python's interpreter lock and waits for it again: while another
thread draws a page, the same work takes ten times as long. A process has its own lock.
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
    """Workers that start on demand and end when idle or with the server.

    Args:
        most: Largest number of workers; 0 if a process cannot inherit a pipe (Windows).

    Attributes:
        queue: Queue whose slots must be held during `run`, so that a worker is free.
    """

    def __init__(self, most: int) -> None:
        self.queue = FairQueue(most)
        self._most = most if os.name == "posix" else 0
        self._lock = threading.Lock()
        self._started = 0
        self._ready: dict[Connection, subprocess.Popen[bytes]] = {}
        self._free: list[Connection] = []

    def ensure_started(self, path: str) -> None:
        """Start missing workers and return immediately; they are ready seconds later.

        Args:
            path: Folder of the bundle to open first.
        """
        with self._lock:
            missing, self._started = self._most - self._started, self._most
        for _ in range(missing):
            threading.Thread(target=self._supervise, args=(path,), daemon=True).start()

    @property
    def available(self) -> bool:
        """Return whether any worker is ready, busy or free."""
        return bool(self._ready)

    def run(
        self,
        work: Callable[..., object],
        bundle: "Bundle",
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> list[object]:
        """Run a function in a free worker.

        Args:
            work: A function of a module, which takes a bundle, `args` and `kwargs`.
            bundle: The worker opens it itself, from its folder.
            args: Plain values and NumPy arrays.
            kwargs: Plain values and NumPy arrays, by name.

        Returns:
            A list of the result; empty if no worker is free or the worker failed. The server then
            does the work itself, so that an error is raised where the page can show it.
        """
        with self._lock:
            pipe = self._free.pop() if self._free else None
        if pipe is None:
            return []
        try:
            where = str(bundle.path), bundle.digest
            pipe.send((work.__module__, work.__name__, *where, args, kwargs))
            answer: list[object] = pipe.recv()
        except (EOFError, OSError):  # the worker has ended, idle or killed
            return []
        with self._lock:
            self._free.append(pipe)
        return answer

    def _supervise(self, path: str) -> None:
        """Start a worker, wait for its end, and forget it."""
        ours, theirs = Pipe()
        number = theirs.fileno()
        command = [sys.executable, "-m", "dashboard.services.worker", str(number), path]
        with (
            contextlib.suppress(OSError),  # for example, no memory for another process
            subprocess.Popen(
                command,
                env=os.environ
                | {"STREAMLIT_LOGGER_LEVEL": "error"},  # suppress warnings about the missing page
                stdin=subprocess.DEVNULL,
                pass_fds=(number,),
                start_new_session=True,  # Ctrl-C is for the server; a worker ends with its pipe
            ) as process,  # leaving the block waits for the process to end
        ):
            theirs.close()
            with contextlib.suppress(EOFError):  # the worker could not start
                ours.recv()
                with self._lock:
                    self._ready[ours] = process
                    self._free.append(ours)
        with self._lock:
            self._started -= 1
            self._ready.pop(ours, None)
            if ours in self._free:
                self._free.remove(ours)
            last = not self._started
        if last and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)  # nothing computes now: return free memory to the system
