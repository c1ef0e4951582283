"""The protocol of engines: `run` computes one block, `map` many, with retries."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from ..errors import ConfigError, OutOfMemoryError, ProcessLostError, XaiError

__all__ = ["Engine", "Inline", "Outcome", "make_engine"]

B = TypeVar("B")
R = TypeVar("R")
RETRIES = 2
MOST_PROCESSES = 16
"""Largest default number of processes, since each needs memory for its own model."""


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[B, R]):
    """What became of one block.

    Attributes:
        block: The block.
        result: Its result; None if it failed.
        error: The error of the last attempt; None if it succeeded.
    """

    block: B
    result: R | None = None
    error: Exception | None = None


class Engine(ABC):
    """Computes blocks; `close` ends its processes.

    Attributes:
        at_once: Number of blocks computed at the same time.
    """

    at_once: int = 1
    _closed = False

    @abstractmethod
    def run(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> R:
        """Compute `function(*args)`; may be called from several threads.

        Args:
            function: A function of a module or a closure over plain values.
            args: Plain values and arrays.
            timeout: Seconds after which the process that computes it is given up.

        Raises:
            ProcessLostError: If that process ended, or did not answer in time.
            Exception: Whatever the function raises.
        """

    def close(self) -> None:
        """Stop at once: end the processes, whatever they compute."""
        self._closed = True

    def map(
        self,
        function: Callable[[B], R],
        blocks: Iterable[B],
        *,
        timeout: float | None = None,
        retries: int = RETRIES,
    ) -> Iterator[Outcome[B, R]]:
        """Compute `function` of each block; yields the outcomes as they come.

        A block whose attempt fails is tried again. Ending the iteration early closes the engine.

        Args:
            function: As in `run`.
            blocks: One argument each.
            timeout: Seconds for one attempt.
            retries: Further attempts at a block that failed.

        Raises:
            XaiError: If a block is refused because of its input or settings; that stops all.
        """
        return self._each(
            partial(self._outcome, function, block, timeout, retries) for block in blocks
        )

    def complete(
        self,
        function: Callable[[B], object],
        blocks: Collection[B],
        *,
        name: Callable[[list[B]], str],
        timeout: float | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Compute all blocks whose results `function` writes itself.

        Args:
            function: As in `run`.
            blocks: One argument each.
            name: Names blocks that failed, for the message.
            timeout: Seconds for one attempt.
            on_progress: Called with the number of blocks done and of all.

        Raises:
            ProcessLostError: If some failed in every attempt, once all others are done.
        """
        failed: list[B] = []
        for done, outcome in enumerate(self.map(function, blocks, timeout=timeout), 1):
            if outcome.error is not None:
                failed.append(outcome.block)
                why = str(outcome.error) or type(outcome.error).__name__
            on_progress(done, len(blocks))
        if failed:
            raise ProcessLostError(
                f"{name(failed)} failed three times: {why} The others are written. The same "
                "command tries these again."
            )

    def _each(self, attempts: Iterable[Callable[[], Outcome[B, R]]]) -> Iterator[Outcome[B, R]]:
        """Call each, `at_once` at the same time; yields what they return as it comes."""
        pool = ThreadPoolExecutor(self.at_once)
        try:
            for done in as_completed([pool.submit(attempt) for attempt in attempts]):
                yield done.result()
        except BaseException:
            self.close()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _outcome(
        self, function: Callable[[B], R], block: B, timeout: float | None, retries: int
    ) -> Outcome[B, R]:
        for left in reversed(range(1 + retries)):
            try:
                return Outcome(block=block, result=self.run(function, block, timeout=timeout))
            except Exception as error:
                final = isinstance(error, XaiError) and not isinstance(
                    error, ProcessLostError | OutOfMemoryError
                )
                if final or self._closed:
                    raise
                if not left:
                    return Outcome(block=block, error=error)
        raise AssertionError("the last attempt returns or raises")


class Inline(Engine):
    """Computes in this process, one block after the other; a timeout has no effect."""

    def run(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> R:
        """Compute `function(*args)` here."""
        return function(*args)

    def _each(self, attempts: Iterable[Callable[[], Outcome[B, R]]]) -> Iterator[Outcome[B, R]]:
        """Call each in order, in this thread."""
        return (attempt() for attempt in attempts)


def make_engine(name: str, *, blocks: int, gpus: int = 0) -> Engine:
    """Return the engine with a name: "inline", "local", "local:N" or "dask://HOST:PORT".

    Args:
        name: "local" is one process per GPU if there are any, otherwise per core.
        blocks: Number of blocks to compute; no more local processes are started.
        gpus: Number of GPUs that the work may use.

    Raises:
        ConfigError: If the name is unknown, or a scheduler does not answer.
    """
    if name.startswith("dask://"):
        from .dask_cluster import DaskEngine

        return DaskEngine(name.removeprefix("dask://"))
    if not (known := re.fullmatch(r"inline|local(?::([1-9]\d*))?", name)):
        raise ConfigError(
            f"`engine` must be inline, local, local:N or dask://HOST:PORT, got {name!r:.60}."
        )
    usual = gpus or min(os.cpu_count() or 1, MOST_PROCESSES)
    processes = min(int(known[1] or usual), blocks)
    if name == "inline" or processes < 2:
        return Inline()
    from .local import LocalProcesses

    return LocalProcesses(processes)
