"""Trainings recorded on the tiny data set, and what a recording says."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from xai_core.cli import app
from xai_core.data.dataset import Split, build_dataset
from xai_core.errors import ConfigError, DataError
from xai_core.models.vae import ClusterVAE
from xai_core.runtime import Launch
from xai_core.training.collapse import (
    RECIPES,
    TERMS,
    Price,
    Recording,
    last_common_epoch,
    mean_price,
    read_all_seeds,
    read_collapse,
    record_collapse,
)


@pytest.fixture(scope="module")
def recorded(tiny_dataset, tmp_path_factory):
    path, told = tmp_path_factory.mktemp("recorded") / "new" / "collapse.parquet", []
    recording = record_collapse(
        tiny_dataset,
        path,
        images=12,
        train_images=40,
        epochs=2,
        launch=Launch(device="cpu"),
        on_epoch=lambda run, row: told.append((run, row.epoch)),
    )
    return recording, path, told


def test_every_recipe_is_recorded_before_and_after_every_epoch(recorded):
    recording, _, told = recorded
    assert recording.runs == list(RECIPES) and recording.epochs == [0, 1, 2]
    assert told == [(run, epoch) for run in RECIPES for epoch in (1, 2)]
    assert len(recording.table) == 3 * 3 * 12
    for run in RECIPES:
        for epoch in recording.epochs:
            assert recording.probs(run, epoch).shape == (12, 10)
            np.testing.assert_allclose(recording.probs(run, epoch).sum(1), 1, atol=1e-3)
            here = recording.at(run, epoch)
            assert here["id"].is_unique and here["id"].str.startswith("test:").all()
            parts = here.reconstruction + here.expected_log_prior - here.kl_c + here.entropy_z
            np.testing.assert_allclose(here.elbo, parts, atol=0.01)


def test_epoch_zero_is_the_seeded_model_and_training_changes_it(recorded):
    recording = recorded[0]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ClusterVAE(RECIPES["cure"].model).eval()
    assert recording.probs("cure", 0).max() < 0.5
    assert model.config == RECIPES["cure"].model
    for run in RECIPES:
        assert recording.at(run, 2)["elbo"].mean() > recording.at(run, 0)["elbo"].mean()


def test_what_is_written_is_read_back(recorded):
    recording, path, _ = recorded
    again = read_collapse(path)
    pd.testing.assert_frame_equal(again.table, recording.table, check_dtype=False)
    assert json.loads(json.dumps(recording.about)) == again.about
    assert again.about["epochs"] == 2 and set(again.about["seconds"]) == set(RECIPES)
    assert not list(path.parent.glob(".*"))


def test_the_recipes_differ_in_one_thing_each():
    pure, prior, cure = (RECIPES[name] for name in ("pure", "prior", "cure"))
    assert prior.model == cure.model and prior.pseudo_label_weight == 0 < cure.pseudo_label_weight
    assert (pure.model.decoder_conditioning, pure.model.prior) == ("z+c", "standard")
    assert (prior.model.decoder_conditioning, prior.model.prior) == ("z", "mixture")
    assert pure.model.decoder_channels == prior.model.decoder_channels


def test_price_and_summary_are_averages_over_images():
    rows = []
    for run, shift, sure in (("prior", 3.0, False), ("cure", 0.0, True)):
        for image in range(4):
            probs = [float(c == image % 2) if sure else 0.5 for c in range(2)]
            rows.append(
                {"run": run, "epoch": 1, "id": f"test:{image}", "label": image % 2,
                 "elbo": -100 - 10 * image + shift + 0.1 * image * shift,
                 **dict.fromkeys(TERMS[1:], 0.0),
                 "prob_0": probs[0], "prob_1": probs[1]}
            )  # fmt: skip
    recording = Recording(table=pd.DataFrame(rows), about={})
    price = recording.price("cure", "prior", 1)
    assert price.nats == pytest.approx(3.45)
    assert price.standard_error == pytest.approx(np.std([3, 3.3, 3.6, 3.9], ddof=1) / 2)
    table = recording.summary().set_index("run")
    assert table.loc["cure", "information"] == pytest.approx(math.log(2))
    assert table.loc["prior", "information"] == pytest.approx(0)
    assert table.loc["cure", "accuracy"] == 1


def split_of(images):
    return Split(images=images, labels=None)


def test_other_seeds_lie_beside_a_recording_with_two_runs_at_the_last_epoch(
    tiny_dataset, tmp_path, recorded
):
    shutil.copy(recorded[1], tmp_path / "collapse.parquet")
    options = {"images": 12, "train_images": 40, "epochs": 1, "launch": Launch(device="cpu")}
    record_collapse(
        tiny_dataset, tmp_path / "seed_3.parquet", seed=3, runs=("prior", "cure"), only_last=True,
        **options,
    )  # fmt: skip
    first, other = read_all_seeds(tmp_path / "collapse.parquet")
    assert (first.seed, other.seed) == (0, 3)
    assert other.runs == ["prior", "cure"] and other.epochs == [1] and len(other.table) == 24
    assert set(other.about["runs"]) == {"prior", "cure"}
    assert other.price("cure", "prior", 1).standard_error > 0
    assert last_common_epoch([first, other]) == 1
    late = Recording(table=other.table.assign(epoch=9), about=other.about)
    with pytest.raises(DataError, match="no epoch in common"):
        last_common_epoch([first, late])
    with pytest.raises(
        ConfigError, match="There is no recipe 'x'; the recipes are pure, prior, cure"
    ):
        record_collapse(tiny_dataset, tmp_path / "x.parquet", runs=("x",), **options)


def test_a_mean_price_has_the_error_of_its_seeds():
    found = mean_price([Price(1.0, 0.5), Price(2.0, 0.1), Price(6.0, 9.0)])
    assert found.nats == 3 and found.standard_error == pytest.approx(math.sqrt(7 / 3))
    assert mean_price([Price(1.0, 0.5)]) == Price(1.0, 0.5)


def test_wrong_files_and_arguments_are_named(tiny_dataset, tmp_path, recorded):
    with pytest.raises(ConfigError, match=r"`images` must be in \[2, 20\]"):
        record_collapse(tiny_dataset, tmp_path / "a.parquet", images=21)
    one = dataclasses.replace(tiny_dataset, test=split_of(tiny_dataset.test.images[:1]))
    colour = tiny_dataset.test.images[:2].repeat(1, 3, 1, 1)
    colour = build_dataset(name="red", train=split_of(colour), test=split_of(colour))
    for data, has in ((one, "`bars` has 1 with 1"), (colour, "`red` has 2 with 3")):
        with pytest.raises(DataError, match=rf"at least 2 grey test images.*{has} channels"):
            record_collapse(data, tmp_path / "a.parquet", images=2)
    with pytest.raises(DataError, match="is not a recording"):
        read_collapse(tmp_path / "missing.parquet")
    bare = tmp_path / "bare.parquet"
    pq.write_table(pq.read_table(recorded[1]).replace_schema_metadata({}), bare)
    with pytest.raises(DataError, match="xai record-collapse"):
        read_collapse(bare)


def test_the_command_records_and_says_what_came_out(tiny_dataset, tmp_path, monkeypatch, recorded):
    asked = {}

    def record(dataset, out, **options):
        asked.update(options, out=out, data=dataset.name)
        return recorded[0]

    monkeypatch.setattr("xai_core.training.collapse.record_collapse", record)
    monkeypatch.setattr("xai_core.data.registry.load_dataset", lambda source: tiny_dataset)
    out = tmp_path / "c.parquet"
    options = ["record-collapse", "--out", str(out), "--epochs", "2", "--seed", "3",
               "--run", "cure", "--only-last", "--json"]  # fmt: skip
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert asked["out"] == out and asked["epochs"] == 2 and asked["seed"] == 3
    assert asked["runs"] == ("cure",) and asked["only_last"]
    assert {row["run"] for row in json.loads(result.stdout)["rows"]} == set(RECIPES)
    assert "information" in CliRunner().invoke(app, options[:-1]).stdout
