"""A tiny data set of two clusters, models trained on it for a moment, and a bundle of them."""

import dataclasses
import gc
import logging
import os
import subprocess
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import jaxtyping
import pandas as pd
import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

from . import annotations  # noqa: F401  # checks what is imported below

# isort: split
from xai_core.bundle import paths
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.dataset import Split, build_dataset
from xai_core.data.preprocessing import to_float
from xai_core.evaluation.metrics import evaluate, fit_cluster_labels
from xai_core.latent_space.encoding import encode_dataset
from xai_core.latent_space.replay import REPLAY_COLUMNS
from xai_core.latent_space.umap_layout import build_index
from xai_core.models.classifier import Classifier
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.critic import Critic, CriticConfig
from xai_core.models.vae import ClusterVAE
from xai_core.runtime import resolve_device

from .degenerate import SETS as DEGENERATE_SETS
from .degenerate import save_set, write_set
from .pretend_device import DEVICE, pretend_device

# Tests run in as many processes as there are cores. Numba's layer of threads, which UMAP starts,
# would set OpenMP's number of threads for torch too.
os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
torch.set_num_threads(1)

ROOT = Path(__file__).parent
TINY = ClusterVAEConfig(
    num_clusters=2, latent_dim=2, channels=(8, 8, 8), decoder_channels=(8, 8, 8), hidden=32
)


SLOW = (
    *("browser", "benchmarks", "gpu", "core/training", "core/cli/test_cli.py"),
    *("core/cli/test_degenerate_sets.py", "test_architecture.py", "app/test_missing_parts.py"),
    *("core/adoption", "core/theory/test_amortisation.py", "core/theory/test_bounds.py"),
    *("core/attribution/test_own_networks.py", "core/evaluation/test_typicality.py"),
    *("core/counterfactual/test_controls.py", "core/evaluation/test_critic_guards.py"),
    *("core/latent_space/test_index.py", "core/models/test_critic.py", "core/test_devices.py"),
    *("app/services/test_jobs.py", "app/services/test_workers.py", "core/engine"),
    *("test_installed.py", "test_readme.py", "test_style.py"),
)
"""Folders and files that start browsers, trainings or processes, read all sources, sample long."""
TRAINED = {"tiny_models", "fitted"}
"""Fixtures that train."""
UNCHECKED = (
    *("app", "browser", "core/cli", "core/report", "core/test_devices.py", "test_any_input.py"),
)
"""Folders and files that run whole pages and commands. The annotations of the library are checked
by all other tests; checking them here too took a third of the time."""
TOGETHER = (
    ("browser",),
    ("app/test_degenerate_sets.py", "core/cli/test_degenerate_sets.py"),
    ("test_style.py",),
    ("core/training/test_sequence.py",),
)
"""What one process runs, as it shares what takes long to make. These begin, the longest first;
every other file is a group of its own."""


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        default="cpu",
        help="Where models live: cpu, cuda, cuda:N, auto, or pretend (tests/pretend_device.py).",
    )


class Groups(LoadScopeScheduling):
    """Gives a process all files of a group, or one other file, after another."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        number = _group_of(ROOT / file.removeprefix(f"{ROOT.name}/"))
        return f"{number}" if number < len(TOGETHER) else file


def pytest_xdist_make_scheduler(config, log):
    return Groups(config, log)


def pytest_ignore_collect(collection_path, config):
    """Leave files that have no test of the fast lane unread there."""
    return (
        True if config.getoption("markexpr") == "fast" and _is_in(SLOW, collection_path) else None
    )


def pytest_collection_modifyitems(items):
    """Sort tests into the fast lane, and to the beginning if they are of a group.

    The fast lane has no browser, no training and no process of its own: folders and fixtures
    decide, and `slow` marks what they do not show, such as long sampling. Tests that draw their
    cases draw fewer there, see `share`.
    """
    items.sort(key=lambda item: _group_of(item.path))
    for item in items:
        by_place = _is_in(SLOW, item.path)
        trains = not TRAINED.isdisjoint(item.fixturenames)
        if not by_place and not trains and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.fast)


def pytest_collection_finish():
    """Save the time that each test would spend on what has been loaded.

    Streamlit collects garbage after each run of a page: what is loaded now is excluded. pytest
    adds its handlers to each logger that does not propagate: Streamlit has a hundred of these.
    """
    gc.collect()
    gc.freeze()
    for name in logging.root.manager.loggerDict:
        if name.startswith("streamlit"):
            logging.getLogger(name).propagate = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    pretends = item.config.getoption("--device") == "pretend"
    with pretend_device() if pretends else nullcontext():
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Check annotations, in fixtures too, where the test is of the library's own."""
    jaxtyping.config.update("jaxtyping_disable", _is_in(UNCHECKED, item.path))


