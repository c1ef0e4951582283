"""A fair queue for compute slots: first come, first served, with positions shown."""

import bisect
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from xai_core.errors import XaiError

MOST_WAITING = 40
"""Largest number of waiting requests; further ones are rejected."""
PATIENCE = 20.0
"""Seconds without progress in the queue after which a request is rejected."""

OnWait = Callable[[int], AbstractContextManager[object]]
"""Returns a context that is open while a given number of requests are ahead."""


class BusyError(XaiError):
    """Raised if no compute slot becomes free in acceptable time."""


class FairQueue:
    """Slots that threads acquire in the order of their first request.

    A thread keeps the position of its first request, so a page that needs many slots in turn
    finishes before pages opened later.

    Args:
        at_once: Number of slots.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._holding: set[int] = set()
        self._waiting: list[int] = []
        self._tickets = itertools.count()
        self._mine = threading.local()
        self._changed = threading.Condition()

    @property
    def held(self) -> bool:
        """Return whether any thread holds a slot."""
        return bool(self._holding)

    def acquire(self, on_wait: OnWait, patience: float = PATIENCE) -> None:
        """Wait for a slot and hold it until `release`.

        Args:
            on_wait: Called each time the number of requests ahead changes.
            patience: Seconds without a change before giving up.

        Raises:
            BusyError: If too many requests wait already, or the queue does not move.
        """
        ahead = self._join()
        try:
            while ahead:
                with on_wait(ahead):
                    ahead = self._wait(ahead, patience)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the slot, or leave the queue."""
        with self._changed:
            me = self._mine.ticket
            self._holding.discard(me)
            if me in self._waiting:
                self._waiting.remove(me)
            self._changed.notify_all()

    def yield_turn(self, on_wait: OnWait) -> None:
        """Yield to waiting requests, then acquire a slot again; the caller holds one."""
        with self._changed:
            if not self._waiting:
                return
        self.release()
        del self._mine.ticket
        self.acquire(on_wait, patience=float("inf"))

    def _join(self) -> int:
        with self._changed:
            if not hasattr(self._mine, "ticket"):
                self._mine.ticket = next(self._tickets)
            me = self._mine.ticket
            assert me not in self._holding, "a slot is never acquired while one is held"
            bisect.insort(self._waiting, me)
            ahead = self._advance()
            if ahead > MOST_WAITING:
                self._waiting.remove(me)
                raise BusyError(
                    f"The server is busy: {ahead} requests are ahead of yours. Try again in a "
                    "minute."
                )
            return ahead

    def _advance(self) -> int:
        """Count the requests ahead; take a slot if there are none."""
        me = self._mine.ticket
        free = self._at_once - len(self._holding)
        ahead = max(0, self._waiting.index(me) + 1 - free)
        if not ahead:
            self._waiting.remove(me)
            self._holding.add(me)
        return ahead

    def _wait(self, ahead: int, patience: float) -> int:
        """Wait until the number of requests ahead is no longer `ahead`, and return it."""
        until = time.monotonic() + patience
        with self._changed:
            while (now := self._advance()) == ahead:
                left = until - time.monotonic()
                if left <= 0:
                    raise BusyError(
                        f"The server is busy: {ahead} "
                        f"{'request is' if ahead == 1 else 'requests are'} ahead of yours. Try "
                        "again in a moment."
                    )
                self._changed.wait(min(left, 60.0))
            return now
