"""Helper processes: the same results as the server's own, and no harm when one is gone."""

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

from dashboard.services import attributions, counterfactuals, worker
from dashboard.services.scheduler import scheduler
from dashboard.services.scheduler.fair_queue import FairQueue
from dashboard.services.scheduler.worker_pool import WorkerPool
from dashboard.views.counterfactuals import loader
from dashboard.views.heatmaps import loader as heatmaps_loader
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory.manifold import loader as manifold_loader

IMAGE = "test:1"
MAPS = np.random.default_rng(0).random((2, 28, 28)).astype(np.float32)
CODES = np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32)
WORK = {
    attributions.maps: ((IMAGE,), "integrated_gradients", "classifier"),
    heatmaps_loader._worth: (IMAGE, "classifier", MAPS, np.array([0, 1])),
    counterfactuals.change: (IMAGE, "classifier", "default", 1),
    loader.changes: (IMAGE, "classifier", "diffeomorphic"),
    loader.alternatives: (IMAGE, "classifier", 1, 0),
    loader._law: (CODES, 1, "classifier"),
    loader._evidence: (MAPS[0], MAPS[1], "classifier"),
    loader.usual_distance: (),
    theory_loader._drawn: (IMAGE, 20),
    manifold_loader._certified: (IMAGE, 1, 1.0),
    manifold_loader.tangents: (IMAGE, 2),
}
PATIENCE = 60.0


def wait_until(true):
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module")
def team(tiny_bundle_path):
    team = WorkerPool(1)
    team.want(str(tiny_bundle_path))
    wait_until(lambda: team.there)
    yield team
    for door in list(team._free):
        door.close()


@pytest.fixture
def asked_of(team, tiny_bundle):
    def ask(work, *args, digest=tiny_bundle.digest):
        bundle = SimpleNamespace(path=tiny_bundle.path, digest=digest)
        return team.ask(work, bundle, args, {})

    return ask


def flat(found):
    """Take a result apart into what can be compared; seconds differ."""
    found = found._asdict() if hasattr(found, "_asdict") else found
    found = found if isinstance(found, dict) else {"": found}
    return {name: value for name, value in found.items() if name != "seconds"}


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_a_helper_gives_the_servers_own_result(asked_of, tiny_bundle, work):
    (there,) = asked_of(work, *WORK[work])
    here = inspect.unwrap(work)(tiny_bundle, *WORK[work])
    assert type(there) is type(here)
    np.testing.assert_equal(flat(there), flat(here))
    assert not any(isinstance(value, torch.Tensor) for value in flat(there).values())


def test_what_a_helper_cannot_do_is_left_to_the_server(asked_of):
    assert asked_of(attributions.maps, (IMAGE,), "lrp", "classifier", digest="another") == []
    assert asked_of(attributions.maps, (IMAGE,), "no method", "classifier") == []
    assert asked_of(manifold_loader.tangents, IMAGE, 2)  # and it lives on


def test_a_killed_helper_is_missed_and_replaced(team, asked_of, tiny_bundle_path):
    (process,) = team._ready.values()
    process.kill()
    assert asked_of(manifold_loader.tangents, IMAGE, 2) == []
    wait_until(lambda: not team.there)
    team.want(str(tiny_bundle_path))
    wait_until(lambda: team.there)
    assert asked_of(manifold_loader.tangents, IMAGE, 2)


def test_a_helper_ends_with_the_server(team):
    (process,) = team._ready.values()
    team._free[0].close()
    assert process.wait(PATIENCE) == 0


def test_a_helper_that_cannot_start_is_no_helper(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    team = WorkerPool(2)
    team.want("nowhere")
    wait_until(lambda: team._hired == 0)
    assert not team.there


def test_a_helper_leaves_when_idle(monkeypatch, tiny_bundle_path):
    monkeypatch.setattr(worker, "IDLE", 0.01)
    ours, theirs = Pipe()
    monkeypatch.setattr(
        sys, "argv", ["helper", str(os.dup(theirs.fileno())), str(tiny_bundle_path)]
    )
    main = threading.Thread(target=worker.main)
    main.start()
    theirs.close()
    main.join(PATIENCE)
    assert ours.recv() == "ready"
    with pytest.raises(EOFError):
        ours.recv()


def test_work_goes_to_the_team_once_another_is_at_work(monkeypatch, tiny_bundle):
    asked = []

    def ask(*task):
        asked.append(task)
        return ["theirs"] if len(asked) == 1 else []

    team = SimpleNamespace(
        turns=FairQueue(), there=False, ask=ask, want=lambda path: setattr(team, "there", path)
    )
    monkeypatch.setattr(scheduler, "worker_pool", lambda: team)
    work = scheduler.offload(lambda bundle, number: number + 1)
    assert work(tiny_bundle, 1) == 2 and not asked
    turns = FairQueue(2)
    monkeypatch.setattr(scheduler, "compute_queue", lambda: turns)
    other = threading.Thread(target=turns.take, args=(pytest.fail,))
    other.start()
    other.join()
    assert work(tiny_bundle, 1) == "theirs"
    assert work(tiny_bundle, number=1) == 2  # none was free
    assert [task[1:] for task in asked] == [
        (tiny_bundle, (1,), {}),
        (tiny_bundle, (), {"number": 1}),
    ]