def _group_of(path):
    found = (n for n, places in enumerate(TOGETHER) if _is_in(places, path))
    return next(found, len(TOGETHER))


@cache
def _is_in(places, path):
    return any(path.is_relative_to(ROOT / place) for place in places)


@pytest.fixture
def share(request):
    """Return how many times fewer cases a test draws in the fast lane; 1 otherwise."""
    return {"fast": 10}.get(request.config.getoption("markexpr"), 1)


@pytest.fixture
def some(share):
    """Return a function that picks every third of some cases in the fast lane; all otherwise."""
    return lambda cases: [*cases][:: min(share, 3)]


@pytest.fixture(autouse=True)
def no_processes(request, monkeypatch):
    """Keep the fast lane what it says: there, starting a process is an error."""
    if request.node.get_closest_marker("fast"):
        monkeypatch.setattr(subprocess.Popen, "__init__", _refused)


def _refused(*_, **__):
    pytest.fail("A test of the fast lane starts a process: mark it with `pytest.mark.slow`.")


@pytest.fixture(scope="session")
def device(request):
    name = request.config.getoption("--device")
    return DEVICE if name == "pretend" else resolve_device(name)


@pytest.fixture(autouse=True)
def no_shipped_bundles(tmp_path_factory, monkeypatch):
    """Leave out the bundles of the package, so that a test finds only those that it made."""
    monkeypatch.setattr(paths, "SHIPPED", tmp_path_factory.getbasetemp() / "no-bundles")


@pytest.fixture(autouse=True)
def seeded():
    """Seed the devices; where there is only a CPU, `torch.manual_seed` takes 5 ms longer."""
    (torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed)(0)


@pytest.fixture(scope="session")
def tiny_dataset():
    """40 train and 20 test images: upright bars are '|', level ones '-', a little shifted."""
    return build_dataset(
        name="bars",
        train=bars(40, seed=0),
        test=bars(20, seed=1),
        class_names=("|", "-"),
        report=("Drawn by the tests.",),
        source="tests/conftest.py",
    )


