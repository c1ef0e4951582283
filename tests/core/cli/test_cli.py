import json
import logging
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

import xai_core
from xai_core import atomic_write, cli, runtime
from xai_core.bundle.manifest import sealed
from xai_core.bundle.paths import find_bundle
from xai_core.bundle.reading import load_bundle
from xai_core.cli import dashboard, terminal
from xai_core.cli.training import display as training_display
from xai_core.errors import ConfigError, DataError
from xai_core.evaluation import conformal, metrics
from xai_core.evaluation.label_errors import doubtful_labels
from xai_core.evaluation.verification import Fact, verify
from xai_core.models.config import ClusterVAEConfig
from xai_core.runtime import Launch
from xai_core.training import config, pipeline
from xai_core.training.config import CriticTraining, TrainingConfig
from xai_core.training.progress import EpochMetrics, Progress

from ...patience import PATIENCE

MODEL = ClusterVAEConfig(
    num_clusters=2, latent_dim=2, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16
)
TRAINING = TrainingConfig(
    epochs=2,
    classifier_epochs=1,
    batch_size=20,
    pseudo_label_weight=0.0,
    critic=CriticTraining(surrogate_epochs=1, epochs=1),
)


def xai(*arguments, status=0):
    """Run the command in this process; give stdout, stderr."""
    result = CliRunner().invoke(cli.app, [str(part) for part in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout, result.stderr


def xai_json(*arguments, status=0):
    found = json.loads(xai(*arguments, "--json", status=status)[0], parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def error_of(*arguments):
    out, err = xai(*arguments, status=1)
    lines = [line for line in err.splitlines() if line.strip()]
    assert out == ""
    assert lines[-1].startswith("error: ")
    return lines[-1]


SMALL = """
from xai_core.cli import main
from xai_core.training.config import CriticTraining
from xai_core.models.config import ClusterVAEConfig
from xai_core.training.config import PRESETS, TrainingConfig
PRESETS["smoke"] = ({model}, {training})
main()
"""


def started(*arguments, cwd, small=False):
    """Start the command as a process of its own, with small presets where asked for."""
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("RANK")}
    code = ["-c", SMALL.format(model=MODEL, training=TRAINING)] if small else ["-m", "xai_core"]
    return subprocess.Popen(
        [sys.executable, *code, *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def root(tiny_bundle_path, tmp_path, monkeypatch):
    """A working directory with ./checkpoints/bars and ./bars.npz."""
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(tiny_bundle_path, tmp_path / "checkpoints" / "bars")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAI_BUNDLES", raising=False)
    return tmp_path


@pytest.fixture
def bars_npz(tiny_dataset, root):
    splits = [tiny_dataset.train, tiny_dataset.test]
    np.savez(
        root / "bars.npz",
        images=torch.cat([split.images for split in splits]).numpy(),
        labels=torch.cat([split.labels for split in splits]).numpy(),
        split=np.repeat(["train", "test"], [len(split) for split in splits]),
    )
    return root / "bars.npz"


@pytest.fixture
def small_presets(monkeypatch):
    """Every preset small enough for a test."""
    for name in config.PRESETS:
        monkeypatch.setitem(config.PRESETS, name, (MODEL, TRAINING))


@pytest.fixture(autouse=True)
def quick_likelihood(monkeypatch):
    """Few importance samples after a training; `evaluate` itself is tested elsewhere."""
    score = metrics.evaluate

    def quick(*parts, num_likelihood_images, **options):
        few = {"num_likelihood_images": min(num_likelihood_images, 5), "num_likelihood_samples": 5}
        return score(*parts, **options, **few)

    monkeypatch.setattr(pipeline, "evaluate", quick)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in the same order as in the subprocesses."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train_here(dataset, out, **options):
    options = {"model": MODEL, "training": TRAINING, "launch": Launch(device="cpu"), **options}
    return pipeline.train(dataset, out, **options)


# --- reading a bundle -------------------------------------------------------------------------


def test_list_tells_whole_and_broken_bundles(root):
    (root / "checkpoints/half").mkdir()
    (root / "checkpoints/half/model.safetensors").write_bytes(b"x")
    found = {row["name"]: row for row in xai_json("list")["bundles"]}
    assert found["bars"]["error"] is None
    assert found["bars"]["data"] == "bars"
    assert "manifest.json" in found["half"]["error"]
    assert "half" in xai("list")[0]


def test_list_without_bundles_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAI_BUNDLES", raising=False)
    assert xai_json("list") == {"bundles": []}
    assert "xai train" in xai("list")[0]


def test_info_shows_the_card(root, tiny_parts):
    found = xai_json("info", "bars")
    assert found["metrics"] == json.loads(json.dumps(tiny_parts["metrics"]))
    assert found["dataset"]["num_train"] == 40
    text = xai("info", "checkpoints/bars")[0]
    assert "latent_dim" in text and "trustworthiness" in text
    assert [problem["kind"] for problem in found["problems"]] == ["images"]


def test_evaluate_gives_the_numbers_of_the_library(root, tiny_bundle):
    arguments = ("--likelihood-images", 4, "--likelihood-samples", 3, "--device", "cpu")
    found = xai_json("evaluate", "bars", "--split", "test", *arguments)
    expected = xai_core.evaluate(
        tiny_bundle.model,
        tiny_bundle.classifier,
        tiny_bundle.dataset,
        "test",
        device="cpu",
        cluster_labels=tiny_bundle.cluster_labels,
        num_likelihood_images=4,
        num_likelihood_samples=3,
    ).as_dict()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name
    assert found["split"] == "test"
    assert "cluster_information" in xai("evaluate", "bars", *arguments)[0]
    quick = ("evaluate", "bars", "--likelihood-images", 0, "--doubtful", 3)
    judged, doubted = doubtful_labels(tiny_bundle), xai_json(*quick)["doubtful"]
    assert [one["id"] for one in doubted] == [f"test:{row - 40}" for row in judged.rows[:3]]
    assert doubted[0]["label"] in ("|", "-") and "suggested" in xai(*quick)[0]
    without = xai_json("evaluate", "bars", "--split", "train", "--likelihood-images", 0)
    assert without["log_likelihood"] is None


def test_evaluate_saves_scores_in_the_model_card(root, tmp_path):
    bundle = shutil.copytree(root / "checkpoints/bars", tmp_path / "bars")
    file = bundle / "manifest.json"
    card = json.loads(file.read_text())
    kept = card["metrics"]["test"]["log_likelihood"]
    del card["metrics"]["test"]["agreement"]
    file.write_text(json.dumps(sealed(card)))
    arguments = ("--likelihood-images", 0, "--device", "cpu", "--save")
    found = xai_json("evaluate", bundle, *arguments)
    scores = xai_json("info", bundle)["metrics"]["test"]
    assert scores["agreement"] == found["agreement"] is not None
    assert found["log_likelihood"] is None and scores["log_likelihood"] == kept


@pytest.mark.parametrize(("images", "count"), [("train", 40), ("test", 20), ("all", 60)])
def test_encode_gives_the_bundles_own_images_their_places(root, tiny_bundle, images, count):
    found = xai_json("encode", "bars", "--images", images, "--out", "z.npz", "--device", "cpu")
    with np.load(root / "z.npz", allow_pickle=False) as arrays:
        assert {name: list(arrays[name].shape) for name in arrays} == found["arrays"]
        index = tiny_bundle.index
        if images != "all":
            index = index[index["split"] == images]
        assert len(index) == count
        np.testing.assert_array_equal(arrays["umap"], index[["umap_x", "umap_y"]])
        np.testing.assert_allclose(arrays["mean"], index[["mean_0", "mean_1"]], atol=1e-4)
        np.testing.assert_array_equal(arrays["cluster_probs"].argmax(1), index["cluster"])
        np.testing.assert_array_equal(arrays["class_probs"].argmax(1), index["predicted"])
        np.testing.assert_allclose(arrays["class_probs"].sum(1), 1, atol=1e-5)
        terms = ("reconstruction", "expected_log_prior", "kl_c", "entropy_z")
        a, b, c, d = (arrays[name] for name in terms)
        np.testing.assert_allclose(arrays["elbo"], a + b - c + d, rtol=1e-4)


def test_encode_writes_prediction_sets_at_a_level(root, tiny_bundle):
    xai("encode", "bars", "--images", "test", "--level", "0.9", "--out", "z.npz")
    with np.load(root / "z.npz", allow_pickle=False) as arrays:
        for output, name in (("classifier", "class"), ("cluster", "cluster")):
            known = conformal.hold_out(tiny_bundle, output).calibration
            probs = conformal.by_label(tiny_bundle, output, arrays[f"{name}_probs"])
            held = conformal.prediction_sets(known.p_values(probs), 0.9)
            np.testing.assert_array_equal(arrays[f"{name}_set"], held)
    table = xai_json("encode", "bars", "--images", "test", "--level", "0.9", "--out", "parts")
    assert table["level"] == 0.9
    columns = pd.read_parquet(root / "parts").columns
    assert {"class_set_0", "class_set_1", "cluster_set_0", "cluster_set_1"} <= set(columns)


def test_encode_reads_files_and_places_them_among_the_bundles(root, tiny_dataset, tiny_bundle):
    images = tiny_dataset.test.images[:3].clone()
    images[:2, 0, 0] += 1  # the third is the bundle's own
    np.save(root / "some.npy", images.numpy())
    xai("encode", "bars", "--images", "some.npy", "--out", "z.npz", "--device", "cpu")
    with np.load(root / "z.npz", allow_pickle=False) as arrays:
        assert arrays["umap"].shape == (3, 2)
        places = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()
        assert (arrays["umap"] >= places.min(0)).all() and (arrays["umap"] <= places.max(0)).all()
        np.testing.assert_array_equal(arrays["umap"][2], places[len(tiny_dataset.train) + 2])
    assert not list(root.glob(".*.part"))


def test_encode_names_what_it_cannot_read_or_write(root):
    assert "`nothing.npz`" in error_of(
        "encode", "bars", "--images", "nothing.npz", "--out", "z.npz"
    )
    assert "must end in .npz" in error_of("encode", "bars", "--images", "test", "--out", "z.csv")
    out = root / "no" / "z.npz"
    message = error_of("encode", "bars", "--images", "test", "--out", out)
    assert f"Cannot write `{out}`: No such file or directory" in message


def test_arrays_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "z.npz"
    path.write_bytes(b"before")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match=r"Cannot write `.*z\.npz`: No space left on device"):
        atomic_write.write_arrays(path, {"mean": np.zeros(2)})
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_damage_is_named_by_every_command(root):
    path = root / "checkpoints/bars/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for command in (
        ["info", "bars"],
        ["verify", "bars"],
        ["evaluate", "bars"],
        ["encode", "bars", "--images", "test", "--out", "z.npz"],
    ):
        assert "model.safetensors" in error_of(*command)


@pytest.mark.parametrize("command", ["info", "verify", "evaluate", "dashboard"])
def test_an_unknown_bundle_is_named_with_those_that_are_there(root, command):
    message = error_of(command, "nope")
    assert "'nope'" in message and "'bars'" in message


def test_a_device_that_is_not_there_is_an_error(root):
    assert "CUDA devices. Use 'auto'" in error_of("verify", "bars", "--device", "cuda:99")


# --- facts ------------------------------------------------------------------------------------


def test_verify_measures_both_sides(root):
    found = xai_json("verify", "bars", "--device", "cpu")
    assert found["holds"] is True
    assert "model.safetensors" in found["files"]
    facts = {fact["name"].split(":")[0]: fact for fact in found["facts"]}
    jensen, bound = facts["Jensen"], facts["The bound"]
    assert jensen["left"] > jensen["right"] >= 0
    assert bound["left"] > bound["right"]
    certain = facts["KL(q(c|x) || p(c)) of a certain q(c|x) is ln K"]
    assert certain["left"] == pytest.approx(certain["right"]) == pytest.approx(math.log(2))
    assert "holds" in xai("verify", "bars")[0]


def test_verify_fails_where_the_index_is_not_the_models(root, monkeypatch):
    def meddled(name, *, device):
        bundle = load_bundle(name, device=device)
        bundle.index["mean_0"] += np.float32(1)
        return bundle

    monkeypatch.setattr("xai_core.bundle.reading.load_bundle", meddled)
    out, err = xai("verify", "bars", "--json", status=1)
    assert json.loads(out)["holds"] is False
    assert "error: 1 of" in err and "latent means" in err


def test_verify_wants_more_than_one_image_and_draw(tiny_bundle):
    with pytest.raises(ValueError, match="must be at least 2, got 1 and 100"):
        verify(tiny_bundle, num_images=1)


def test_a_fact_holds_within_its_tolerance(subtests):
    for left, relation, right, holds in [
        (1.0, ">=", 1.05, True),
        (1.0, ">=", 1.2, False),
        (1.2, "<=", 1.0, False),
        (1.05, "<=", 1.0, True),
        (1.0, "==", 1.05, True),
        (1.0, "==", 0.8, False),
        (math.nan, ">=", 0.0, False),
        (math.nan, "<=", 0.0, False),
        (math.nan, "==", math.nan, False),
    ]:
        with subtests.test(left=left, relation=relation, right=right, holds=holds):
            assert (
                Fact(name="", left=left, relation=relation, right=right, tolerance=0.1).holds
                is holds
            )


# --- training ---------------------------------------------------------------------------------


def test_a_launch_that_cannot_be_leaves_nothing_behind(bars_npz, small_presets):
    command = ("train", "--data", bars_npz, "--out", "checkpoints/new", "--preset", "smoke")
    assert "`precision` must be one of auto" in error_of(*command, "--precision", "64-true")
    assert "CUDA devices. Use" in error_of(*command, "--device", "cuda:99")
    assert ".new.run" not in os.listdir("checkpoints")


def test_train_writes_a_bundle_that_opens(bars_npz, small_presets):
    out, err = xai(
        *("train", "--data", bars_npz, "--out", "checkpoints/new", "--preset", "smoke"),
        *("--epochs", 3, "--latent-dim", 3, "--device", "cpu", "--seed", 5, "--json"),
        *("--indexed-train-images", 25),
    )
    card = json.loads(out)
    assert card["name"] == "new" and card["seed"] == 5
    assert card["indexed_train"] == 25 and card["dataset"]["num_train"] == 40
    assert card["configs"]["model"]["latent_dim"] == 3
    assert card["configs"]["training"]["epochs"] == 3
    stages = {"vae", "classifier", "surrogate", "critic", "evaluation", "index"}
    assert card["seconds"].keys() == stages
    assert card["metrics"]["critic"]["cluster"]["pixels"] == 31
    assert all(word in err for word in ("cluster information", "acc.*", "ETA", "vae", "3/3"))
    bundle = load_bundle("checkpoints/new")
    assert bundle.dataset.name == "bars" and len(bundle.index) == 45
    assert list(bundle.history["stage"]) == [
        *["vae"] * 3,
        *("classifier", "surrogate", "critic"),
    ]
    assert bundle.critics.keys() == {"classifier", "cluster"}
    assert verify(bundle)
    assert sorted(path.name for path in find_bundle("new").parent.iterdir()) == ["bars", "new"]


@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_a_folder_is_trained_in_by_one_process_at_a_time(bars_npz, small_presets, resume):
    run = Path("checkpoints/.new.run")
    run.mkdir()
    command = ("train", "--data", bars_npz, "--out", "checkpoints/new", "--device", "cpu")
    with FileLock(run / "lock"):
        assert "Another process trains in" in error_of(*command, *resume)
    assert not Path("checkpoints/new").exists()
    xai(*command, "--preset", "smoke", *resume)
    assert load_bundle("checkpoints/new").name == "new" and not run.exists()


def test_train_without_json_shows_the_card(bars_npz, small_presets):
    out, err = xai("train", "--data", bars_npz, "--out", "checkpoints/new", "--device", "cpu")
    assert "latent_dim" in out and "log_likelihood" in out
    warned = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert any("steps only" in line and "Try: xai train --data" in line for line in warned)


def test_options_change_single_settings(bars_npz, monkeypatch):
    seen = {}

    def spy(dataset, out, **options):
        seen.update(options)
        return find_bundle("bars")

    monkeypatch.setattr(pipeline, "train", spy)
    xai(
        *("train", "--data", bars_npz, "--out", "checkpoints/new", "--preset", "pure_elbo"),
        *("--clusters", 4, "--factorisation", "c_given_z", "--likelihood", "gaussian"),
        *("--decoder-conditioning", "z+c", "--batch-size", 8, "--learning-rate", 0.01),
        *("--devices", 2, "--num-nodes", 3, "--strategy", "ddp", "--precision", "bf16-mixed"),
        *("--classifier-epochs", 7, "--surrogate-epochs", 5, "--critic-epochs", 6),
        *("--resume", "--overwrite", "--device", "cpu"),
    )
    model, training = seen["model"], seen["training"]
    shape = (model.num_clusters, model.factorisation, model.likelihood)
    assert shape == (4, "c_given_z", "gaussian")
    assert (model.decoder_conditioning, model.prior) == ("z+c", "mixture")
    assert (training.batch_size, training.learning_rate, training.pseudo_label_weight) == (
        8,
        0.01,
        0.0,
    )
    assert (training.classifier_epochs, training.classifier_min_steps) == (7, 1)
    critic = training.critic
    assert (critic.surrogate_epochs, critic.epochs, critic.min_steps) == (5, 6, 1)
    assert seen["launch"] == Launch(
        device="cpu", devices=2, num_nodes=3, strategy="ddp", precision="bf16-mixed"
    )
    assert seen["resume"] and seen["overwrite"]
    xai("train", "--data", bars_npz, "--out", "checkpoints/new", "--no-critics", "--device", "cpu")
    assert seen["training"].critic is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--clusters", 0), "`num_clusters` must be at least 1, got 0"),
        (("--learning-rate", 7), r"`learning_rate` must be in \(0, 1\), got 7"),
        (("--out", "checkpoints/bars"), "is there already. Choose another place, .*--overwrite"),
        (("--out", "checkpoints/.x"), "bundle's name must be letters"),
        (("--data", "nothing"), "There is no data set 'nothing'. Use 'mnist'"),
        (("--strategy", "nonsense"), "This launch is not possible"),
        (("--clusters", 100), "40 train images cannot form 100 clusters"),
    ],
)
def test_train_refuses_by_name_and_names_the_fix(bars_npz, small_presets, arguments, message):
    base = ("train", "--data", bars_npz, "--out", "checkpoints/new", "--device", "cpu")
    assert re.search(message, error_of(*base, *arguments))
    assert not list(Path("checkpoints").glob(".*.run"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["train"],
        ["train", "--data", "mnist", "--out", "x", "--preset", "huge"],
        ["evaluate", "bars", "--split", "valid"],
        ["verify", "bars", "--num-images", "1"],
        ["evaluate", "bars", "--seed", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(root, arguments):
    xai(*arguments, status=2)


def test_an_unfinished_run_is_resumed_only_on_request(tiny_dataset, tmp_path):
    out = tmp_path / "new"
    run = pipeline.run_folder(out)

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_here(tiny_dataset, out, on_epoch=interrupt)
    assert (run / "vae.safetensors").is_file() and not out.exists()
    with pytest.raises(ConfigError, match=rf"unfinished .*--resume.*rm -r '{run}'"):
        train_here(tiny_dataset, out)
    with pytest.raises(ConfigError, match=r"other settings: `seed` was 0, now 1\. Continue with"):
        train_here(tiny_dataset, out, seed=1, resume=True)
    with pytest.raises(ConfigError, match="`data` was"):
        train_here(tiny_dataset.without_labels(), out, resume=True)
    assert train_here(tiny_dataset, out, resume=True) == out
    assert not run.exists()
    whole = load_bundle(train_here(tiny_dataset, tmp_path / "whole"))
    resumed = load_bundle(out)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])
    timeless = whole.history.columns.drop("seconds")
    pd.testing.assert_frame_equal(resumed.history[timeless], whole.history[timeless])


def test_resume_without_an_unfinished_run_begins(tiny_dataset, tmp_path):
    assert load_bundle(train_here(tiny_dataset, tmp_path / "new", resume=True)).name == "new"


def test_stopped_after_saving_resume_clears_up(tiny_dataset, tmp_path, monkeypatch):
    out = tmp_path / "new"

    def interrupt(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_clear_up", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_here(tiny_dataset, out)
    assert out.is_dir() and pipeline.run_folder(out).is_dir()
    assert train_here(tiny_dataset, out, resume=True) == out
    assert not pipeline.run_folder(out).exists()


def test_an_overwritten_bundle_stays_until_the_new_one_is_whole(tiny_dataset, root):
    old = load_bundle("bars").manifest

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_here(tiny_dataset, "checkpoints/bars", overwrite=True, on_epoch=interrupt)
    assert load_bundle("bars").manifest == old
    train_here(tiny_dataset, "checkpoints/bars", overwrite=True, resume=True)
    assert load_bundle("bars").manifest.created >= old.created
    assert load_bundle("bars").manifest.configs != old.configs


def test_a_full_disk_is_named(tiny_dataset, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xai_core.training.loop.write_state", full)
    with pytest.raises(DataError, match=r"Cannot write `.*\.new\.run`: No space left .*--resume"):
        train_here(tiny_dataset, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_run_is_named(tiny_dataset, tmp_path):
    run = pipeline.run_folder(tmp_path / "new")
    run.mkdir()
    (run / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json` is damaged .*Delete"):
        train_here(tiny_dataset, tmp_path / "new", resume=True)


def test_unknown_presets_are_refused(tiny_dataset, tmp_path):
    with pytest.raises(
        ConfigError, match=r"`preset` must be one of default, vade, smoke, .*'huge'"
    ):
        pipeline.train(tiny_dataset, tmp_path / "new", preset="huge")


def test_images_without_labels_make_a_bundle_without_classifier(tiny_dataset, root):
    train_here(tiny_dataset.without_labels(), "checkpoints/new")
    bundle = load_bundle("new")
    assert bundle.classifier is None
    assert set(bundle.index["label"]) == {-1}
    assert xai_json("evaluate", "new", "--likelihood-images", 0)["accuracy"] is None
    arrays = xai_json("encode", "new", "--images", "test", "--out", "z.npz")["arrays"]
    assert "class_probs" not in arrays
    assert xai_json("verify", "new")["holds"]
    xai("info", "new")


def test_interrupted_it_says_how_to_go_on(bars_npz, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "train", interrupt)
    _, err = xai("train", "--data", bars_npz, "--out", "checkpoints/new", status=130)
    assert "interrupted. To continue, add --resume to the same command." in err


def test_only_the_first_of_several_processes_writes_and_prints(tiny_dataset, root, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert not runtime.is_first_process()
    monkeypatch.setattr(pipeline, "train_models", lambda *_, **__: None)
    pipeline.train(tiny_dataset, root / "checkpoints/new")
    assert not (root / "checkpoints/new").exists()
    assert not pipeline.run_folder(root / "checkpoints/new").exists()
    monkeypatch.setattr("xai_core.data.registry.load_dataset", lambda *_, **__: tiny_dataset)
    warn = logging.getLogger("xai_core.training.stages.sequence").warning
    monkeypatch.setattr(pipeline, "train_models", lambda *_, **__: warn("Collapse"))
    out, err = xai("train", "--data", "bars", "--out", "checkpoints/new", "--device", "cpu")
    assert out == "" and err == ""
    _, err = xai("info", "nope", status=1)
    assert err.splitlines()[-1].startswith("error (process 1): ")


# --- real processes ---------------------------------------------------------------------------


def test_killed_the_command_resumes_to_the_same_weights(bars_npz, small_presets, root):
    common = ("train", "--data", bars_npz, "--preset", "smoke", "--epochs", 40, "--device", "cpu")
    process = started(*common, "--out", "checkpoints/new", cwd=root, small=True)
    state = root / "checkpoints/.new.run/vae.safetensors"
    deadline = time.monotonic() + PATIENCE
    while not state.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert not (root / "checkpoints/new").exists()
    message = error_of(*common, "--out", "checkpoints/new")
    assert "--resume" in message and "rm -r" in message
    _, err = xai(*common, "--out", "checkpoints/new", "--resume", "--json")
    assert re.search(r" \d+/40 ", err)
    xai(*common, "--out", "checkpoints/whole", "--json")
    resumed, whole = (load_bundle(name).manifest.files for name in ("new", "whole"))
    for name in ("model.safetensors", "classifier.safetensors"):
        assert resumed[name] == whole[name]


@pytest.mark.slow
def test_help_lists_the_commands(tmp_path):
    out, err = started("--help", cwd=tmp_path).communicate(timeout=PATIENCE)
    assert err == ""
    for name in ("train", "evaluate", "encode", "list", "info", "verify", "dashboard"):
        assert name in out
    process = started("info", "nope", cwd=tmp_path)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.strip().splitlines()[-1].startswith("error: No bundle 'nope'")


SLOW = ("torch", "numpy", "pandas", "pyarrow", "jaxtyping", "rich.progress")
LIGHT = """
import contextlib, sys
from xai_core.cli import main
sys.argv[1:] = {line!r}
with contextlib.suppress(SystemExit):
    main()
sys.exit(", ".join(name for name in {slow!r} if name in sys.modules) or 0)
"""


@pytest.mark.parametrize(
    "line",
    [["list"], ["list", "--json"], ["info", "bars"], ["info", "bars", "--json"], ["--help"]],
)
def test_what_only_reads_a_manifest_imports_nothing_slow(root, line):
    others = ("xai_core.cli.training.train", "xai_core.cli.attribute", "rich.console")
    others = () if line == ["--help"] else others  # the help is drawn by rich
    code = LIGHT.format(line=line, slow=(*SLOW, *others))
    done = subprocess.run([sys.executable, "-c", code], cwd=root, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_dashboard_is_started_on_the_bundle(root, monkeypatch):
    calls = []

    class Done:
        returncode = 0

    def run(command, *, env, check):
        calls.append((command, env))
        return Done()

    monkeypatch.setattr(dashboard.subprocess, "run", run)
    xai("dashboard", "checkpoints/bars", "--port", 8600, "--headless")
    command, environment = calls.pop()
    assert command[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert command[4].endswith(os.path.join("dashboard", "Home.py"))
    assert os.path.isfile(command[4])
    assert command[5:] == ["--server.port", "8600", "--server.headless", "true"]
    assert environment["XAI_BUNDLE"] == "bars"
    assert environment["XAI_BUNDLES"] == str(root / "checkpoints")
    xai("dashboard")
    assert calls.pop()[1] == dict(os.environ)
    Done.returncode = 3
    xai("dashboard", status=3)
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    assert "pip install -e ." in error_of("dashboard")


# --- what is shown ----------------------------------------------------------------------------


def test_json_has_null_for_what_is_no_number(capsys):
    terminal.print_json({"a": math.nan, "b": [math.inf, 1.5, None, True], 3: ("x", 2)})
    assert json.loads(capsys.readouterr().out) == {
        "a": None,
        "b": [None, 1.5, None, True],
        "3": ["x", 2],
    }


def test_the_live_table_has_a_row_per_epoch_with_the_terms_of_the_bound(capsys, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(training_display, "time", clock)
    display = training_display.TrainingDisplay({"vae": 60.0, "index": 30.0})
    row = EpochMetrics(
        stage="vae", epoch=1, epochs=3, loss=0.5, seconds=2.0, elbo=-99.5, reconstruction=-77.25,
        expected_log_prior=-20.0, kl_c=2.25, entropy_z=0.0, nmi=0.25,
    )  # fmt: skip
    with display.shown("Cut to 28 x 28."):
        display.on_epoch(row)
        clock.now = 30.0
        display.on_progress(Progress("vae", 5, 10))
        display.on_epoch(row)
        clock.now = 60.0
        display.on_progress(Progress("vae", 10, 10))
        display.on_progress(Progress("index", 0, 1))
    out, err = capsys.readouterr()
    assert out == ""
    assert "Cut to 28 x 28." in err and "Cluster VAE" in err and "Everything" in err
    terms = ["-77.25", "-20.00", "2.250", "0.00"]
    told = ["vae", "1/3", "0.5000", "-99.50", *terms, "-", "-", "0.250", "2.0", "s"]
    resumed, under_way = (line.split() for line in err.splitlines() if "1/3" in line)
    assert resumed == [*told, "-"]
    assert under_way == [*told, "1:00"]  # half of 60 s and all of 30
    assert "ETA 30 s" in err and "67%" in err  # while the one step of the index is under way


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (math.nan, "-"), (1234.5, "1,234.5000"), (1e-6, "1e-06"), ((1, 2), "1, 2")],
)
def test_values_are_written_for_a_person(value, text):
    assert terminal.text_of(value) == text


def test_a_table_has_a_line_per_row_whatever_the_names(capsys):
    rows = [("a", 1.0), ("\N{CJK UNIFIED IDEOGRAPH-4E00}\x1b[2J\n\u202e", None)]
    terminal.print_table("T", rows, ("name", "score"))
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == ["T", "name      score", "--------  ------"]
    assert said[3] == "a         1.0000" and said[4].split() == ["\u4e00", "[2J", "-"]
    terminal.print_table("", [], ("name", "score"))
    assert capsys.readouterr().out.split() == ["name", "score", "----", "-----"]


def test_an_error_is_one_line(capsys):
    terminal.print_error(ValueError("two\nlines"))
    terminal.print_error(KeyError())
    assert capsys.readouterr().err == "error: two lines\nerror: KeyError\n"


def test_the_version_is_told():
    assert xai("--version")[0].strip() == xai_core.__version__
