"""`xai_core/evaluation/health.py`: what a bundle failed to learn, judged by its numbers."""

import dataclasses
import math
import re

import pytest

from xai_core.bundle.manifest import DatasetCard, Manifest, read_manifest
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.evaluation import typicality
from xai_core.evaluation.health import FEWEST_TEST_IMAGES, Problem, health_of
from xai_core.image_spec import ImageSpec

GOOD = {
    "classifier_accuracy": 0.98,
    "chance": 0.1,
    "class_kept": 0.97,
    "cluster_kept": 0.97,
    "cluster_information": 2.2,
    "r2": 0.8,
    "vae_steps": 2340,
}


def manifest_of(health, *, num_test=1000, name="digits", source="my digits.npz", **training):
    card = DatasetCard(
        name=name,
        sha256="0" * 64,
        num_train=7000,
        num_test=num_test,
        class_names=tuple("0123456789"),
        source=source,
        report=(),
        own_images=True,
        image=dataclasses.asdict(ImageSpec()),
        preprocessing=dataclasses.asdict(Preprocessing()),
        columns=(),
    )
    return Manifest(
        name="mine",
        dataset=card,
        indexed_train=card.num_train,
        configs={"model": {"num_clusters": 10}, "training": training},
        seed=0,
        device="cpu",
        versions={},
        metrics={"health": health},
        files={},
        created="",
        seconds={},
    )


def kinds(manifest):
    return [problem.kind for problem in health_of(manifest)]


def test_a_bundle_that_learned_has_no_problem():
    assert health_of(manifest_of(GOOD)) == ()


def test_each_problem_is_named_with_what_was_measured(subtests):
    for change, kind, says in [
        (
            {"classifier_accuracy": 0.26, "chance": 0.25},
            "classifier",
            "26 % .* chance is 25 %",
        ),
        ({"classifier_accuracy": 0.9, "chance": 0.9}, "classifier", "chance is 90 %"),
        ({"class_kept": 0.73}, "reconstruction", "keep their class for 73 %"),
        (
            {"class_kept": None, "cluster_kept": 0.4},
            "reconstruction",
            "keep their cluster for 40 %",
        ),
        ({"r2": -0.84}, "reconstruction", "explain 0 % of the variance"),
        ({"r2": 0.14}, "reconstruction", "explain 14 % of the variance"),
        ({"cluster_information": 1.1}, "collapse", "1.10 nats .* at most ln 10 = 2.30"),
        ({"vae_steps": 60}, "steps", "60 steps only"),
        ({"vae_steps": 0}, "steps", "0 steps only"),
        ({"classifier_accuracy": 0.05}, "classifier", "5 % .* chance is 10 %"),
        ({"classifier_accuracy": 0.0, "chance": 0.5}, "classifier", "0 % .* chance is 50 %"),
        ({"chance": None, "classifier_accuracy": 0.11}, "classifier", "chance is 10 %"),
        ({"r2": -1e6}, "reconstruction", "explain 0 % of the variance"),
        ({"r2": 0.1, "class_kept": 0.2}, "reconstruction", "explain 10 % of the variance"),
        ({"r2": None, "class_kept": 0.0}, "reconstruction", "keep their class for 0 %"),
        ({"cluster_information": 0.0}, "collapse", "0.00 nats .* at most ln 10 = 2.30"),
        ({"cluster_information": -1e-7}, "collapse", " 0.00 nats"),
    ]:
        with subtests.test(change=change, kind=kind, says=says):
            (problem,) = health_of(manifest_of(GOOD | change))
            assert problem.kind == kind
            assert re.search(says, problem.sentence)
            assert problem.remedy.startswith(
                "xai train --data 'my digits.npz' --out checkpoints/mine-2"
            )


@pytest.mark.parametrize(("steps", "more"), [(400, 800), (2_340, 4_680)])
def test_the_remedy_takes_more_steps_than_before(steps, more):
    (problem,) = health_of(manifest_of(GOOD | {"r2": 0.1, "vae_steps": steps}))
    assert problem.remedy.endswith(f"--min-steps {more}")
    few = {"classifier_accuracy": 0.1, "classifier_steps": 24}
    (problem,) = health_of(manifest_of(GOOD | few))
    assert problem.remedy.endswith("--classifier-min-steps 600")


def test_too_few_test_images_set_no_limits():
    assert kinds(manifest_of(GOOD, num_test=FEWEST_TEST_IMAGES)) == []
    assert kinds(manifest_of(GOOD, num_test=FEWEST_TEST_IMAGES - 1)) == ["images"]
    assert FEWEST_TEST_IMAGES * typicality.RARE / 2 == 1.0


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"epochs": 10, "batch_size": 256}, 270),
        ({"epochs": 10, "batch_size": 256, "train_images": 512}, 20),
        ({"epochs": 10, "batch_size": 256, "train_images": 100}, 10),
        ({"epochs": 12, "batch_size": 256}, None),
        ({"epochs": 2}, None),
    ],
)
def test_an_older_bundle_is_judged_by_its_settings(training, steps):
    manifest = manifest_of({name: GOOD[name] for name in ("class_kept",)}, **training)
    assert kinds(manifest) == ([] if steps is None else ["steps"])
    assert all(str(steps) in problem.sentence for problem in health_of(manifest))


def test_one_cluster_cannot_collapse_and_no_labels_need_no_classifier():
    manifest = manifest_of(GOOD | {"cluster_information": 0.0, "classifier_accuracy": None})
    one = dataclasses.replace(manifest, configs={"model": {"num_clusters": 1}})
    assert kinds(one) == []


def test_the_remedy_of_a_collapse_is_the_number_of_clusters_that_are_told_apart():
    collapsed = manifest_of(GOOD | {"cluster_information": math.log(3)})
    (problem,) = health_of(collapsed)
    assert problem.remedy.endswith("--clusters 3")
    (problem,) = health_of(
        manifest_of(GOOD | {"cluster_information": 0.1}, pseudo_label_weight=0.0)
    )
    assert problem.remedy.endswith("--preset default")


def test_settings_that_are_no_numbers_are_left_out(subtests):
    for value in ["x", None, [], {}, 0, -1, "256", math.nan, True, 1e300, math.inf]:
        with subtests.test(value=value):
            names = (
                "epochs",
                "batch_size",
                "train_images",
                "pseudo_label_weight",
                "classifier_epochs",
            )
            manifest = manifest_of({"cluster_information": 0.1}, **dict.fromkeys(names, value))
            assert kinds(manifest) == ["collapse"]


def test_a_known_data_set_is_called_by_its_name_and_a_path_is_quoted():
    known = manifest_of(GOOD | {"vae_steps": 1}, name="kmnist", source="KMNIST, ROIS-DS")
    hostile = manifest_of(GOOD | {"vae_steps": 1}, source="x; rm -r ~")
    assert "--data kmnist --out" in health_of(known)[0].remedy
    assert "--data 'x; rm -r ~' --out" in health_of(hostile)[0].remedy


def test_the_shipped_bundle_is_healthy():
    from pathlib import Path

    root = Path(__file__).parents[3]
    assert health_of(read_manifest(root / "checkpoints/mnist")) == ()


def test_problems_are_plain_and_frozen():
    problem = health_of(manifest_of(GOOD | {"vae_steps": 1}))[0]
    assert [field.name for field in dataclasses.fields(Problem)] == ["kind", "sentence", "remedy"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.kind = "images"
