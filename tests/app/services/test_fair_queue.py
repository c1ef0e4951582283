"""The queue for the engine: fair, bounded, and polite."""

import threading
from contextlib import contextmanager

import pytest

from dashboard.services.scheduler import fair_queue
from dashboard.services.scheduler.fair_queue import BusyError, FairQueue

PATIENCE = 30.0


class Worker:
    """A thread that takes a turn, notes what it is told, and holds it until let go."""

    def __init__(self, turns, name, order, patience=PATIENCE):
        self.told, self.error = [], None
        self.told_now, self.go = threading.Event(), threading.Event()

        @contextmanager
        def telling(before):
            self.told.append(before)
            self.told_now.set()
            yield

        def work():
            try:
                turns.take(telling, patience)
            except BusyError as error:
                self.error = error
                return
            order.append(name)
            self.told_now.set()
            self.go.wait(PATIENCE)
            turns.give_back()

        self.thread = threading.Thread(target=work)
        self.thread.start()
        assert self.told_now.wait(PATIENCE) or self.error

    def end(self):
        self.go.set()
        self.thread.join(PATIENCE)


def test_twenty_are_served_in_their_order_and_told_their_place():
    turns, order = FairQueue(), []
    workers = [Worker(turns, name, order) for name in range(20)]
    assert [worker.told for worker in workers] == [[], *([n] for n in range(1, 20))]
    for worker in workers:
        worker.end()
    assert order == list(range(20))
    assert workers[3].told[0] == 3 and workers[3].told == sorted(workers[3].told, reverse=True)
    assert not any(worker.error for worker in workers)


def test_as_many_hold_a_turn_as_may():
    turns, order = FairQueue(at_once=2), []
    workers = [Worker(turns, name, order) for name in range(4)]
    assert [worker.told for worker in workers] == [[], [], [1], [2]]
    assert order == [0, 1]
    for worker in (workers[1], workers[2], workers[0], workers[3]):
        worker.end()
    assert order == [0, 1, 2, 3]
    assert not any(worker.error for worker in workers)


def test_one_that_does_not_move_up_gives_up_with_words_and_leaves_the_row():
    turns, order = FairQueue(), []
    holder = Worker(turns, "holder", order)
    late = Worker(turns, "late", order, patience=0.01)
    late.thread.join(PATIENCE)
    assert "1 is before you" in str(late.error)
    holder.end()
    Worker(turns, "next", order).end()
    assert order == ["holder", "next"]


def test_too_many_are_turned_away_at_once(monkeypatch):
    monkeypatch.setattr(fair_queue, "MOST_WAITING", 2)
    turns, order = FairQueue(), []
    workers = [Worker(turns, name, order) for name in range(3)]
    with pytest.raises(BusyError, match="3 others are before you"):
        turns.take(lambda _: contextmanager(lambda: iter([None]))())
    for worker in workers:
        worker.end()
    assert order == [0, 1, 2]


def test_one_who_leaves_while_waiting_is_passed_over():
    turns, order = FairQueue(), []
    holder = Worker(turns, "holder", order)

    def gone(before):
        raise InterruptedError("the person closed the tab")

    with pytest.raises(InterruptedError):
        turns.take(gone)
    holder.end()
    Worker(turns, "next", order).end()
    assert order == ["holder", "next"]


def test_who_passes_on_lets_the_others_go_first():
    turns, order = FairQueue(), []
    turns.take(contextmanager(lambda _: iter([None])))
    turns.pass_on(contextmanager(lambda _: iter([None])))  # nobody waits: goes on at once
    other = Worker(turns, "other", order)
    other.go.set()
    turns.pass_on(contextmanager(lambda _: iter([None])))
    order.append("first")
    turns.give_back()
    other.end()
    assert order == ["other", "first"]
