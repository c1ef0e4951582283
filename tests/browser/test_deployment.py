"""What `dashboard/Containerfile` does, without a container: another user, no home."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from distributed import Client

from tests.benchmarks.session import Session
from xai_core.engine.dask_cluster import DaskEngine

from ..patience import PATIENCE
from .conftest import ROOT, served

VIEWER = 10001
CONTAINERFILE, COMPOSE = (
    (ROOT / "dashboard" / name).read_text() for name in ("Containerfile", "compose.yaml")
)


def readable_by_all(path):
    """Whether anybody can enter every folder down to a path, and read it."""
    modes = [folder.stat().st_mode for folder in (path, *path.parents)]
    return bool(modes[0] & stat.S_IROTH) and all(mode & stat.S_IXOTH for mode in modes[1:])


def package_files():
    """Size and time of every file of the package, but for caches and the map's files."""
    folders = [ROOT / name for name in ("dashboard", "xai_core", "checkpoints")]
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not {"static", "__pycache__"} & {*path.parts}
    }


@pytest.fixture
def deployed(tmp_path):
    """Start what the image starts, with its environment and no other; yields the address."""
    settings = dict(re.findall(r"^ENV (\w+)=(\S+)$", CONTAINERFILE, flags=re.MULTILINE))
    settings |= dict(re.findall(r"^ +(XAI_\w+): \"(\w+)\"$", COMPOSE, flags=re.MULTILINE))
    settings |= {
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "localhost 127.0.0.1 digits.example.org",
        "PATH": os.environ["PATH"],
    }
    other = os.geteuid() == 0 and all(map(readable_by_all, (ROOT, Path(sys.executable).resolve())))
    user, log = VIEWER if other else None, tmp_path / "log.txt"
    with tempfile.TemporaryDirectory() as data:
        Path(data).chmod(0o777)
        with served(log, cwd=data, inherited=settings, user=user) as address:
            yield address


def test_it_shows_pages_and_writes_nothing_into_the_package(deployed):
    before = package_files()
    with urllib.request.urlopen(f"{deployed}/healthz", timeout=PATIENCE) as answer:
        found = json.load(answer)
    assert found["status"] == "ok" and found["bundles"] >= 3 and found["damaged"] == 0
    session = Session(deployed)
    for page in ("", "latent_map", "heatmaps"):
        assert not session.visit(page).problems
    session.close()
    assert package_files() == before


def test_scheduler_and_workers_of_the_compose_file_compute(tmp_path):
    services = yaml.safe_load(COMPOSE)["services"]
    port = free_port()

    def start(name):
        words = services[name]["command"]
        told = {"8786": str(port), "tcp://scheduler:8786": f"tcp://127.0.0.1:{port}"}
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[1]]
            + [told.get(word, word) for word in words[2:]]
            + (["--host", "127.0.0.1"] if name == "scheduler" else []),
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )

    started = [start("scheduler"), start("worker")]
    try:
        with Client(f"tcp://127.0.0.1:{port}", timeout=PATIENCE) as client:
            client.wait_for_workers(os.cpu_count() or 1, timeout=PATIENCE)
        with closing(DaskEngine(f"127.0.0.1:{port}")) as engine:
            assert [o.result for o in engine.map(abs, [-3])] == [3]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(PATIENCE)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_container_has_no_more_rights_than_it_needs():
    for given in (
        "read_only: true",
        "cap_drop: [ALL]",
        '"127.0.0.1:8501:8501"',
        f"/app/dashboard/static:uid={VIEWER}",
    ):
        assert given in COMPOSE
    assert f"--uid {VIEWER} " in CONTAINERFILE and "USER viewer" in CONTAINERFILE
    assert "http://127.0.0.1:8501/healthz" in CONTAINERFILE
