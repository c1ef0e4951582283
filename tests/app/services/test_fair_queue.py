"""The queue for compute slots: fair, bounded, and open about the place of each request."""

import threading
from contextlib import contextmanager

import pytest

from dashboard.services.scheduler import fair_queue
from dashboard.services.scheduler.fair_queue import BusyError, FairQueue

from ...patience import PATIENCE


class Request:
    """A thread that acquires a slot, notes its places in the queue, and holds it until `end`."""

    def __init__(self, queue, name, order, patience=PATIENCE):
        self.places, self.error = [], None
        self.noted, self.go = threading.Event(), threading.Event()

        @contextmanager
        def on_wait(ahead):
            self.places.append(ahead)
            self.noted.set()
            yield

        def work():
            try:
                queue.acquire(on_wait, patience)
            except BusyError as error:
                self.error = error
                return
            order.append(name)
            self.noted.set()
            self.go.wait(PATIENCE)
            queue.release()

        self.thread = threading.Thread(target=work)
        self.thread.start()
        assert self.noted.wait(PATIENCE) or self.error

    def end(self):
        self.go.set()
        self.thread.join(PATIENCE)


def test_twenty_are_served_in_their_order_and_know_their_place():
    queue, order = FairQueue(), []
    requests = [Request(queue, name, order) for name in range(20)]
    assert [request.places for request in requests] == [[], *([n] for n in range(1, 20))]
    for request in requests:
        request.end()
    assert order == list(range(20))
    assert requests[3].places[0] == 3 and requests[3].places == sorted(
        requests[3].places, reverse=True
    )
    assert not any(request.error for request in requests)


def test_as_many_hold_a_slot_as_there_are():
    queue, order = FairQueue(at_once=2), []
    requests = [Request(queue, name, order) for name in range(4)]
    assert [request.places for request in requests] == [[], [], [1], [2]]
    assert order == [0, 1]
    for request in (requests[1], requests[2], requests[0], requests[3]):
        request.end()
    assert order == [0, 1, 2, 3]
    assert not any(request.error for request in requests)


def test_a_request_that_does_not_advance_is_refused_and_leaves_the_queue():
    queue, order = FairQueue(), []
    holder = Request(queue, "holder", order)
    late = Request(queue, "late", order, patience=0.01)
    late.thread.join(PATIENCE)
    assert "1 request is ahead" in str(late.error)
    holder.end()
    Request(queue, "next", order).end()
    assert order == ["holder", "next"]


def test_too_many_requests_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(fair_queue, "MOST_WAITING", 2)
    queue, order = FairQueue(), []
    requests = [Request(queue, name, order) for name in range(3)]
    with pytest.raises(BusyError, match="3 requests are ahead"):
        queue.acquire(lambda _: contextmanager(lambda: iter([None]))())
    for request in requests:
        request.end()
    assert order == [0, 1, 2]


def test_a_request_that_ends_while_waiting_is_passed_over():
    queue, order = FairQueue(), []
    holder = Request(queue, "holder", order)

    def gone(ahead):
        raise InterruptedError("the person closed the tab")

    with pytest.raises(InterruptedError):
        queue.acquire(gone)
    holder.end()
    Request(queue, "next", order).end()
    assert order == ["holder", "next"]


def test_a_request_that_yields_lets_the_others_go_first():
    queue, order = FairQueue(), []
    queue.acquire(contextmanager(lambda _: iter([None])))
    queue.yield_turn(
        contextmanager(lambda _: iter([None]))
    )  # no request waits, so it keeps its slot
    other = Request(queue, "other", order)
    other.go.set()
    queue.yield_turn(contextmanager(lambda _: iter([None])))
    order.append("first")
    queue.release()
    other.end()
    assert order == ["other", "first"]
