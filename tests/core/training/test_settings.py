"""Presets, what a person changes of them, and the steps that follow."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from xai_core.cli import app
from xai_core.errors import ConfigError
from xai_core.training.config import PRESETS, settings_for
from xai_core.training.presets import PRESET_TABLE
from xai_core.training.settings import CONFIGS, SETTINGS, by_group
from xai_core.training.stages.table import PSEUDO_LABELS, SURROGATE, expected_seconds
from xai_core.training.steps import SMALLEST_BATCH, plan_epochs

MNIST = 60_000


def asked(preset="default", *, model=None, training=None, critic=None):
    return settings_for(preset, model=model or {}, training=training or {}, critic=critic or {})


def plans(training, count):
    """Epochs and batch of the cluster VAE, classifier, surrogate and critics."""
    count = min(count, training.train_images or count)
    shown = min(count, training.critic.train_images)
    size, least = training.batch_size, training.critic.min_steps
    return [
        plan_epochs(count, training.epochs, size, training.min_steps),
        plan_epochs(count, training.classifier_epochs, size, training.classifier_min_steps),
        plan_epochs(shown, training.critic.surrogate_epochs, size, least),
        plan_epochs(shown, training.critic.epochs, size, least),
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_on_mnist_no_preset_takes_other_steps_than_its_epochs(preset):
    training = PRESETS[preset][1]
    critic = training.critic
    epochs = [training.epochs, training.classifier_epochs, critic.surrogate_epochs, critic.epochs]
    assert plans(training, MNIST) == [(number, training.batch_size) for number in epochs]


def test_a_small_set_takes_the_steps_that_a_preset_states(subtests):
    for count in [50, 1_000, 1_545, 5_000, 20_000, MNIST]:
        with subtests.test(count=count):
            training = PRESETS["default"][1]
            least = [
                training.min_steps,
                training.classifier_min_steps,
                training.critic.min_steps,
                training.critic.min_steps,
            ]
            for (epochs, size), steps in zip(plans(training, count), least, strict=True):
                assert epochs * (count // size) >= steps
                assert min(count, SMALLEST_BATCH) <= size <= 256


@given(
    count=st.integers(10, 100_000),
    epochs=st.integers(1, 50),
    batch=st.integers(1, 512),
    least=st.integers(1, 3_000),
    processes=st.integers(1, 4),
)
def test_a_plan_takes_enough_steps_and_no_larger_batches(count, epochs, batch, least, processes):
    batch *= processes
    found, size = plan_epochs(count, epochs, batch, least, processes=processes)
    assert found >= epochs and found * (count // size) >= least
    assert size <= min(batch, count) and size % processes == 0
    assert plan_epochs(count, epochs, batch, 1) == (epochs, min(batch, count))


def test_whoever_states_epochs_gets_as_many():
    _, training = asked(training={"epochs": 1, "train_images": 50})
    assert [epochs for epochs, _ in plans(training, MNIST)] == [1, 6, 3, 4]
    _, training = asked(training={"epochs": 1, "min_steps": 7, "train_images": 50})
    assert plans(training, MNIST)[0] == (7, 50)
    _, training = asked(training={"classifier_epochs": 2}, critic={"epochs": 3})
    assert [epochs for epochs, _ in plans(training, 50)][1:] == [2, 3, 3]
    assert plans(training, 50)[0][0] > 500


def test_map_scores_and_likelihood_follow_the_train_images_that_are_asked_for():
    _, training = asked(training={"train_images": 50})
    assert (training.map_images, training.scored_images) == (1_000, 1_000)
    assert training.likelihood_images == 50
    _, training = asked(training={"train_images": 50, "map_images": 70_000})
    assert training.map_images == 70_000
    assert asked("smoke")[1] == PRESETS["smoke"][1]


def test_what_is_not_stated_stays_as_the_preset_has_it():
    assert asked(model={"num_clusters": None}, training={"epochs": None}) == PRESETS["default"]
    model, training = asked("density", model={"num_clusters": 3}, training={"batch_size": 32})
    assert (model.num_clusters, model.latent_dim) == (3, 40)
    assert (training.batch_size, training.epochs) == (32, 40)


def test_unknown_presets_and_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="`preset` must be one of default, vade, smoke"):
        asked("huge")
    with pytest.raises(ConfigError, match="`min_steps` must be at least 1, got 0"):
        asked(training={"min_steps": 0})
    with pytest.raises(ConfigError, match="`min_steps` must be at least 1, got 0"):
        asked(critic={"min_steps": 0})


def test_every_number_and_choice_of_the_configs_is_an_option_with_its_words():
    said = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "300"}).stdout
    for group, config in CONFIGS.items():
        known = {setting.field for setting in SETTINGS.values() if setting.group == group}
        assert {entry.name for entry in fields(config)} - known <= {
            *("channels", "decoder_channels", "critic"),
        }
    for name, setting in SETTINGS.items():
        assert f"--{name.replace('_', '-')}" in said, name
        assert setting.help[:30] in said, name


def test_settings_are_sorted_by_config():
    stated = {"clusters": 3, "critic_epochs": 2, "epochs": None}
    assert by_group(stated) == (
        {"model": {"num_clusters": 3}, "training": {"epochs": None}, "critic": {"epochs": 2}}
    )
    with pytest.raises(ConfigError, match="`cluster` is not a setting of a training"):
        by_group({"cluster": 3})


def test_what_is_expected_counts_the_epochs_there_will_be(tiny_dataset):
    model, training = asked(model={"num_clusters": 2})
    epochs = [epochs for epochs, _ in plans(training, len(tiny_dataset.train))]
    once = expected_seconds(tiny_dataset, model, asked(training={"epochs": 1})[1])
    found = expected_seconds(tiny_dataset, model, training)
    assert found["vae"] == pytest.approx(epochs[0] * once["vae"])


@pytest.mark.parametrize("name", sorted({*PRESET_TABLE} - {"default"}))
def test_the_name_of_a_preset_stands_in_one_place(name):
    """Besides the table: the default of options and texts that name it.

    Left out are words of many meanings.
    """
    assert places_of(name, "counterfactuals", "theory") == ["xai_core/training/presets.py"]


@pytest.mark.parametrize("name", [PSEUDO_LABELS, SURROGATE])
def test_the_name_of_a_stage_stands_in_one_place(name):
    """The other names are those of models and files too."""
    assert places_of(name) == ["xai_core/training/stages/table.py"]


def places_of(name, *others):
    """List the modules that hold a name in quotes, without folders where it names other things."""
    root = Path(__file__).parents[3]
    quoted = re.compile(rf"""["']{name}["']""")
    found = [
        str(path.relative_to(root))
        for folder in ("xai_core", "dashboard")
        for path in (root / folder).rglob("*.py")
        if quoted.search(path.read_text(encoding="utf-8"))
    ]
    return [path for path in found if not any(other in path for other in others)]
