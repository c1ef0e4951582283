"""`xai_core.engine`: every block is computed, whatever happens to a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from distributed import LocalCluster

from xai_core.engine.api import Inline, make_engine
from xai_core.engine.dask_cluster import DaskEngine
from xai_core.engine.local import LocalProcesses
from xai_core.errors import ConfigError, DataError, ProcessLostError

from ...patience import PATIENCE


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as started:
        yield started


@pytest.fixture
def engines(cluster):
    with (
        closing(LocalProcesses(2)) as local,
        closing(DaskEngine(cluster.scheduler_address)) as dask,
    ):
        yield {"inline": Inline(), "local": local, "dask": dask}


def test_each_block_once_and_the_failed_ones_named(engines, subtests, tmp_path):
    def work(block):
        with (tmp_path / f"{name}-{block}").open("a") as file:
            file.write("x")
        if block == 3:
            raise ValueError("Three is wrong.")
        return block**2

    for name, engine in engines.items():
        with subtests.test(name):
            found = {outcome.block: outcome for outcome in engine.map(work, range(6), retries=1)}
            assert sorted(found) == list(range(6))
            assert [found[n].result for n in range(6)] == [0, 1, 4, None, 16, 25]
            assert str(found.pop(3).error) == "Three is wrong."
            assert not any(outcome.error for outcome in found.values())
            tries = [(tmp_path / f"{name}-{n}").read_text() for n in range(6)]
            assert tries == ["x", "x", "x", "xx", "x", "x"]


def test_what_is_wrong_with_every_block_stops_all(engines, subtests, tmp_path):
    def work(block):
        (tmp_path / f"{name}-{block}").touch()
        raise DataError("No such image.")

    for name, engine in engines.items():
        with subtests.test(name), pytest.raises(DataError, match=r"^No such image\.$"):
            list(engine.map(work, range(100)))
        assert len(list(tmp_path.glob(f"{name}-*"))) < 20


def test_a_lost_process_costs_one_attempt(subtests, tmp_path):
    def work(sent):
        block, harm = sent
        if harm and not (tmp_path / f"{block}").exists():
            (tmp_path / f"{block}").touch()
            os.kill(os.getpid(), harm)
            time.sleep(PATIENCE)
        return block

    with closing(LocalProcesses(2)) as engine:
        for name, harm in (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP)):
            with subtests.test(name):
                blocks = [(f"{name}{n}", harm * (n == 1)) for n in range(5)]
                engine.run(work, (name, 0))
                engine.run(work, (name, 0))
                found = list(engine.map(work, blocks, timeout=8.0))
                assert {o.result for o in found} == {block for block, _ in blocks}
        with subtests.test("told"):
            assert engine.run(work, ("fine", 0)) == "fine"
            with pytest.raises(ProcessLostError, match="was killed, or memory is short"):
                engine.run(work, ("again", signal.SIGKILL))
            with pytest.raises(ProcessLostError, match="did not answer within 1 s"):
                engine.run(work, ("late", signal.SIGSTOP), timeout=1.0)
            assert engine.run(work, ("fine", 0)) == "fine"


def test_a_process_ends_with_the_engine_and_with_its_parent():
    engine = LocalProcesses(1)
    worker = engine.run(os.getpid)
    closing_soon = threading.Timer(0.5, engine.close)
    closing_soon.start()
    with pytest.raises(ProcessLostError):
        list(engine.map(time.sleep, [PATIENCE]))
    assert ended(worker)
    code = (
        "import os; from xai_core.engine.local import LocalProcesses\n"
        "print(LocalProcesses(1).run(os.getpid), flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended(int(done.stdout)), done.stderr


def ended(pid: int) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_engines_by_name(cluster, subtests, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    wanted = {
        ("inline", 9, 0): 1,
        ("local", 9, 0): 4,
        ("local", 3, 0): 3,
        ("local", 1, 0): 1,
        ("local", 9, 2): 2,
        ("local:6", 9, 0): 6,
        ("local:6", 0, 0): 1,
    }
    for (name, blocks, gpus), processes in wanted.items():
        with subtests.test(name, blocks=blocks, gpus=gpus):
            engine = make_engine(name, blocks=blocks, gpus=gpus)
            assert engine.at_once == processes
            assert isinstance(engine, Inline if processes == 1 else LocalProcesses)
    for name in ("", "thread", "local:", "local:0", "local:x", "inline:2", "dask:host"):
        with subtests.test(name), pytest.raises(ConfigError, match=r"inline, local, local:N or"):
            make_engine(name, blocks=9)
    monkeypatch.setattr("xai_core.engine.dask_cluster.ANSWER", 0.5)
    with pytest.raises(ConfigError, match="No Dask scheduler answers at '127.0.0.1:1'"):
        make_engine("dask://127.0.0.1:1", blocks=9)
    monkeypatch.setattr("distributed.Client.nthreads", lambda _: {})
    with pytest.raises(ConfigError, match="has no workers"):
        DaskEngine(cluster.scheduler_address)


def test_a_process_that_grows_is_kept():
    def grow(size):
        time.sleep(1.1)  # loky measures again after a second
        sys.kept = b"x" * size
        return os.getpid()

    with closing(LocalProcesses(1)) as engine:
        assert len({engine.run(grow, size) for size in (1, 5 * 10**8, 5 * 10**8)}) == 1
