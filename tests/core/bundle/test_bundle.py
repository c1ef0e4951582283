"""`xai_core/bundle/`: manifest, and the modules that read, write and list bundles."""

import contextlib
import copy
import dataclasses
import json
import math
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from xai_core.bundle import paths
from xai_core.bundle.listing import list_bundles
from xai_core.bundle.manifest import KNOWN_FILES, file_entry, read_manifest, sealed
from xai_core.bundle.paths import find_bundle
from xai_core.bundle.reading import HISTORY_COLUMNS, load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.dataset import Split, build_dataset
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset
from xai_core.errors import BundleError, BundleNotFoundError, BundleVersionError, DataError
from xai_core.models.classifier import Classifier

FIX = "Copy the bundle again or train anew with `xai train`"


@pytest.fixture
def copied(tiny_bundle_path, tmp_path):
    """A bundle that a test may damage."""
    return shutil.copytree(tiny_bundle_path, tmp_path / "checkpoints" / "bars")


def edit(folder, change):
    """Change the manifest as JSON."""
    path = folder / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(sealed(found)))


def believe(folder, name):
    """Make the manifest agree with a file that was changed."""
    edit(folder, lambda found: found["files"].update({name: file_entry(folder / name)}))


def change_tensors(folder, name, change):
    tensors = load_file(folder / name)
    change(tensors)
    save_file(tensors, folder / name)
    believe(folder, name)


def change_table(folder, name, change):
    table = change(pq.read_table(folder / name))
    pq.write_table(table, folder / name)
    believe(folder, name)


def replaced(table, name, values, kind):
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(values, kind))


