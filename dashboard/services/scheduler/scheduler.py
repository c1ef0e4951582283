"""Compute slots: one torch thread per computation, one computation per core."""

import ctypes
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

import streamlit as st

from dashboard.services import worker
from dashboard.services.scheduler.fair_queue import FairQueue

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.engine.local import LocalProcesses

T = TypeVar("T")
P = ParamSpec("P")
MOST_AT_ONCE = 4
"""Largest number of concurrent computations, since each needs memory."""
M_MMAP_THRESHOLD, LARGE = -3, 2**22
"""glibc option: freed blocks of at least this many bytes are returned to the system."""
DEADLINE = 120.0
"""Seconds after which a worker process is given up; its request gets an error."""
SWITCH = 0.0005
"""Python's thread switch interval, in seconds.

Each torch operation releases the interpreter lock and waits for it again. While another thread
draws a page, Python's default of 5 ms makes a heatmap twenty times slower, this value three times.
"""


@contextmanager
def compute_slot() -> Iterator[None]:
    """Hold a compute slot while a model runs; never nested.

    A waiting page shows the number of requests ahead.

    Raises:
        BusyError: If too many requests wait already, or no slot becomes free.
    """
    with _slot_of(compute_queue()):
        yield


@contextmanager
def _slot_of(queue: FairQueue) -> Iterator[None]:
    queue.acquire(_show_place)
    try:
        yield
    finally:
        queue.release()


def offload(work: "Callable[Concatenate[Bundle, P], T]") -> "Callable[Concatenate[Bundle, P], T]":
    """Run a computation in a worker process if one is available, otherwise in the server.

    A page that waits for a worker does not delay computations in the server.

    Args:
        work: Function of a module that, apart from the bundle, takes and returns only plain values
            and NumPy arrays. It acquires its own `compute_slot` and cannot draw on the page.

    Raises:
        ProcessLostError: If the process ended or did not answer in time.
    """

    @functools.wraps(work)
    def offloaded(bundle: "Bundle", *args: P.args, **kwargs: P.kwargs) -> T:
        if compute_queue().held:
            worker_processes().warm(worker.open_bundle, str(bundle.path))
        if worker_processes().ready:
            with _slot_of(worker_queue()):
                answer = worker_processes().run(
                    worker.work,
                    *(work.__module__, work.__name__, str(bundle.path), bundle.digest),
                    *(args, kwargs),
                    timeout=DEADLINE,
                )
            if answer:
                return cast(T, answer[0])
        return work(bundle, *args, **kwargs)

    return offloaded


def yield_slot() -> None:
    """Yield to waiting requests between two parts of a computation in a `compute_slot`."""
    compute_queue().yield_turn(_show_place)


def _show_place(ahead: int) -> AbstractContextManager[object]:
    """Show the position in the queue on the page; a spinner is not stored in any cache."""
    return st.spinner(f"The server is busy: {ahead} {'request' if ahead == 1 else 'requests'} "
                      "ahead of yours")  # fmt: skip


@st.cache_resource(show_spinner=False)
def compute_queue() -> FairQueue:
    """Import torch and the library once, set to one thread, and return the queue for slots."""
    gc.disable()  # a collection during an import frees nothing, and takes a third of its time
    try:
        import torch

        import xai_core.bundle.reading
        import xai_core.latent_space.umap_layout  # noqa: F401
    finally:
        gc.freeze()  # imported modules stay alive: exclude them from garbage collection
        gc.enable()
    torch.set_num_threads(1)
    sys.setswitchinterval(SWITCH)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(
            M_MMAP_THRESHOLD, LARGE
        )  # otherwise every thread that ever ran keeps its memory
    return FairQueue(_at_once())


@st.cache_resource(show_spinner=False)
def worker_processes() -> "LocalProcesses":
    """Return the engine of the server, with one process per slot; a single visitor starts none.

    Each torch operation releases Python's interpreter lock and waits for it again: while another
    thread draws a page, the same work takes ten times as long. A process has its own lock.
    """
    from xai_core.engine.local import LocalProcesses

    return LocalProcesses(_at_once(), worker.prepare)


@st.cache_resource(show_spinner=False)
def worker_queue() -> FairQueue:
    """Return the queue for the processes of the engine."""
    return FairQueue(_at_once())


def _at_once() -> int:
    return min(os.cpu_count() or 1, MOST_AT_ONCE)