@pytest.fixture(scope="session")
def tiny_models(tiny_dataset):
    """A cluster VAE and a classifier that have seen the tiny data set; never change them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x, labels = to_float(tiny_dataset.train.images), tiny_dataset.train.labels
        model, classifier = ClusterVAE(TINY), Classifier(2)
        guess = torch.nn.functional.one_hot(labels, 2).float()
        fit(model, lambda: _vae_loss(model, x, guess), steps=150)
        fit(classifier, lambda: torch.nn.functional.cross_entropy(classifier(x), labels), steps=15)
    return model.eval().requires_grad_(False), classifier.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_parts(tiny_dataset, tiny_models):
    """All that `save_bundle` takes, but the path; copy it before changing it."""
    model, classifier = tiny_models
    train = encode_dataset(model, tiny_dataset.train.images, device="cpu")
    names = fit_cluster_labels(train.clusters, tiny_dataset.train.labels, 2).tolist()
    scores = {
        split: evaluate(
            model,
            classifier,
            tiny_dataset,
            split,
            device="cpu",
            cluster_labels=names,
            num_likelihood_images=5,
            num_likelihood_samples=5,
        ).as_dict()
        for split in ("train", "test")
    }
    index, quality = build_index(model, classifier, tiny_dataset, device="cpu", seed=0)
    return {
        "model": model,
        "classifier": classifier,
        "dataset": tiny_dataset,
        "index": index,
        "history": tiny_history(),
        "replay": tiny_replay(index),
        "critics": tiny_critics(),
        "configs": {"training": {"epochs": 2}},
        "seed": 0,
        "metrics": {**scores, "map": dataclasses.asdict(quality), "cluster_labels": names},
        "device": "cpu",
        "seconds": {"vae": 1.5, "classifier": 0.5},
    }


def tiny_replay(index):
    """Frames of the first 10 train images: before the training, after one epoch, as mapped."""
    last = index.iloc[:10]
    frames = [
        pd.DataFrame(
            {
                "epoch": epoch,
                "image": range(10),
                "x": last["umap_x"] * (1 + epoch) / 3,
                "y": last["umap_y"] * (1 + epoch) / 3,
                "cluster": last["cluster"] * (epoch > 0),
            }
        )
        for epoch in (0, 1, 2)
    ]
    return pd.concat(frames, ignore_index=True).astype(REPLAY_COLUMNS)


@pytest.fixture(scope="session")
def tiny_bundle_path(tiny_parts, tmp_path_factory):
    """The folder of a whole bundle, `checkpoints/bars`; never change it."""
    return save_bundle(tmp_path_factory.mktemp("root") / "checkpoints" / "bars", **tiny_parts)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_bundle_path, device):
    return load_bundle(tiny_bundle_path, device=device)


@pytest.fixture(scope="session")
def degenerate_files(tiny_dataset, tmp_path_factory):
    """The sets of `tests/degenerate.py`, by name, as .npz files."""
    folder = tmp_path_factory.mktemp("sets")
    return {
        name: write_set(name, tiny_dataset.train, folder / f"{name}.npz")
        for name in DEGENERATE_SETS
    }


@pytest.fixture(scope="session")
def degenerate_bundles(degenerate_files, tiny_parts, tmp_path_factory):
    """A folder whose `checkpoints` hold a bundle of each of these sets."""
    root = tmp_path_factory.mktemp("degenerate")
    for name, data in degenerate_files.items():
        save_set(root / "checkpoints" / name, data, tiny_parts)
    return root


def tiny_critics():
    """Critics that have learned nothing yet; they mark ink."""
    critics = {"classifier": Critic(CriticConfig(), 2), "cluster": Critic(CriticConfig(), 2)}
    return {name: critic.eval().requires_grad_(False) for name, critic in critics.items()}


def bars(count, seed):
    """Draw bars of random place, length and brightness; every second one lies level."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for image in images:
        place, top, length, ink = (
            int(torch.randint(low, high, (), generator=generator))
            for low, high in ((9, 17), (4, 7), (14, 19), (180, 256))
        )
        image[top : top + length, place : place + 3] = ink
    labels = torch.arange(count) % 2
    images[labels == 1] = images[labels == 1].transpose(1, 2)
    return Split(images=images, labels=labels)


def fit(module, loss, *, steps):
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def tiny_history():
    terms = {
        "elbo": -300.0,
        "reconstruction": -290.0,
        "expected_log_prior": -9.0,
        "kl_c": 0.5,
        "entropy_z": -0.5,
        "cluster_information": 0.6,
        "accuracy": 0.9,
        "nmi": 0.5,
        "ari": 0.6,
    }
    rows = [
        {"epoch": epoch, "stage": "vae", "loss": 3.0 - epoch, **terms, "seconds": 0.7}
        for epoch in (1, 2)
    ]
    rows.append({"epoch": 1, "stage": "classifier", "loss": 0.2, "seconds": 0.5})
    return pd.DataFrame(rows)


def _vae_loss(model, x, guess):
    """The bound with a light prior, so that a moment's training does not collapse the codes."""
    terms = model.elbo(x)
    light = 0.2 * (terms.expected_log_prior - terms.kl_c + terms.entropy_z)
    cross_entropy = torch.nn.functional.cross_entropy(model.cluster_logits(x), guess)
    return -(terms.reconstruction + light).mean() / 784 + cross_entropy