class TestWhole:
    def test_it_gives_back_what_was_saved(self, tiny_bundle, tiny_parts, tiny_dataset):
        x = to_float(tiny_dataset.test.images)
        models = [(tiny_parts["model"], tiny_bundle.model)]
        for saved, opened in models:
            assert opened.config == saved.config
            state, other = saved.state_dict(), opened.state_dict()
            assert state.keys() == other.keys()
            assert all(torch.equal(state[name], other[name].cpu()) for name in state)
        on_device = x.to(tiny_bundle.device)
        close = dict(check_device=False, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            tiny_bundle.model.reconstruct(on_device), tiny_parts["model"].reconstruct(x), **close
        )
        torch.testing.assert_close(
            tiny_bundle.classifier(on_device), tiny_parts["classifier"](x), **close
        )
        target = torch.arange(len(x)) % 2
        assert tiny_bundle.critics.keys() == {"classifier", "cluster"}
        for name, critic in tiny_bundle.critics.items():
            assert critic.config == tiny_parts["critics"][name].config
            torch.testing.assert_close(
                critic(on_device, target.to(on_device.device)),
                tiny_parts["critics"][name](x, target),
                **close,
            )
        pd.testing.assert_frame_equal(tiny_bundle.index, tiny_parts["index"])
        pd.testing.assert_frame_equal(
            tiny_bundle.history, tiny_parts["history"], check_like=True, check_dtype=False
        )
        assert tiny_bundle.manifest.metrics == tiny_parts["metrics"]
        assert tiny_bundle.manifest.configs["training"] == {"epochs": 2}
        assert tiny_bundle.name == tiny_bundle.manifest.name == "bars"

    def test_its_models_are_fixed(self, tiny_bundle):
        for model in (tiny_bundle.model, tiny_bundle.classifier, *tiny_bundle.critics.values()):
            assert not any(module.training for module in model.modules())
            assert not any(weight.requires_grad for weight in model.parameters())
            assert all(weight.device == tiny_bundle.device for weight in model.parameters())
        with pytest.raises(dataclasses.FrozenInstanceError):
            tiny_bundle.name = "other"

    def test_it_carries_its_images(self, tiny_bundle, tiny_dataset):
        found = tiny_bundle.dataset
        assert found is tiny_bundle.dataset
        for name in ("name", "sha256", "class_names", "report", "source"):
            assert getattr(found, name) == getattr(tiny_dataset, name)
        assert torch.equal(found.train.images, tiny_dataset.train.images)
        assert torch.equal(found.test.labels, tiny_dataset.test.labels)

    def test_images_and_rows_are_found_by_id(self, tiny_bundle, tiny_dataset):
        assert torch.equal(tiny_bundle.image("test:3"), tiny_dataset.test.images[3])
        row = tiny_bundle.row("test:3")
        assert (row["id"], row["label"]) == ("test:3", int(tiny_dataset.test.labels[3]))
        assert tiny_bundle.position("train:7") == 7
        assert tiny_bundle.position("test:0") == 40
        with pytest.raises(DataError, match="which has train:0 to train:39 and test:0 to test:19"):
            tiny_bundle.row("test:20")
        with pytest.raises(DataError, match="An image's id is train:ROW"):
            tiny_bundle.row("dev:1")

    def test_latents_are_the_encoders(self, tiny_bundle, tiny_dataset):
        x = to_float(tiny_dataset.test.images, tiny_bundle.device)
        means = tiny_bundle.model.encode(x).mean.cpu()
        torch.testing.assert_close(tiny_bundle.latents[40:], means, atol=1e-3, rtol=1e-3)
        rows, distances = tiny_bundle.latent_index.neighbours(tiny_bundle.latents[40:43], 1)
        assert distances.max() == 0
        places = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()
        found = tiny_bundle.latent_index.place(tiny_bundle.latents[40:43], k=1)
        np.testing.assert_array_equal(found, places[rows[:, 0]])

    def test_the_manifest_tells_how_it_was_made(self, tiny_bundle, tiny_bundle_path):
        manifest = tiny_bundle.manifest
        assert read_manifest(tiny_bundle_path) == manifest
        assert set(manifest.files) == set(KNOWN_FILES)
        assert {"python", "torch", "xai_core", "umap-learn"} <= manifest.versions.keys()
        assert manifest.created.endswith("+00:00")
        assert (manifest.dataset.num_train, manifest.dataset.num_test) == (40, 20)
        assert manifest.dataset.own_images
        assert tiny_bundle.cluster_labels == tuple(manifest.metrics["cluster_labels"])
        assert len(tiny_bundle.digest) == 64

    def test_without_labels_and_classifier(self, tiny_parts, tmp_path):
        bare = tiny_parts["dataset"].without_labels()
        index = tiny_parts["index"].assign(label=-1, predicted=-1)
        critics = {"cluster": tiny_parts["critics"]["cluster"]}
        parts = tiny_parts | dict(
            dataset=bare, classifier=None, critics=critics, index=index, metrics={}
        )
        found = load_bundle(save_bundle(tmp_path / "bare", **parts))
        assert found.classifier is None
        assert found.dataset.train.labels is None
        assert found.cluster_labels == (-1, -1)
        assert "classifier.safetensors" not in found.manifest.files

    def test_mnist_stays_in_the_package(self, tiny_parts, tmp_path):
        mnist = load_dataset("mnist")
        rows = [0] * 60_000 + [0] * 10_000
        index = tiny_parts["index"].iloc[rows].reset_index(drop=True)
        splits = ["train"] * 60_000 + ["test"] * 10_000
        index = index.assign(id=mnist.ids, split=splits)
        critics = {"cluster": tiny_parts["critics"]["cluster"]}
        more = {"classifier": Classifier(10), "critics": critics}
        parts = tiny_parts | dict(dataset=mnist, index=index) | more
        path = save_bundle(tmp_path / "mnist", **parts)
        found = load_bundle(path)
        assert not (path / "images.safetensors").exists()
        assert found.dataset.sha256 == mnist.sha256
        edit(path, lambda manifest: manifest["dataset"].update(sha256="0" * 64))
        with pytest.raises(BundleError, match="made of other images than this package's mnist"):
            _ = load_bundle(path).dataset
        edit(path, lambda manifest: manifest["dataset"].update(name="kmnist"))
        with pytest.raises(BundleError, match="'kmnist' is not packaged"):
            _ = load_bundle(path).dataset

    def test_histories_may_have_more_columns(self, tiny_parts, tmp_path):
        history = tiny_parts["history"].assign(epochs=2, note="x", extra=0.5)
        path = save_bundle(tmp_path / "more", **tiny_parts | {"history": history})
        found = load_bundle(path).history
        assert list(found)[: len(HISTORY_COLUMNS)] == list(HISTORY_COLUMNS)
        assert found["epochs"].tolist() == [2, 2, 2] and found["note"].tolist() == ["x"] * 3
        assert math.isnan(found["elbo"].iloc[2])


