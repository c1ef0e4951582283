"""Processes of this machine, each replaced when it is lost.

loky rather than `concurrent.futures`: it does not import the parent's main module, which under
Streamlit is a page, it ends processes that are idle, and it can end one that is stopped. One
executor has one process, because an executor loses all its work with any of its processes.
"""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from ..errors import ProcessLostError, XaiError
from .api import Engine

if TYPE_CHECKING:
    from loky.process_executor import ProcessPoolExecutor

__all__ = ["LocalProcesses"]

R = TypeVar("R")
IDLE = 120.0
"""Seconds without work after which a process ends, to free its memory."""
MOST_GROWTH = 4e9
"""Bytes by which a process may grow. loky replaces it beyond, by default from 300 MB on: less than
a training or a second bundle takes, and a new process first imports torch."""


class LocalProcesses(Engine):
    """Computes in processes of this machine, with one torch thread and one GPU each.

    A process starts with its first work and ends when idle, with `close`, or with this process.

    Args:
        processes: Number of processes.
        setup: Called in each process at its start.
    """

    def __init__(self, processes: int, setup: Callable[[], object] | None = None) -> None:
        self.at_once = processes
        self._workers = [_Worker(number, setup) for number in range(processes)]
        self._free = list(self._workers)
        self._changed = threading.Condition()

    @property
    def ready(self) -> bool:
        """Return whether any process has started, busy or free."""
        return any(worker.ready for worker in self._workers)

    def warm(self, function: Callable[..., object], *args: object) -> None:
        """Start the missing processes with a first work, and return immediately."""
        with self._changed:
            missing = [worker for worker in self._free if not worker.ready]
            self._free = [worker for worker in self._free if worker.ready]
        for worker in missing:
            threading.Thread(target=self._warm, args=(worker, function, args), daemon=True).start()

    def run(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> R:
        """Compute `function(*args)` in the next process that is free."""
        with self._changed:
            while not self._free:
                self._changed.wait()
            worker = max(self._free, key=lambda one: one.ready)
            self._free.remove(worker)
        try:
            if self._closed:
                raise ProcessLostError("The engine is closed.")
            return worker.run(function, args, timeout)
        finally:
            self._give_back(worker)

    def close(self) -> None:
        """End all processes."""
        super().close()
        for worker in self._workers:
            worker.stop()

    def _warm(
        self, worker: "_Worker", function: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        try:
            with contextlib.suppress(XaiError, OSError):  # for example, no memory for a process
                worker.run(function, args, None)
        finally:
            self._give_back(worker)

    def _give_back(self, worker: "_Worker") -> None:
        with self._changed:
            self._free.append(worker)
            self._changed.notify()


class _Worker:
    """One process, started when it is needed."""

    def __init__(self, number: int, setup: Callable[[], object] | None) -> None:
        self._number, self._setup = number, setup
        self._executor: ProcessPoolExecutor | None = None
        self._used = -math.inf

    @property
    def ready(self) -> bool:
        """Return whether it has done its first work and will not end at any moment."""
        return self._executor is not None and time.monotonic() - self._used < 0.9 * IDLE

    def run(
        self, function: Callable[..., R], args: tuple[object, ...], timeout: float | None
    ) -> R:
        from loky.process_executor import (
            BrokenProcessPool,
            ProcessPoolExecutor,
            ShutdownExecutorError,
        )

        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1,
                timeout=IDLE,
                env={"LOKY_MAX_MEMORY_LEAK_SIZE": str(MOST_GROWTH)},
                initializer=_start,
                initargs=(self._number, os.getpid(), self._setup),
            )
        answer: Future[R] | None = None
        try:
            answer = self._executor.submit(function, *args)
            result = answer.result(timeout)
            self._used = time.monotonic()
            return result
        except (BrokenProcessPool, ShutdownExecutorError) as error:
            self.stop()
            raise ProcessLostError(
                "A process that computed ended: it was killed, or memory is short. Try again."
            ) from error
        except TimeoutError:
            if answer is not None and answer.done():
                raise  # the function's own
            self.stop()
            raise ProcessLostError(
                f"A process did not answer within {timeout:g} s and was ended. Try again."
            ) from None

    def stop(self) -> None:
        """End the process, even one that is stopped."""
        executor, self._executor, self._used = self._executor, None, -math.inf
        if executor is not None:
            executor.shutdown(wait=False, kill_workers=True)


def _start(number: int, parent: int, setup: Callable[[], object] | None) -> None:
    """Prepare a new process: one thread, its GPU, and an end with its parent."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
    if setup is not None:
        setup()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
