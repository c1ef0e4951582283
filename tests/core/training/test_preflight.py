"""What later stages need is tried first, and a stage that fails loses nothing of those before."""

import dataclasses
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from xai_core.bundle.reading import load_bundle
from xai_core.errors import ConfigError
from xai_core.evaluation.health import health_of
from xai_core.runtime import Launch
from xai_core.training import pipeline, preflight
from xai_core.training.config import CriticTraining, TrainingConfig
from xai_core.training.pipeline import run_folder, train
from xai_core.training.stages import critic, pseudo_labels, sequence

from ...conftest import TINY

SHORT = TrainingConfig(
    epochs=1,
    classifier_epochs=1,
    batch_size=20,
    pseudo_label_weight=0.0,
    likelihood_images=5,
    critic=None,
)
SCRIPT = """
from pathlib import Path
from xai_core.runtime import import_umap
assert import_umap().UMAP(1.0) == 2.0
import numba, torch
assert numba.config.NUMBA_NUM_THREADS == torch.get_num_threads() == 1
kept = Path(numba.config.CACHE_DIR)
assert any(kept.rglob("*.nbi")), "compiled code is kept in a temporary folder"
print(kept)
"""

COMPILED = """
import numba

@numba.njit("float64(float64)", cache=True)
def UMAP(x):
    return x + 1
"""
"""It is compiled and kept when it is imported, as umap-learn is, in a second and not in fifty."""


def started(dataset, out, training=SHORT, **more):
    return train(dataset, out, model=TINY, training=training, launch=Launch(device="cpu"), **more)


def test_umap_serves_where_no_folder_can_be_written_and_takes_no_more_threads_than_torch(tmp_path):
    """No folder can be below /dev/null; the option keeps numba from the package's own folder."""
    (tmp_path / "umap.py").write_text(COMPILED)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        "HOME": "/dev/null",
        "XDG_CACHE_HOME": "/dev/null/cache",
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator,UserWideCacheLocator",
    }
    environment |= {"OMP_NUM_THREADS": "1"}
    for name in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"):
        environment.pop(name, None)
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert not Path(found.stdout.strip()).exists()


def test_what_cannot_be_imported_is_told_before_the_first_stage(
    tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(preflight, "NEEDED", ("sklearn.nothing",))
    told = []
    with pytest.raises(ConfigError, match=r"needs `sklearn\.nothing`.*Install this package"):
        started(tiny_dataset, tmp_path / "mine", on_progress=told.append)
    assert told == [] and list(tmp_path.iterdir()) == []


WHOLE = dataclasses.replace(
    SHORT,
    pseudo_label_weight=1.0,
    pseudo_label_images=20,
    critic=CriticTraining(surrogate_epochs=1, epochs=1, train_images=20),
)
STAGES = {
    "assign": (pseudo_labels, "assign_clusters"),
    "vae": (sequence, "vae_stage"),
    "classifier": (sequence, "classifier_stage"),
    "surrogate": (critic, "SurrogateObjective"),
    "critic": (critic, "CriticObjective"),
    "evaluation": (pipeline, "evaluate"),
    "index": (pipeline, "build_index"),
    "saving": (pipeline, "save_bundle"),
}
"""All stages of a training and the saving of its bundle, in their order."""


def test_a_stage_that_fails_loses_nothing_of_those_before(
    tiny_dataset, tmp_path, monkeypatch, subtests
):
    """Every stage fails once, one after the other, and the training goes on from it."""

    def fail(*args, **options):
        raise RuntimeError("the machine is on fire")

    out, repeated, assigned = tmp_path / "mine", [], []

    def assign(images, num_clusters, **options):
        assigned.append(len(images))
        return torch.eye(num_clusters)[torch.arange(len(images)) % num_clusters]

    monkeypatch.setattr(pseudo_labels, "assign_clusters", assign)
    for number, (stage, (module, function)) in enumerate(STAGES.items()):
        with subtests.test(stage=stage), monkeypatch.context() as patch:
            patch.setattr(module, function, fail)
            told = []
            with pytest.raises(RuntimeError, match="on fire"):
                started(
                    tiny_dataset, out, training=WHOLE, resume=number > 0, on_progress=told.append
                )
            assert not out.exists() and run_folder(out).is_dir()
            repeated += [progress.stage for progress in told]
    told = []
    started(tiny_dataset, out, training=WHOLE, resume=True, on_progress=told.append)
    assert {progress.stage for progress in told} == {"assign", "evaluation", "index"}
    trained = list(STAGES)[1:5]
    once = [stage for stage, _ in itertools.groupby(s for s in repeated if s in trained)]
    assert once == trained and len(assigned) == 1, "no stage is repeated"
    assert not run_folder(out).exists()
    bundle = load_bundle(out)
    health = bundle.manifest.metrics["health"]
    assert health["vae_steps"] == 2 and health["classifier_steps"] == 2
    assert health["chance"] == 0.5 and 0 <= health["class_kept"] <= 1 and health["r2"] <= 1
    assert {"steps", "images"} <= {problem.kind for problem in health_of(bundle.manifest)}


def test_without_labels_there_is_no_chance_to_beat(tiny_dataset, tmp_path):
    started(tiny_dataset.without_labels(), tmp_path / "mine")
    manifest = load_bundle(tmp_path / "mine").manifest
    assert manifest.metrics["health"]["chance"] is None
    assert "classifier" not in {problem.kind for problem in health_of(manifest)}
    assert dataclasses.asdict(manifest)["metrics"]["health"]["classifier_steps"] is None