class TestNames:
    def test_names_are_looked_for_in_both_places(self, copied, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert find_bundle("bars") == copied
        assert load_bundle("bars").path == copied
        far, near = tmp_path / "far", tmp_path / "near"
        for root, name in ((far, "bars"), (far, "other"), (near, "other")):
            shutil.copytree(copied, root / name)
        monkeypatch.setenv("XAI_BUNDLES", f"{near}{os.pathsep}{far}{os.pathsep}")
        assert find_bundle("bars") == copied
        assert find_bundle("other") == near / "other"

    def test_the_bundles_of_the_package_are_found_last_and_listed_once(
        self, copied, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(paths, "SHIPPED", copied.parent)
        monkeypatch.chdir(tmp_path)
        assert [found.path for found in list_bundles()] == [copied]
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        assert find_bundle("bars") == copied
        own = shutil.copytree(copied, elsewhere / "checkpoints" / "bars")
        assert find_bundle("bars") == own
        assert [found.path for found in list_bundles()] == [own, copied]
        with pytest.raises(BundleNotFoundError) as refused:
            find_bundle("nope")
        for root in (own.parent, copied.parent):
            assert f"{root}/" in str(refused.value)

    @pytest.mark.parametrize("home", ["~/bars", "~/./bars"])
    def test_a_home_folder_is_written_out(self, copied, monkeypatch, home):
        monkeypatch.setenv("HOME", str(copied.parent))
        monkeypatch.setenv("XAI_BUNDLES", "~")
        assert find_bundle(home) == find_bundle("bars") == copied

    def test_paths_are_taken_as_they_are(self, copied, tmp_path, monkeypatch):
        monkeypatch.chdir(copied.parent)
        for path in (
            "bars",
            "./bars",
            "bars/",
            copied,
            str(copied),
            f"{tmp_path}/checkpoints/bars",
        ):
            assert find_bundle(path) == copied
        monkeypatch.chdir(copied)
        assert find_bundle("./.") == copied

    def test_a_missing_bundle_names_those_that_are_there(self, copied, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(
            BundleNotFoundError,
            match=rf"No bundle 'mnist-3' in {tmp_path}/checkpoints/, .*Found: 'bars'.*`xai tr",
        ):
            load_bundle("mnist-3")
        monkeypatch.chdir(copied)
        with pytest.raises(BundleNotFoundError, match=r"No bundle 'mnist'.*Found: none"):
            load_bundle()
        with pytest.raises(BundleNotFoundError, match=r"There is no folder `.*nowhere`"):
            load_bundle(tmp_path / "nowhere")

    def test_odd_names_lead_nowhere(self, tmp_path, monkeypatch, subtests):
        monkeypatch.chdir(tmp_path)
        for name in (
            *("..", ".", "", ".hidden", "a\0b", "x" * 300, " ", "mnist ", "\n", "*", "mn?st"),
            *("-h", "~nobody/mnist", "$HOME", "mnist\\a", "\ud800", "é" * 200, "a/" * 2000),
            *("NUL", "file:///mnist", "https://example.org/mnist", "mnist.zip"),
            *("a\n/b", "\x1b[31m/mnist", "a\0/b"),
        ):
            with subtests.test(name=name):
                with pytest.raises(BundleNotFoundError) as refused:
                    find_bundle(name)
                assert str(refused.value).isprintable()

    def test_bundles_are_listed_whole_or_not(self, copied, tmp_path, monkeypatch):
        root = copied.parent
        for name in ("cut", "halved", "later"):
            shutil.copytree(copied, root / name)
        (root / "cut" / "model.safetensors").write_bytes(b"short")
        (root / "halved" / "manifest.json").unlink()
        edit(root / "later", lambda found: found.update(schema_version=99))
        shutil.copytree(copied, root / ".bars.run")
        (root / "notes").mkdir()
        (root / "README.md").write_text("bundles")
        found = {summary.name: summary for summary in list_bundles([root, tmp_path / "none"])}
        assert list(found) == ["bars", "cut", "halved", "later"]
        assert found["bars"].error is None and found["bars"].manifest.name == "bars"
        assert "model.safetensors`: it has 5 bytes" in found["cut"].error
        assert "manifest.json`: it is missing" in found["halved"].error
        assert "schema version 99" in found["later"].error and found["later"].manifest is None
        monkeypatch.chdir(tmp_path)
        assert [summary.path for summary in list_bundles()] == [
            root / name for name in ("bars", "cut", "halved", "later")
        ]
        assert list_bundles([]) == []


class TestDamage:
    def test_damage_to_a_file_is_named(self, copied, subtests):
        for name in KNOWN_FILES:
            path, content = copied / name, (copied / name).read_bytes()
            flipped = bytearray(content)
            flipped[len(content) // 2] ^= 1
            for damaged, message in {
                None: f"it is missing. {FIX}",
                content[:-1]: f"it has {len(content) - 1} bytes, the man",
                bytes(flipped): "its SHA-256 is not the one in the manif",
            }.items():
                with subtests.test(f"{name}: {message}"):
                    path.unlink() if damaged is None else path.write_bytes(damaged)
                    with pytest.raises(BundleError, match=f"{name}`: {message}"):
                        load_bundle(copied)
            path.write_bytes(content)

    @pytest.mark.parametrize("name", [*KNOWN_FILES, "manifest.json"])
    def test_links_are_refused(self, copied, name, tmp_path):
        (copied / name).rename(tmp_path / "elsewhere")
        (copied / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BundleError, match=f"{name}`: it is a link"):
            load_bundle(copied)

    def test_a_folder_is_no_file(self, copied):
        (copied / "index.parquet").unlink()
        (copied / "index.parquet").mkdir()
        with pytest.raises(BundleError, match=r"index.parquet`: it is not a file"):
            load_bundle(copied)

    def test_rubbish_with_a_right_hash_is_named(self, copied, subtests):
        generator = torch.Generator().manual_seed(0)
        rubbish = torch.randint(0, 256, (5000,), generator=generator, dtype=torch.uint8)
        for name in KNOWN_FILES:
            with subtests.test(name=name):
                whole = (copied / name).read_bytes()
                (copied / name).write_bytes(bytes(rubbish.tolist()))
                believe(copied, name)
                with pytest.raises(BundleError, match=f"{name}`: it cannot be read"):
                    _ = load_bundle(copied).dataset
                (copied / name).write_bytes(whole)
                believe(copied, name)

    @pytest.mark.parametrize("length", [2**63, 10**9, 1])
    def test_a_header_that_promises_more_than_there_is(self, copied, length):
        path = copied / "model.safetensors"
        path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
        believe(copied, path.name)
        with pytest.raises(BundleError, match=r"model.safetensors`: it cannot be read"):
            load_bundle(copied)

    def test_weights_must_be_the_models(self, copied):
        def name_of(folder, change, match):
            with pytest.raises(BundleError, match=match):
                change_tensors(folder, "model.safetensors", change)
                load_bundle(folder)

        original = (copied / "model.safetensors").read_bytes()

        def attempt(change, match):
            (copied / "model.safetensors").write_bytes(original)
            name_of(copied, change, match)

        attempt(lambda t: t.pop("prior.mean"), "the tensor `prior.mean` is missing")
        attempt(lambda t: t.update(more=torch.ones(1)), "the tensor `more` is not expected")
        attempt(
            lambda t: t.update({"prior.mean": t["prior.mean"].T[:1].contiguous()}),
            r"`prior.mean` must be torch.float32 of shape \(2, 2\), got .* of shape \(1, 2\)",
        )
        attempt(
            lambda t: t.update({"prior.mean": t["prior.mean"].double()}), "got torch.float64 of"
        )
        attempt(lambda t: t["prior.mean"].fill_(math.nan), "`prior.mean` has NaN or infinity")
        attempt(lambda t: t["prior.mean"].fill_(math.inf), "`prior.mean` has NaN or infinity")

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda t: t.slice(1), "it must have 60 rows, one per image, got 59"),
            (lambda t: t.drop_columns("elbo"), "the column `elbo` is missing"),
            (lambda t: t.append_column("x", pa.array([1] * 60)), "column `x` is not expected"),
            (lambda t: t.select(t.column_names[::-1]), "in another order"),
            (lambda t: t.take([1, 0, *range(2, 60)]), "ids are not train:0 to train:39 in order"),
            (lambda t: replaced(t, "split", ["test"] * 60, pa.string()), "`split` contradicts"),
            (lambda t: replaced(t, "label", [2] * 60, pa.int64()), "`label` has a value outside"),
            (lambda t: replaced(t, "cluster", [-1] * 60, pa.int64()), "`cluster` has a value out"),
            (lambda t: replaced(t, "cluster", [1] * 60, pa.int32()), "must be int64, got int32"),
            (lambda t: replaced(t, "cluster", [None] * 60, pa.int64()), "`cluster` has a missing"),
            (lambda t: replaced(t, "umap_x", [math.nan] * 60, pa.float32()), "`umap_x` has a mis"),
            (lambda t: replaced(t, "umap_x", [None] * 60, pa.float32()), "`umap_x` has a missing"),
            (lambda t: replaced(t, "mean_0", [math.inf] * 60, pa.float32()), "`mean_0` has a mis"),
        ],
    )
    def test_the_index_must_be_of_the_images(self, copied, change, match):
        change_table(copied, "index.parquet", change)
        with pytest.raises(BundleError, match=f"index.parquet`: .*{match}"):
            load_bundle(copied)

    def test_the_replay_must_be_of_the_images(self, copied, subtests):
        path = copied / "replay.parquet"
        whole = path.read_bytes()
        for change, match in (
            (lambda t: t.slice(1), "frames do not show"),
            (lambda t: t.slice(0, 0), "frames do not show"),
            (lambda t: t.take([1, 0, *range(2, 30)]), "`image` is not in order"),
            (lambda t: replaced(t, "cluster", [2] * 30, pa.int64()), "`cluster` has a value"),
            (lambda t: replaced(t, "x", [math.nan] * 30, pa.float32()), "not finite"),
        ):
            with subtests.test(match=match):
                path.write_bytes(whole)
                change_table(copied, path.name, change)
                with pytest.raises(BundleError, match=f"replay.parquet`: .*{match}"):
                    load_bundle(copied)

    def test_the_history_must_have_its_columns(self, copied):
        change_table(copied, "history.parquet", lambda table: table.drop_columns("loss"))
        with pytest.raises(BundleError, match=r"history.parquet`: the column `loss` is missing"):
            load_bundle(copied)

    def test_other_images_are_noticed(self, copied):
        change_tensors(
            copied, "images.safetensors", lambda tensors: tensors["test_images"][0].fill_(7)
        )
        with pytest.raises(
            BundleError, match=r"images.safetensors`: the images or labels are not"
        ):
            _ = load_bundle(copied).dataset

    def test_labels_without_a_name_are_noticed(self, copied):
        change_tensors(
            copied, "images.safetensors", lambda tensors: tensors["test_labels"].fill_(9)
        )
        with pytest.raises(BundleError, match=r"images.safetensors`: .*labels outside \[0, 2\)"):
            _ = load_bundle(copied).dataset


CONTRADICTIONS = [
    (lambda m: m.pop("seed"), "`seed` is missing"),
    (lambda m: m.update(extra=1), "unknown field `extra`"),
    (lambda m: m.update(indexed_train=1), r"`indexed_train` must be in \[2, 40\]"),
    (lambda m: m.update(indexed_train=41), r"`indexed_train` must be in \[2, 40\]"),
    (lambda m: m.update(seed="0"), "`seed` must be a whole number, got '0'"),
    (lambda m: m.update(seed=True), "`seed` must be a whole number, got True"),
    (lambda m: m.update(device=1), "`device` must be text, got 1"),
    (lambda m: m.update(name="../bars"), "`name` must be letters"),
    (lambda m: m.update(configs=[]), "`configs` must be an object"),
    (lambda m: m.update(configs={"model": 1}), "`configs` has a value of another type"),
    (lambda m: m.update(versions={"torch": 2}), "`versions` has a value of another type"),
    (lambda m: m.update(seconds={"vae": "1"}), "`seconds` has a value of another type"),
    (lambda m: m["dataset"].pop("sha256"), "`dataset.sha256` is missing"),
    (lambda m: m["dataset"].update(num_train=-1), "`dataset` has an impossible number"),
    (lambda m: m["dataset"].update(sha256="x"), "`dataset` has an impossible number"),
    (lambda m: m["dataset"].update(class_names="01"), "`dataset.class_names` must be a"),
    (lambda m: m["dataset"].update(own_images=False), "contradict each other"),
    (lambda m: m["dataset"].update(own_images=1), "`dataset.own_images` must be true"),
    (lambda m: m["files"].pop("index.parquet"), "`files` does not list 'index.parquet'"),
    (
        lambda m: m["files"].update({"judge.safetensors": {"sha256": "0", "bytes": 1}}),
        "`files` lists 'judge.safetensors', but a bundle has only 'model.safetensors'",
    ),
    (
        lambda m: m["files"].update({"../x": {"sha256": "0" * 64, "bytes": 1}}),
        "`files` lists '../x'",
    ),
    (lambda m: m["files"]["index.parquet"].pop("bytes"), "'sha256' and 'bytes' of 'index"),
    (lambda m: m["files"]["index.parquet"].update(bytes=-1), "'sha256' and 'bytes' of"),
    (lambda m: m["files"]["index.parquet"].update(sha256="A" * 64), "64 hex digits"),
    (lambda m: m["metrics"].update(test=[]), "`metrics.test` must be an object"),
    (lambda m: m["metrics"].update(critic=1), "`metrics.critic` must be an object"),
    (lambda m: m["metrics"].update(cluster_labels=["a"]), "must be a list of whole num"),
    (lambda m: m["metrics"].update(cluster_labels=[1]), "must have 2, one per cluster"),
    (lambda m: m["metrics"].update(map={"trustworthiness": 0.9}), "lacks one of"),
    (lambda m: m["configs"].pop("model"), "`configs.model.*` is missing"),
    (lambda m: m["configs"]["model"].update(more=1), "`configs.model.more` is unknown"),
    (lambda m: m["configs"]["model"].update(hidden="9"), "`configs.model.hidden` cannot"),
    (lambda m: m["configs"]["model"].update(hidden=9.0), "`configs.model.hidden` cannot"),
    (lambda m: m["configs"]["model"].update(channels=[1, 2]), "channels` cannot be"),
    (lambda m: m["configs"]["model"].update(hidden=0), "`hidden` must be at least 1"),
    (
        lambda m: m["configs"]["model"].update(hidden=10**15),
        r"must be .* of shape \(1000000000000000, ",
    ),
    (lambda m: m["configs"]["model"].update(hidden=10**40), r"number beyond 1e\+18"),
    (lambda m: m["configs"].pop("classifier"), "`configs.classifier.num_classes` must"),
    (lambda m: m["configs"].pop("critic"), "`configs.critic.targets` must name some of"),
    (
        lambda m: m["configs"]["critic"].update(targets={"judge": 2}),
        "`configs.critic.targets` must name some of",
    ),
    (
        lambda m: m["configs"]["critic"].update(targets={"cluster": 1}),
        "`configs.critic.targets` must be as many as there are classes",
    ),
    (lambda m: m["configs"]["critic"].update(budget=0), r"`budget` must be in \[1, 16384"),
    (
        lambda m: m["metrics"]["test"].update(sample_fidelity_by_cluster=[1.0]),
        "`metrics.test.sample_fidelity_by_cluster` must have 2, one per cluster",
    ),
    (lambda m: m["configs"]["critic"].pop("hidden"), "`configs.critic.hidden` is missing"),
    (
        lambda m: m["configs"]["critic"].update(targets={"classifier": 2}),
        r"critic.safetensors`: it has \d+ bytes, its content takes at most \d+",
    ),
    (
        lambda m: m["configs"]["classifier"].update(num_classes=3),
        "`configs.classifier.num_classes` must be 2, one per class",
    ),
]
"""Changes of a manifest, and the words that refuse it."""


class TestManifest:
    def test_a_flipped_bit_is_noticed_or_changes_nothing(self, copied):
        file, whole = copied / "manifest.json", read_manifest(copied)
        content = file.read_bytes()
        generator = np.random.default_rng(0)
        for place, bit in zip(
            generator.permutation(len(content))[:300], generator.integers(0, 8, 300), strict=True
        ):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            file.write_bytes(changed)
            with contextlib.suppress(BundleError):
                assert read_manifest(copied) == whole, (place, bit)

    @pytest.mark.parametrize(
        "change",
        [
            lambda m: m["dataset"].update(source="somebody else"),
            lambda m: m["metrics"]["test"].update(accuracy=0.123),
            lambda m: m.update(created="2030-01-01T00:00:00+00:00"),
            lambda m: m.update(seed=1),
            lambda m: m.update(sha256="0" * 64),
            lambda m: m.pop("sha256"),
        ],
    )
    def test_what_was_not_written_by_the_package_is_noticed(self, copied, change):
        file = copied / "manifest.json"
        found = json.loads(file.read_text())
        change(found)
        file.write_text(json.dumps(found))
        with pytest.raises(BundleError, match="its content is not that of its `sha256`"):
            load_bundle(copied)

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("", "it is not JSON"),
            ("{", "it is not JSON"),
            ("[]", "it is not a JSON object"),
            ("[" * 200_000, "it is not JSON"),
            ('{"schema_version": NaN}', "NaN is not a JSON number"),
            ("\xff", "it is not JSON"),
            (" " * (5 << 20), "it is larger than 4 MiB"),
            ("{}", "`schema_version` must be such as '2.4', got None"),
            ('{"schema_version": true}', "`schema_version` must be such as '2.4', got True"),
            ('{"schema_version": "2.x"}', "`schema_version` must be such as"),
        ],
    )
    def test_it_must_be_a_manifest(self, copied, text, match):
        (copied / "manifest.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(BundleError, match=f"manifest.json`: .*{match}"):
            load_bundle(copied)

    def test_other_versions_are_named(self, copied):
        edit(copied, lambda found: found.update(schema_version="3.0"))
        with pytest.raises(
            BundleVersionError, match=r"schema version 3.0, this package reads 2.4 and .*Update"
        ):
            load_bundle(copied)

    def test_fields_of_a_newer_minor_version_are_kept_and_ignored(self, copied):
        def change(found):
            found.update(schema_version="2.7", tags=["mine"])
            found["dataset"].update(ages=[7])
            found["configs"]["model"].update(depth=3)
            found["files"]["sounds.wav"] = {"seconds": 3}

        edit(copied, change)
        bundle = load_bundle(copied)
        assert bundle.manifest.more == {"tags": ["mine"]}
        assert json.loads(bundle.manifest.to_json())["tags"] == ["mine"]

    def test_it_must_hold_together(self, copied, subtests):
        manifest = copied / "manifest.json"
        whole = manifest.read_bytes()
        for change, match in CONTRADICTIONS:
            with subtests.test(match=match):
                manifest.write_bytes(whole)
                edit(copied, change)
                with pytest.raises(BundleError, match=match) as caught:
                    load_bundle(copied)
                assert "`xai train`" in str(caught.value)

    def test_an_unknown_factorisation_is_refused(self, copied):
        edit(copied, lambda m: m["configs"]["model"].update(factorisation="both"))
        with pytest.raises(BundleError, match=r"(?s)manifest.json`: .*factorisation"):
            load_bundle(copied)


class TestSaving:
    def test_a_bundle_of_before_there_were_critics_opens_without(self, tmp_path, tiny_parts):
        parts = {name: part for name, part in tiny_parts.items() if name != "critics"}
        found = load_bundle(save_bundle(tmp_path / "old", **parts))
        assert found.critics == {}
        assert "critic.safetensors" not in found.manifest.files
        assert "critic" not in found.manifest.configs

    def test_a_bundle_that_is_there_is_kept(self, copied, tiny_parts):
        before = (copied / "manifest.json").read_bytes()
        with pytest.raises(BundleError, match=r"is there already. Choose another place"):
            save_bundle(copied, **tiny_parts)
        assert (copied / "manifest.json").read_bytes() == before

    def test_it_is_replaced_when_asked(self, copied, tiny_parts):
        save_bundle(copied, **tiny_parts | {"seed": 5}, overwrite=True)
        assert load_bundle(copied).manifest.seed == 5
        assert [entry.name for entry in copied.parent.iterdir()] == ["bars"]

    def test_an_empty_folder_is_a_place(self, tiny_parts, tmp_path):
        (tmp_path / "empty").mkdir()
        assert load_bundle(save_bundle(tmp_path / "empty", **tiny_parts)).name == "empty"
        assert [entry.name for entry in tmp_path.iterdir()] == ["empty"]

    def test_folders_above_it_are_made(self, tiny_parts, tmp_path):
        path = save_bundle(tmp_path / "a" / "b" / "bars-2", **tiny_parts)
        assert path == tmp_path / "a" / "b" / "bars-2"
        assert load_bundle(path).name == "bars-2"

    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            (lambda p: p["metrics"].update(elbo=math.nan), ValueError, "must be what JSON can"),
            (lambda p: p["metrics"].update(elbo=np.int64(1)), ValueError, "must be what JSON can"),
            (lambda p: p["index"].pop("elbo"), ValueError, "column `elbo`"),
            (lambda p: p["history"].pop("loss"), ValueError, "column `loss`"),
            (
                lambda p: p.update(index=p["index"].iloc[1:]),
                BundleError,
                "was not saved, its parts do not fit: .*not train:0 to train:38 in order",
            ),
        ],
    )
    def test_what_does_not_fit_leaves_the_old_one(self, copied, tiny_parts, change, error, match):
        parts = dict(tiny_parts)
        for name in ("index", "history"):
            parts[name] = parts[name].copy()
        parts["metrics"] = dict(parts["metrics"])
        change(parts)
        before = sorted((entry.name, entry.stat().st_mtime_ns) for entry in copied.iterdir())
        with pytest.raises(error, match=match):
            save_bundle(copied, **parts, overwrite=True)
        after = sorted((entry.name, entry.stat().st_mtime_ns) for entry in copied.iterdir())
        assert before == after
        assert [entry.name for entry in copied.parent.iterdir()] == ["bars"]

    def test_weights_that_are_not_finite_are_not_saved(self, tiny_parts, tmp_path):
        model = copy.deepcopy(tiny_parts["model"])
        model.prior.mean.fill_(math.nan)
        with pytest.raises(BundleError, match=r"was not saved.*`prior.mean` has NaN or infinity"):
            save_bundle(tmp_path / "nan", **tiny_parts | {"model": model})
        assert not list(tmp_path.iterdir())

    def test_a_failed_rename_brings_the_old_one_back(self, copied, tiny_parts, monkeypatch):
        rename = Path.rename

        def failing(self, target):
            if self.name.endswith(".tmp"):
                raise OSError(28, "No space left on device", str(target))
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(BundleError, match="No space left on device"):
            save_bundle(copied, **tiny_parts | {"seed": 5}, overwrite=True)
        monkeypatch.undo()
        assert load_bundle(copied).manifest.seed == 0
        assert [entry.name for entry in copied.parent.iterdir()] == ["bars"]

    def test_files_that_are_not_a_bundles_are_not_deleted(self, copied, tiny_parts):
        (copied / "thesis.txt").write_text("years of work")
        with pytest.raises(BundleError, match=r"holds 'thesis.txt', which is not a bundle's"):
            save_bundle(copied, **tiny_parts, overwrite=True)
        assert (copied / "thesis.txt").exists()

    def test_places_that_cannot_be(self, copied, tiny_parts, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(BundleError, match="is there and is not a folder"):
            save_bundle(tmp_path / "file", **tiny_parts, overwrite=True)
        with pytest.raises(BundleError, match="Cannot write"):
            save_bundle(tmp_path / "file" / "bundle", **tiny_parts)
        (tmp_path / "link").symlink_to(copied)
        with pytest.raises(BundleError, match="is there and is not a folder"):
            save_bundle(tmp_path / "link", **tiny_parts, overwrite=True)
        for name in (".hidden", "with space", "-dash", "ä"):
            with pytest.raises(BundleError, match="A bundle's name must be letters"):
                save_bundle(tmp_path / name, **tiny_parts)


def test_a_dataset_of_its_own_keeps_its_order(tiny_parts, tmp_path):
    """Train and test rows are told apart by id, not by a column that could be sorted away."""
    data = tiny_parts["dataset"]
    turned = build_dataset(
        name="turned",
        train=Split(images=data.train.images.flip(0), labels=data.train.labels.flip(0)),
        test=data.test,
        class_names=data.class_names,
    )
    path = save_bundle(tmp_path / "turned", **tiny_parts | {"dataset": turned})
    assert torch.equal(load_bundle(path).image("train:0"), data.train.images[-1])


def test_folders_that_no_bundle_can_be_are_passed_over(copied, monkeypatch):
    strange = copied.parent / os.fsdecode(b"caf\xe9")
    strange.mkdir()
    (strange / "manifest.json").write_text("{}")
    assert [found.path for found in list_bundles([copied.parent])] == [copied]
    monkeypatch.setenv("XAI_BUNDLES", "~nosuchuser/bundles")
    with pytest.raises(BundleNotFoundError, match="There is no folder `~nosuchuser/x`"):
        load_bundle("~nosuchuser/x")
