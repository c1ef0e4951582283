"""Worker processes: the same results as the server's own, and no harm when one is gone."""

import inspect
import os
import signal
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dashboard.services import attributions, counterfactuals, decoder_images, worker
from dashboard.services.scheduler import scheduler
from dashboard.services.scheduler.fair_queue import FairQueue
from dashboard.views.counterfactuals import loader
from dashboard.views.heatmaps import loader as heatmaps_loader
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory.manifold import loader as manifold_loader
from xai_core.engine.local import LocalProcesses
from xai_core.errors import ProcessLostError

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
def engine(tiny_bundle_path):
    with closing(LocalProcesses(1, worker.prepare)) as engine:
        engine.warm(worker.open_bundle, str(tiny_bundle_path))
        wait_until(lambda: engine.ready)
        yield engine


@pytest.fixture
def offloaded(engine, monkeypatch):
    """Run work in the process although no other request computes."""
    monkeypatch.setattr(scheduler, "worker_processes", lambda: engine)
    queue = FairQueue(1)
    monkeypatch.setattr(scheduler, "worker_queue", lambda: queue)
    return scheduler.offload


def flat(found):
    """Take a result apart into what can be compared; seconds differ."""
    found = found._asdict() if hasattr(found, "_asdict") else found
    found = found if isinstance(found, dict) else {"": found}
    return {name: value for name, value in found.items() if name != "seconds"}


def test_a_worker_gives_the_servers_own_result(offloaded, tiny_bundle, subtests):
    for work, args in WORK.items():
        with subtests.test(work.__name__):
            here = inspect.unwrap(work)
            there = offloaded(elsewhere(here))(tiny_bundle, *args)
            np.testing.assert_equal(flat(there), flat(here(tiny_bundle, *args)))
            assert not any(isinstance(value, torch.Tensor) for value in flat(there).values())


def elsewhere(work):
    """Return a stand-in of a function that the server must not call itself."""
    return SimpleNamespace(
        __module__=work.__module__, __name__=work.__name__, __call__=pytest.fail
    )


def test_what_is_wrong_is_told_and_a_replaced_bundle_is_left_to_the_server(offloaded, tiny_bundle):
    work = inspect.unwrap(attributions.maps)
    with pytest.raises(ValueError, match="`method` must be one of"):
        offloaded(elsewhere(work))(tiny_bundle, (IMAGE,), "no method", "classifier")
    other = SimpleNamespace(path=tiny_bundle.path, digest="another")
    seen = []

    def here(bundle, *args):
        seen.append((bundle, *args))

    here.__module__, here.__name__ = work.__module__, work.__name__
    offloaded(here)(other, (IMAGE,), "lrp", "classifier")
    assert seen == [(other, (IMAGE,), "lrp", "classifier")]


def test_a_worker_that_dies_or_hangs_costs_one_request(
    engine, offloaded, tiny_bundle, monkeypatch, subtests
):
    tangents = elsewhere(inspect.unwrap(manifold_loader.tangents))
    for harm, message in ((signal.SIGKILL, "killed"), (signal.SIGSTOP, "did not answer within")):
        with subtests.test(harm.name):
            os.kill(engine.run(os.getpid), harm)
            with monkeypatch.context() as patch, pytest.raises(ProcessLostError, match=message):
                patch.setattr(scheduler, "DEADLINE", 1.0)
                offloaded(tangents)(tiny_bundle, IMAGE, 2)
            assert not engine.ready
            engine.warm(worker.open_bundle, str(tiny_bundle.path))
            wait_until(lambda: engine.ready)
            assert len(offloaded(tangents)(tiny_bundle, IMAGE, 2))


def test_work_goes_to_the_workers_once_another_request_computes(
    offloaded, tiny_bundle, monkeypatch
):
    warmed = []
    idle = SimpleNamespace(ready=False, warm=lambda *task: warmed.append(task))
    monkeypatch.setattr(scheduler, "worker_processes", lambda: idle)
    work = scheduler.offload(lambda bundle, number: number + 1)
    assert work(tiny_bundle, 1) == 2 and not warmed
    queue = FairQueue(2)
    monkeypatch.setattr(scheduler, "compute_queue", lambda: queue)
    other = threading.Thread(target=queue.acquire, args=(pytest.fail,))
    other.start()
    other.join()
    assert work(tiny_bundle, 1) == 2
    assert warmed == [(worker.open_bundle, str(tiny_bundle.path))]
