"""The gate to the engine: torch on one thread each, as much heavy work at once as cores."""

import ctypes
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

import streamlit as st

from dashboard.services.scheduler.fair_queue import FairQueue
from dashboard.services.scheduler.worker_pool import WorkerPool

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


T = TypeVar("T")


P = ParamSpec("P")


MOST_AT_ONCE = 4
"""Heavy work at once however many cores there are, for its memory."""


M_MMAP_THRESHOLD, LARGE = -3, 2**22
"""glibc's option, and bytes from which it hands back to the system what is freed."""


SWITCH = 0.0005
"""Seconds after which a thread that runs Python lets another do so.

Each operation of torch lets go of the interpreter and waits for it again: beside one thread that
draws a page, Python's 5 ms make a heatmap twenty times slower, these three times.
"""


@contextmanager
def compute_slot() -> Iterator[None]:
    """Hold the engine while running a model; never nested.

    Who waits is told how many are before them.

    Raises:
        BusyError: If too many wait already, or the engine is not given back for long.
    """
    with _slot_of(compute_queue()):
        yield


@contextmanager
def _slot_of(turns: FairQueue) -> Iterator[None]:
    turns.take(_told)
    try:
        yield
    finally:
        turns.give_back()


def offload(work: "Callable[Concatenate[Bundle, P], T]") -> "Callable[Concatenate[Bundle, P], T]":
    """Let a helper do heavy work where there is one, the server where there is none.

    Who waits for a helper holds up nobody whose work the server does itself.

    Args:
        work: Takes and returns nothing but plain values and NumPy arrays, beside the bundle. It
            takes its own `compute_slot` and cannot reach the page.
    """

    @functools.wraps(work)
    def done(bundle: "Bundle", *args: P.args, **kwargs: P.kwargs) -> T:
        if compute_queue().held:
            worker_pool().want(str(bundle.path))
        if worker_pool().there:
            with _slot_of(worker_pool().turns):
                answer = worker_pool().ask(work, bundle, args, kwargs)
            if answer:
                return cast(T, answer[0])
        return work(bundle, *args, **kwargs)

    return done


def yield_slot() -> None:
    """Let others' work through between two parts of one's own, within `compute_slot`."""
    compute_queue().pass_on(_told)


def _told(before: int) -> AbstractContextManager[object]:
    """Say one's place where the page is drawn; a spinner is not kept in any cache."""
    return st.spinner(f"The server has other work to do: {before} before you")


@st.cache_resource(show_spinner=False)
def compute_queue() -> FairQueue:
    """Import torch and the library once, on one thread, and give the turns at them."""
    gc.disable()  # a collection in the midst of an import finds nothing, and takes a third of it
    try:
        import torch

        import xai_core.bundle.reading
        import xai_core.latent_space.umap_layout  # noqa: F401
    finally:
        gc.freeze()  # what was imported stays: a collection need not look through it
        gc.enable()
    torch.set_num_threads(1)
    sys.setswitchinterval(SWITCH)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)  # else it keeps them for every thread there was
    return FairQueue(_at_once())


@st.cache_resource(show_spinner=False)
def worker_pool() -> WorkerPool:
    """Give the helpers, as many as work goes at once; for one person alone none comes."""
    return WorkerPool(_at_once())


def _at_once() -> int:
    return min(os.cpu_count() or 1, MOST_AT_ONCE)
