"""Attribution of what a bundle explains: each function, each method, the errors."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.of_bundle import attributions, methods_for, predicted
from xai_core.attribution.registry import METHODS
from xai_core.bundle.explained_output import explained_output
from xai_core.data.preprocessing import to_float
from xai_core.errors import BundleError
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE

FAST = AttributionConfig(n_steps=4, n_samples=4, n_points=4, n_permutations=1, patch=7, stride=7)
ALL = ("classifier", "cluster", "elbo", "reconstruction", "latent:1", "classifier:0-1")


@pytest.fixture(scope="module")
def images(tiny_dataset):
    return tiny_dataset.test.images[:3]


def test_every_method_that_applies_gives_maps(tiny_bundle, images, subtests):
    for of in ALL:
        with subtests.test(of=of):
            for method in methods_for(tiny_bundle, of):
                found = attributions(tiny_bundle, images, method, output=of, config=FAST)
                assert found.attributions.shape == (3, 28, 28), method
                assert (
                    found.attributions.isfinite().all() and found.attributions.device.type == "cpu"
                )


@pytest.mark.parametrize(
    "of", ["classifier", "cluster", "latent:1", "classifier:1-0", "cluster:0-1"]
)
def test_layers_compute_what_is_explained(of, tiny_bundle, images):
    x = to_float(images, tiny_bundle.device)
    output = explained_output(tiny_bundle, of)
    layers, function = output.layers(tiny_bundle), output.function(tiny_bundle)
    torch.testing.assert_close(layers(x), function(x))


@pytest.mark.parametrize("of", ["cluster", "latent:1", "classifier:0-1", "cluster:1-0"])
def test_deep_lift_is_complete_on_the_encoders(of, tiny_bundle, images):
    found = attributions(tiny_bundle, images, "deep_lift", output=of)
    scale = found.output_change.abs().max()
    assert found.convergence_delta.abs().max() < 1e-4 * (1 + scale)


def test_it_is_what_the_library_gives_by_itself(tiny_bundle, images):
    x = to_float(images, tiny_bundle.device)
    target = tiny_bundle.classifier(x).argmax(-1)
    wanted = attribute(x, forward=tiny_bundle.classifier, target=target, method="saliency")
    for given in (images, x):
        found = attributions(tiny_bundle, given, "saliency")
        assert torch.equal(found.attributions, wanted.attributions.cpu())
        assert torch.equal(found.target, predicted(tiny_bundle, x, "classifier").cpu())


def test_a_target_can_be_asked_for(tiny_bundle, images):
    for target in (1, torch.tensor([1, 1, 1])):
        found = attributions(tiny_bundle, images, "saliency", target=target)
        assert found.target.tolist() == [1, 1, 1]


def test_a_critic_of_the_bundle_gives_its_masks(tiny_bundle, images):
    x = to_float(images, tiny_bundle.device)
    for of, critic in tiny_bundle.critics.items():
        found = attributions(tiny_bundle, images, "critic", output=of)
        wanted = critic(x, predicted(tiny_bundle, x, of))
        assert torch.equal(found.attributions, wanted.cpu())
    only = replace(tiny_bundle, critics={"cluster": tiny_bundle.critics["cluster"]})
    assert "critic" in methods_for(only, "cluster")
    assert "critic" not in methods_for(only, "classifier")
    with pytest.raises(BundleError, match="has no critic of `classifier`. It has: `cluster`"):
        attributions(only, images, "critic")


@pytest.mark.parametrize("of", ["elbo", "reconstruction"])
def test_rules_on_layers_do_not_apply_to_the_bound(of, tiny_bundle, images):
    assert not {"deep_lift", "lrp"} & set(methods_for(tiny_bundle, of))
    with pytest.raises(ValueError, match=f"`lrp` sets rules on layers, and `{of}` is not made"):
        attributions(tiny_bundle, images, "lrp", output=of)


def test_rules_on_layers_do_not_apply_to_clusters_read_off_z(tiny_bundle, images):
    config = replace(tiny_bundle.model.config, factorisation="c_given_z")
    assert isinstance(config, ClusterVAEConfig)
    other = replace(tiny_bundle, model=ClusterVAE(config).eval().requires_grad_(False))
    assert explained_output(other, "cluster").layers(other) is None
    assert "saliency" in methods_for(other, "cluster")
    found = attributions(other, images, "saliency", output="cluster")
    assert found.attributions.shape == (3, 28, 28)


def test_without_a_classifier_the_error_says_what_to_explain(tiny_bundle, images):
    with pytest.raises(BundleError, match="Explain `cluster` instead"):
        attributions(replace(tiny_bundle, classifier=None), images, "saliency")


def test_wrong_questions_are_refused(tiny_bundle, images, subtests):
    for options, message in [
        ({"output": "label"}, "`output` must be one of classifier, cluster"),
        ({"output": "latent:9"}, "latent:0 to latent:1, got latent:9"),
        ({"output": "elbo", "target": 0}, "no meaning for `elbo`"),
        ({"target": 2}, r"in \[0, 2\)"),
        ({"baseline": "zero"}, "`saliency` takes no `baseline`"),
        ({"method": "deep_lift", "baseline": "prototypes"}, "one of mean, zero, blurred, other"),
        ({"method": "gradient_shap", "baseline": "blurred"}, "one of mean, zero, prototypes"),
        ({"method": "gradcam"}, "`method` must be one of saliency"),
    ]:
        with subtests.test(options=options, message=message):
            question = {"method": "saliency", **options}
            with pytest.raises(ValueError, match=message):
                attributions(tiny_bundle, images, **question)


def test_all_methods_apply_to_the_classifier(tiny_bundle):
    assert methods_for(tiny_bundle, "classifier") == list(METHODS)


def test_targets_are_classes_by_name_or_number(tiny_bundle):
    images, names = tiny_bundle.dataset.test.images[:3], tiny_bundle.dataset.class_names
    wanted = attributions(tiny_bundle, images, "saliency", target=1)
    for target in (names[1], "1", [1, 1, 1], [names[1], 1, "1"], np.int64(1)):
        found = attributions(tiny_bundle, images, "saliency", target=target)
        assert torch.equal(found.attributions, wanted.attributions)
    for target in (2.7, "no such class", [1]):
        with pytest.raises(ValueError, match="`target` must be one whole number or one of"):
            attributions(tiny_bundle, images, "saliency", target=target)
