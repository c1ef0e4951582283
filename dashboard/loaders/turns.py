"""A fair queue for the engine: first come, first served, and everyone knows their place."""

import threading
import time
from collections import deque
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


class Turns:
    """Turns of threads, each of which holds one or waits for one.

    Args:
        at_once: How many hold one, the first in the row.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._row: deque[int] = deque()
        self._moved = threading.Condition()

    def take(self, telling: Telling, patience: float = PATIENCE) -> None:
        """Wait for one's turn and hold it until `give_back`.

        Args:
            telling: Opened anew at each place in the row but the first.
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
        """Leave the row, whether one's turn has come or not."""
        with self._moved:
            me = threading.get_ident()
            if me in self._row:
                self._row.remove(me)
            self._moved.notify_all()

    def pass_on(self, telling: Telling) -> None:
        """Let those who wait go first, then go on; must be called by the one who holds."""
        with self._moved:
            if len(self._row) <= self._at_once:
                return
        self.give_back()
        self.take(telling, patience=float("inf"))

    def _join(self) -> int:
        with self._moved:
            me = threading.get_ident()
            assert me not in self._row, "a turn is never taken within a turn"
            before = len(self._row) + 1 - self._at_once
            if before > MOST_WAITING:
                raise BusyError(
                    f"The server is busy: {before} others are before you. Try again in a minute."
                )
            self._row.append(me)
            return self._before(me)

    def _before(self, me: int) -> int:
        """Count those who must leave the row before `me` holds a turn."""
        return max(0, self._row.index(me) + 1 - self._at_once)

    def _wait(self, before: int, patience: float) -> int:
        """Wait until fewer are before than `before`, and count them."""
        me, until = threading.get_ident(), time.monotonic() + patience
        with self._moved:
            while (now := self._before(me)) == before:
                left = until - time.monotonic()
                if left <= 0:
                    raise BusyError(
                        "The server is busy with other work, and "
                        f"{before} {'is' if before == 1 else 'are'} before you. Try again in a "
                        "moment."
                    )
                self._moved.wait(min(left, 60.0))
            return now
