"""A fair queue for the engine: first come, first served, and everyone knows their place."""

import bisect
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from xai_core.errors import XaiError

MOST_WAITING = 40
"""More than these are turned away at once."""
PATIENCE = 20.0
"""Seconds without moving up after which one that waits gives up."""

Telling = Callable[[int], AbstractContextManager[object]]
"""Says, as long as it is open, how many are before."""


class BusyError(XaiError):
    """Other work holds the engine for longer than a person should wait."""


class FairQueue:
    """Turns of threads, each of which holds one or waits for one.

    Who asked first for any turn goes first: a page whose work takes many turns keeps its place
    between them, so that pages are finished one after the other instead of all of them late.

    Args:
        at_once: How many hold one.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._holding: set[int] = set()
        self._waiting: list[int] = []
        self._tickets = itertools.count()
        self._mine = threading.local()
        self._moved = threading.Condition()

    @property
    def held(self) -> bool:
        """Tell whether somebody holds a turn."""
        return bool(self._holding)

    def take(self, telling: Telling, patience: float = PATIENCE) -> None:
        """Wait for one's turn and hold it until `give_back`.

        Args:
            telling: Opened anew at each place in the row.
            patience: Seconds at one place after which to give up.

        Raises:
            BusyError: If too many wait already, or the row does not move.
        """
        before = self._join()
        try:
            while before:
                with telling(before):
                    before = self._wait(before, patience)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """End one's turn, or leave the row."""
        with self._moved:
            me = self._mine.ticket
            self._holding.discard(me)
            if me in self._waiting:
                self._waiting.remove(me)
            self._moved.notify_all()

    def pass_on(self, telling: Telling) -> None:
        """Let those who wait go first, then go on; must be called by the one who holds."""
        with self._moved:
            if not self._waiting:
                return
        self.give_back()
        del self._mine.ticket
        self.take(telling, patience=float("inf"))

    def _join(self) -> int:
        with self._moved:
            if not hasattr(self._mine, "ticket"):
                self._mine.ticket = next(self._tickets)
            me = self._mine.ticket
            assert me not in self._holding, "a turn is never taken within a turn"
            bisect.insort(self._waiting, me)
            before = self._before()
            if before > MOST_WAITING:
                self._waiting.remove(me)
                raise BusyError(
                    f"The server is busy: {before} others are before you. Try again in a minute."
                )
            return before

    def _before(self) -> int:
        """Count those who must end before one's turn; it begins where there are none."""
        me = self._mine.ticket
        free = self._at_once - len(self._holding)
        before = max(0, self._waiting.index(me) + 1 - free)
        if not before:
            self._waiting.remove(me)
            self._holding.add(me)
        return before

    def _wait(self, before: int, patience: float) -> int:
        """Wait until another number are before than `before`, and count them."""
        until = time.monotonic() + patience
        with self._moved:
            while (now := self._before()) == before:
                left = until - time.monotonic()
                if left <= 0:
                    raise BusyError(
                        "The server is busy with other work, and "
                        f"{before} {'is' if before == 1 else 'are'} before you. Try again in a "
                        "moment."
                    )
                self._moved.wait(min(left, 60.0))
            return now
