"""The package as a wheel, used from a folder that knows nothing of the checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = {"mnist", "mnist-2d", "mnist-pure-elbo"}
BESIDE = {
    "mnist.faithfulness.classifier.json",
    "mnist.faithfulness.cluster.json",
    "mnist.sweep.json",
}
"""Results of a shipped bundle, which lie beside it."""
OPENS = """
import json, xai_core
from importlib.util import find_spec
bundle = xai_core.load_bundle("mnist")
home = find_spec("dashboard").origin
print(json.dumps([str(bundle.path), str(bundle.image("test:0").shape), xai_core.__file__, home]))
"""


def run(*command, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that a wheel of the project was installed into."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "target"))
    kept = ("xai_core", "dashboard", "checkpoints", "pyproject.toml", "README.md", "LICENSE")
    for name in kept:
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("static", "__pycache__", ".runs")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / name, source)
    (source / "checkpoints" / "own").mkdir()
    (source / "checkpoints" / "own" / "manifest.json").write_text("{}")
    pip = ("-m", "pip", "-q")
    run(*pip, "wheel", ".", "--no-deps", "--no-build-isolation", "-w", target, cwd=source)
    (wheel,) = target.glob("*.whl")
    run(*pip, "install", "--no-deps", "--target", target / "site", wheel, cwd=target)
    return target / "site"


def test_a_wheel_opens_the_shipped_bundle_from_any_folder(installed, tmp_path):
    site = installed
    bundle, shape, *packages = json.loads(run("-c", OPENS, cwd=tmp_path, PYTHONPATH=str(site)))
    assert bundle == str(site / "xai_core" / "checkpoints" / "mnist")
    assert shape == "torch.Size([1, 28, 28])"
    assert all(Path(package).is_relative_to(site) for package in packages)


def test_a_wheel_carries_the_shipped_bundles_and_no_other(installed):
    folder = installed / "xai_core" / "checkpoints"
    assert {path.name for path in folder.iterdir()} == SHIPPED | BESIDE
    for name in SHIPPED:
        written = {path.name for path in (ROOT / "checkpoints" / name).iterdir()}
        assert {path.name for path in (folder / name).iterdir()} == written
    for name in BESIDE:
        assert (folder / name).read_bytes() == (ROOT / "checkpoints" / name).read_bytes()


def test_a_checkout_opens_the_shipped_bundle_from_any_folder(tmp_path):
    found = json.loads(run("-m", "xai_core", "list", "--json", cwd=tmp_path, PYTHONPATH=str(ROOT)))
    assert "mnist" in [row["name"] for row in found["bundles"] if row["error"] is None]
    assert Path(found["bundles"][0]["path"]).resolve().parent == ROOT / "checkpoints"
