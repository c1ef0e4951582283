import pytest
import torch

from xai_core.counterfactual.of_bundle import counterfactuals, reference_of
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.data.preprocessing import to_float

EASY = CounterfactualConfig(target_probability=0.9)


@pytest.mark.parametrize("of", ["classifier", "cluster"])
def test_all_targets_are_every_class_but_its_own(tiny_bundle, of):
    images = tiny_bundle.dataset.test.images[:3]
    found = counterfactuals(tiny_bundle, images, "all", output=of, config=EASY)
    assert len(found) == 3  # two classes: one other each
    assert (found.target == 1 - found.source).all()
    assert torch.allclose(found.images, to_float(images))


def test_bytes_and_floats_are_the_same(tiny_bundle):
    images = tiny_bundle.dataset.test.images[:2]
    first = counterfactuals(tiny_bundle, images, 1, config=EASY)
    second = counterfactuals(tiny_bundle, to_float(images), 1, config=EASY)
    assert torch.equal(first.counterfactuals, second.counterfactuals)


def test_the_method_is_the_configs_unless_one_is_named(tiny_bundle):
    images, config = tiny_bundle.dataset.test.images[:2], CounterfactualConfig(method="nearest")
    assert counterfactuals(tiny_bundle, images, 1, config=config).method == "nearest"
    found = counterfactuals(tiny_bundle, images, 1, method="default", config=config)
    assert found.method == "default"
    assert counterfactuals(tiny_bundle, images, 1).method == "default"


def test_real_images_have_the_classes_of_what_is_explained(tiny_bundle):
    by_labels = reference_of(tiny_bundle, "classifier", labels=True)
    assert torch.equal(by_labels.classes, tiny_bundle.dataset.train.labels)
    predicted = tiny_bundle.index["predicted"].to_numpy()[:40]
    assert reference_of(tiny_bundle, "classifier").classes.tolist() == predicted.tolist()
    clusters = tiny_bundle.index["cluster"].to_numpy()[:40]
    assert reference_of(tiny_bundle, "cluster").classes.tolist() == clusters.tolist()


def test_wrong_questions_are_refused(tiny_bundle):
    images = tiny_bundle.dataset.test.images[:1]
    with pytest.raises(
        ValueError, match="at least two classes apart, and `elbo` is one number.*`classifier`"
    ):
        counterfactuals(tiny_bundle, images, 0, output="elbo")
    with pytest.raises(ValueError, match=r"`target` must be in \[0, 2\) for 2 classes, got 5"):
        counterfactuals(tiny_bundle, images, 5)


def test_targets_are_classes_by_name_or_number(tiny_bundle):
    images, name = tiny_bundle.dataset.test.images[:2], tiny_bundle.dataset.class_names[1]
    wanted = counterfactuals(tiny_bundle, images, 1, method="nearest")
    for target in (name, "1", [1, name]):
        found = counterfactuals(tiny_bundle, images, target, method="nearest")
        assert torch.equal(found.counterfactuals, wanted.counterfactuals)
    with pytest.raises(ValueError, match="`target` must be one whole number or one of"):
        counterfactuals(tiny_bundle, images, 2.7, method="nearest")
