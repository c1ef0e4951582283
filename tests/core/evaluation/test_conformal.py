"""Prediction sets hold the label as often as they promise, and say where they cannot."""

import dataclasses

import numpy as np
import pytest

from xai_core.data.user_images import own_id
from xai_core.errors import DataError
from xai_core.evaluation import conformal
from xai_core.evaluation.conformal import calibrate, coverage, hold_out, prediction_sets


def drawn(count, seed, temperature):
    """Draw labels from probabilities and return a model's, sharper than these are."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 4)) * [0.5, 1.0, 2.0, 4.0]
    true, told = (np.exp(logits * t) for t in (1.0, temperature))
    true, told = (p / p.sum(1, keepdims=True) for p in (true, told))
    return told, (true.cumsum(1) < rng.random((count, 1))).sum(1)


def test_p_values_are_ranks_among_images_of_the_class():
    known = calibrate(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.array([0, 0, -1]))
    np.testing.assert_allclose(known.p_values(np.array([[0.7, 0.3]])), [[2 / 3, 1.0]])
    assert known.p_values(np.array([[0.1, 0.9]]))[0, 0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_sets_cover_as_promised_in_each_class_however_wrong_the_model(level):
    known = calibrate(*drawn(8000, seed=0, temperature=5.0))
    probs, labels = drawn(8000, seed=1, temperature=5.0)
    found = coverage(prediction_sets(known.p_values(probs), level), labels)
    np.testing.assert_allclose(found.by_class, level, atol=0.035)
    pooled = calibrate(*drawn(8000, seed=0, temperature=5.0), by_class=False)
    alike = coverage(prediction_sets(pooled.p_values(probs), level), labels)
    assert alike.overall == pytest.approx(level, abs=0.02)
    assert np.abs(alike.by_class - level).max() > np.abs(found.by_class - level).max()


def test_sets_grow_with_the_level():
    probs, labels = drawn(500, seed=0, temperature=2.0)
    p_values = calibrate(probs, labels).p_values(probs)
    narrow, wide = (prediction_sets(p_values, level) for level in (0.8, 0.95))
    assert (wide >= narrow).all() and wide.sum() > narrow.sum()


@pytest.mark.parametrize(("level", "needed"), [(0.9, 9), (0.95, 19), (0.99, 99)])
def test_with_too_few_images_a_class_is_in_every_set(level, needed):
    assert conformal.images_needed(level) == needed
    for count in (needed - 1, needed):
        known = calibrate(np.full((count, 1), 0.8), np.zeros(count, int))
        held = prediction_sets(known.p_values(np.array([[0.1]])), level)
        assert bool(held[0, 0]) == (count < needed) == (known.uncalibrated(level) == [0])


def test_coverage_counts():
    sets = np.array([[True, False, False], [True, True, False], [False, False, False]])
    found = coverage(sets, np.array([0, 1, 1]))
    assert (found.overall, found.mean_size, found.empty) == pytest.approx((2 / 3, 1.0, 1 / 3))
    np.testing.assert_equal(found.by_class, [1.0, 0.5, np.nan])


def test_a_test_image_is_compared_with_the_other_half_and_others_with_all(tiny_bundle):
    known = hold_out(tiny_bundle, "classifier")
    asked = [own_id(tiny_bundle.image("test:3")), "test:3"]
    one, two = (
        conformal.p_values_of(tiny_bundle, "classifier", image_id, known) for image_id in asked
    )
    np.testing.assert_array_equal(two, known.p_values[3])
    probs = conformal.label_probs(tiny_bundle, "classifier", tiny_bundle.image("test:3")[None])
    np.testing.assert_array_equal(one, known.calibration.p_values(probs)[0])
    assert conformal.members(np.array([0.02, 0.3, 0.07]), 0.95) == [1, 2]
    assert conformal.members(np.array([0.02, 0.3, 0.07]), 0.6) == []


@pytest.mark.parametrize("output", ["classifier", "cluster"])
def test_a_test_image_never_calibrates_itself(tiny_bundle, output):
    index = tiny_bundle.index.copy()
    before = hold_out(tiny_bundle, output).p_values
    index.loc[len(tiny_bundle.dataset.train), "label"] = -1
    other = dataclasses.replace(tiny_bundle, index=index)
    after = hold_out(other, output)
    np.testing.assert_array_equal(after.p_values[0], before[0])
    assert not np.array_equal(after.p_values, before), "but it calibrates others"
    assert 0 <= after.coverage(0.9).overall <= 1
    assert after.calibration.uncalibrated(0.99) == [0, 1]


def test_clusters_stand_for_the_labels_they_are_named_after(tiny_bundle):
    images = tiny_bundle.dataset.test.images
    of_labels = conformal.label_probs(tiny_bundle, "cluster", images)
    rows = of_labels.argmax(1) == tiny_bundle.dataset.test.labels.numpy()
    assert rows.mean() == pytest.approx(tiny_bundle.manifest.metrics["test"]["accuracy"])


def test_without_labels_there_are_no_sets(tiny_bundle):
    blind = dataclasses.replace(tiny_bundle, index=tiny_bundle.index.assign(label=-1))
    with pytest.raises(DataError, match="no labelled test images"):
        hold_out(blind)
    assert "named after labels" in conformal.obstacle(tiny_bundle, "elbo")


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match="such as 0.95"):
        prediction_sets(np.ones((1, 2)), level)
