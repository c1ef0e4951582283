"""`xai_core/training/sweep.py`: trainings with other K and seeds, and what persists."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from xai_core import cli
from xai_core.bundle.reading import load_bundle
from xai_core.engine.api import Inline
from xai_core.errors import BundleError, ConfigError
from xai_core.evaluation.persistence import Sweep, persistence, read_sweep, sweep_file
from xai_core.plots.clusters.persistence import finding, persistence_table
from xai_core.training import sweep as module
from xai_core.training.sweep import sweep


@pytest.fixture
def bundle(tiny_bundle_path, tmp_path):
    return load_bundle(shutil.copytree(tiny_bundle_path, tmp_path / "bars"))


def test_the_similarity_of_a_cluster_to_the_nearest_one():
    reference = np.array([0, 0, 0, 0, 1, 1, 3])
    other = np.array([5, 5, 5, 2, 2, 2, 0])
    found = persistence(reference, other, 4)
    assert found == pytest.approx([3 / 4, 2 / 3, 0, 1])
    assert persistence(reference, reference, 4) == pytest.approx([1, 1, 0, 1])


def test_a_sweep_follows_the_clusters_and_continues(bundle, monkeypatch):
    told = []
    options = {"clusters": [3, 2], "seeds": 2, "num_images": 40, "engine": Inline()}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module._Training, "__call__", stopping(after=2))
        sweep(bundle, **options)
    kept = sorted(path.name for path in bundle.path.with_name(".bars.sweep").glob("*/*.npy"))
    assert kept == ["K0002-seed000.npy", "K0003-seed000.npy"]
    found = sweep(bundle, **options, on_progress=lambda *step: told.append(step))
    assert told == [(2, 4), (3, 4), (4, 4)]
    assert not bundle.path.with_name(".bars.sweep").exists()
    assert read_sweep(bundle.path, bundle.digest) == found
    assert (found.clusters, found.seeds, found.num_images) == ((2, 3), (0, 1), 40)
    table = np.array(found.persistence)
    assert table.shape == (2, 2) and (0 < table).all() and (table <= 1).all()
    assert len(found.agreement) == 2 and max(found.agreement) <= 1


def stopping(after, work=module._Training.__call__):
    done = []

    def stopped(task, one):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(one)
        work(task, one)

    return stopped


def test_what_cannot_be_swept_or_read_is_told(bundle, monkeypatch, subtests):
    for asked in ({"clusters": [1]}, {"clusters": []}, {"seeds": 0}, {"clusters": [5]}):
        options = {"clusters": [2], "seeds": 1, "num_images": 40, "engine": Inline()} | asked
        with subtests.test(**asked), pytest.raises(ConfigError, match="must be at least 2 and"):
            sweep(bundle, **options)
    with pytest.raises(ConfigError, match="only a cluster VAE can be trained again"):
        monkeypatch.setattr(module, "AdoptedVAE", type(bundle.model))
        sweep(bundle, clusters=[2], engine=Inline())
    with pytest.raises(BundleError, match="was replaced meanwhile. Run `xai sweep` again"):
        module._of(str(bundle.path), "another", 40)
    assert read_sweep(bundle.path, bundle.digest) is None
    about = {"digest": "another", "num_images": 9, "clusters": [2], "seeds": [0]}
    for text in ("", "[]", "{}", json.dumps({**about, "persistence": [[1, 1]], "agreement": [1]})):
        sweep_file(bundle.path).write_text(text)
        with subtests.test(text), pytest.raises(BundleError, match="is damaged. Delete it"):
            read_sweep(bundle.path, bundle.digest)
    whole = {**about, "persistence": [[1], [0.2]], "agreement": [1]}
    sweep_file(bundle.path).write_text(json.dumps(whole))
    assert read_sweep(bundle.path, bundle.digest) is None
    assert read_sweep(bundle.path, "another").persistent(2) == [0]


def test_the_command_and_the_chart_say_what_persists(bundle, subtests):
    words = ["sweep", str(bundle.path), "--clusters", "2-3", "--seeds", "1", "--num-images", "40"]
    result = CliRunner().invoke(cli.app, [*words, "--engine", "inline"])
    assert result.exit_code == 0, result.stderr
    found = read_sweep(bundle.path, bundle.digest)
    assert finding(found, bundle.clusters.names, bundle.clusters.order) in result.stdout
    drawn = persistence_table(found, bundle.clusters.names, bundle.clusters.order, dark=False)
    assert drawn.columns == ("cluster", "K = 2", "K = 3") and len(drawn.rows) == 2
    wrong = CliRunner().invoke(cli.app, [*words[:3], "x-3"])
    assert wrong.exit_code == 1 and "`--clusters` must be 5-20 or 5,10,20" in wrong.stderr
    made = {"digest": "", "num_images": 9, "clusters": (2, 3, 4), "seeds": (0,)}
    cases = {
        "All 3 clusters persist in trainings with 3 clusters, and 2 with 4": [
            *[[0.0, 0.9, 0.8]] * 2,
            [0.0, 0.9, 0.7],
        ],
        "1 of 3 clusters persist in trainings with 3 clusters, not C, A, and 2 with 4": [
            [1.0, 0.7, 1.0],
            [0.1, 0.9, 0.8],
            [1.0, 0.7, 0.2],
        ],
        "1 of 4 clusters persist in trainings with 4 clusters, not D, C, A": [
            *[[0.9, 0.9, 0.2]],
            *[[0.9, 0.9, 0.75]],
            *[[0.9, 0.9, 0.7]] * 2,
        ],
        "No training had as many clusters as this model, 5": [[1.0] * 3] * 5,
    }
    for said, rows in cases.items():
        with subtests.test(said):
            table = tuple(map(tuple, rows))
            one = Sweep(**made, persistence=table, agreement=(1.0,) * 3)
            count = len(rows)
            assert finding(one, "ABCDE"[:count], range(count)[::-1]) == said
