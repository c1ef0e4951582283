"""Worker processes: the same results as the server's own, and no harm when one is gone."""

import inspect
import os
import sys
import threading
import time
from multiprocessing.connection import Pipe
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dashboard.services import attributions, counterfactuals, decoder_images, worker
from dashboard.services.scheduler import scheduler
from dashboard.services.scheduler.fair_queue import FairQueue
from dashboard.services.scheduler.worker_pool import WorkerPool
from dashboard.views.counterfactuals import loader
from dashboard.views.heatmaps import loader as heatmaps_loader
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory.manifold import loader as manifold_loader

from ...patience import PATIENCE

IMAGE = "test:1"
MAPS = np.random.default_rng(0).random((2, 28, 28)).astype(np.float32)
WORK = {
    attributions.maps: ((IMAGE,), "integrated_gradients", "classifier"),
    heatmaps_loader._worth: (IMAGE, "classifier", MAPS, np.array([0, 1])),
    counterfactuals.change: (IMAGE, "classifier", "default", 1),
    loader.changes: (IMAGE, "classifier", "diffeomorphic"),
    loader.alternatives: (IMAGE, "classifier", 1, 0),
    loader.law: (IMAGE, "classifier", 1),
    loader._evidence: (MAPS[0], MAPS[1], "classifier"),
    decoder_images.usual_distance: (),
    theory_loader._drawn: (IMAGE, 20),
    manifold_loader._certified: (IMAGE, 1, 1.0),
    manifold_loader.tangents: (IMAGE, 2),
    manifold_loader.ascended: (IMAGE, 1, "plain", "pixel"),
    manifold_loader.step_pictures: (IMAGE, 1.0),
}


def wait_until(true):
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module")
def pool(tiny_bundle_path):
    pool = WorkerPool(1)
    pool.ensure_started(str(tiny_bundle_path))
    wait_until(lambda: pool.available)
    yield pool
    for pipe in list(pool._free):
        pipe.close()


@pytest.fixture
def run(pool, tiny_bundle):
    """Run work in a worker that is there: one that was idle for two minutes has left."""

    def run_in_worker(work, *args, digest=tiny_bundle.digest):
        pool.ensure_started(str(tiny_bundle.path))
        wait_until(lambda: pool.available)
        bundle = SimpleNamespace(path=tiny_bundle.path, digest=digest)
        return pool.run(work, bundle, args, {})

    return run_in_worker


def flat(found):
    """Take a result apart into what can be compared; seconds differ."""
    found = found._asdict() if hasattr(found, "_asdict") else found
    found = found if isinstance(found, dict) else {"": found}
    return {name: value for name, value in found.items() if name != "seconds"}


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_a_worker_gives_the_servers_own_result(run, tiny_bundle, work):
    (there,) = run(work, *WORK[work])
    here = inspect.unwrap(work)(tiny_bundle, *WORK[work])
    assert type(there) is type(here)
    np.testing.assert_equal(flat(there), flat(here))
    assert not any(isinstance(value, torch.Tensor) for value in flat(there).values())


def test_what_a_worker_cannot_do_is_left_to_the_server(run):
    assert run(attributions.maps, (IMAGE,), "lrp", "classifier", digest="another") == []
    assert run(attributions.maps, (IMAGE,), "no method", "classifier") == []
    assert run(manifold_loader.tangents, IMAGE, 2)  # and it lives on


def test_a_killed_worker_is_replaced(pool, run, tiny_bundle_path):
    (process,) = pool._ready.values()
    process.kill()
    assert run(manifold_loader.tangents, IMAGE, 2) == []
    wait_until(lambda: not pool.available)
    pool.ensure_started(str(tiny_bundle_path))
    wait_until(lambda: pool.available)
    assert run(manifold_loader.tangents, IMAGE, 2)


def test_a_worker_ends_with_the_server(pool):
    (process,) = pool._ready.values()
    pool._free[0].close()
    assert process.wait(PATIENCE) == 0


def test_a_worker_that_cannot_start_is_not_available(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool = WorkerPool(2)
    pool.ensure_started("nowhere")
    wait_until(lambda: pool._started == 0)
    assert not pool.available


def test_an_idle_worker_ends(monkeypatch, tiny_bundle_path):
    monkeypatch.setattr(worker, "IDLE", 0.01)
    ours, theirs = Pipe()
    monkeypatch.setattr(
        sys, "argv", ["worker", str(os.dup(theirs.fileno())), str(tiny_bundle_path)]
    )
    main = threading.Thread(target=worker.main)
    main.start()
    theirs.close()
    main.join(PATIENCE)
    assert ours.recv() == "ready"
    with pytest.raises(EOFError):
        ours.recv()


def test_work_goes_to_the_pool_once_another_request_computes(monkeypatch, tiny_bundle):
    sent = []

    def run(*task):
        sent.append(task)
        return ["theirs"] if len(sent) == 1 else []

    pool = SimpleNamespace(
        queue=FairQueue(),
        available=False,
        run=run,
        ensure_started=lambda path: setattr(pool, "available", path),
    )
    monkeypatch.setattr(scheduler, "worker_pool", lambda: pool)
    work = scheduler.offload(lambda bundle, number: number + 1)
    assert work(tiny_bundle, 1) == 2 and not sent
    queue = FairQueue(2)
    monkeypatch.setattr(scheduler, "compute_queue", lambda: queue)
    other = threading.Thread(target=queue.acquire, args=(pytest.fail,))
    other.start()
    other.join()
    assert work(tiny_bundle, 1) == "theirs"
    assert work(tiny_bundle, number=1) == 2  # no worker was free
    assert [task[1:] for task in sent] == [
        (tiny_bundle, (1,), {}),
        (tiny_bundle, (), {"number": 1}),
    ]
