import dataclasses

import pytest
import torch

from xai_core.attribution.of_bundle import attributions
from xai_core.bundle.explained_output import (
    OUTPUTS,
    ExplainedOutput,
    contrast,
    explained_output,
)
from xai_core.data.preprocessing import to_float
from xai_core.errors import BundleError


@pytest.fixture
def x(tiny_bundle):
    return to_float(tiny_bundle.dataset.test.images[:3], tiny_bundle.device)


def function_of(bundle, name):
    return explained_output(bundle, name).function(bundle)


def test_the_classifier_gives_its_logits(tiny_bundle, x):
    assert torch.equal(function_of(tiny_bundle, "classifier")(x), tiny_bundle.classifier(x))


def test_clusters_are_log_probabilities(tiny_bundle, x):
    logs = function_of(tiny_bundle, "cluster")(x)
    torch.testing.assert_close(logs.exp(), tiny_bundle.model.cluster_probs(x))
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(3))


def test_a_latent_is_its_posterior_mean(tiny_bundle, x):
    means = tiny_bundle.model.encode(x).mean
    assert torch.equal(function_of(tiny_bundle, "latent:1")(x), means[:, 1:])


@pytest.mark.parametrize("of", ["elbo", "reconstruction"])
def test_scores_are_the_terms_at_the_mean(tiny_bundle, x, of):
    posterior = tiny_bundle.model.encode(x)
    terms = tiny_bundle.model.terms(posterior, x, posterior.mean)
    found = function_of(tiny_bundle, of)(x)
    assert torch.equal(found, getattr(terms, of).unsqueeze(-1))
    assert torch.equal(found, function_of(tiny_bundle, of)(x)), "no noise in it"


@pytest.mark.parametrize("of", ["classifier", "cluster", "elbo", "reconstruction", "latent:0"])
def test_gradients_reach_the_image(tiny_bundle, x, of):
    x.requires_grad_()
    function_of(tiny_bundle, of)(x)[:, 0].sum().backward()
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_unknown_names_are_refused(tiny_bundle):
    with pytest.raises(
        ValueError, match="`output` must be one of classifier, cluster, .*'clusters'"
    ):
        explained_output(tiny_bundle, "clusters")
    with pytest.raises(ValueError, match="latent:0 to latent:1, got latent:2"):
        function_of(tiny_bundle, "latent:2")
    with pytest.raises(ValueError, match="got 'latent:-1'"):
        explained_output(tiny_bundle, "latent:-1")
    without = dataclasses.replace(tiny_bundle, classifier=None)
    for name in ("classifier", "classifier:0-1", contrast(0, 1)):
        with pytest.raises(BundleError, match="no classifier, which .*Explain `cluster`"):
            explained_output(without, name)


@pytest.mark.parametrize("of", ["classifier", "cluster"])
def test_a_contrast_is_the_difference_of_two_outputs(tiny_bundle, x, of):
    outputs = function_of(tiny_bundle, of)(x)
    wanted = outputs[:, 1:] - outputs[:, :1]
    for asked in (contrast(1, 0, of=of), f"{of}:1-0"):
        assert torch.equal(function_of(tiny_bundle, asked)(x), wanted)


def test_contrasts_are_named_by_classes_that_may_hold_hyphens(tiny_bundle):
    names = ("T-shirt-0", "0")
    named = dataclasses.replace(tiny_bundle)
    vars(named)["dataset"] = dataclasses.replace(tiny_bundle.dataset, class_names=names)
    output = explained_output(named, "classifier:T-shirt-0-0")
    assert output.title == "T-shirt-0 rather than 0"
    assert output.words == "why the classifier sees T-shirt-0 rather than 0"
    again = explained_output(named, output.name)
    assert (again.name, again.needs, again.unit) == (output.name, ("class_probs",), "logit")


@pytest.mark.parametrize("name", ["classifier:0-0", "classifier:0-2", "cluster:a-b", "cluster:1"])
def test_a_contrast_needs_two_different_classes(tiny_bundle, name):
    with pytest.raises(ValueError, match="two different classes of `(classifier|cluster)`, such"):
        explained_output(tiny_bundle, name)
    with pytest.raises(ValueError, match="`of` must be an output with classes, such as class"):
        contrast(0, 1, of="elbo")


def test_every_registration_reads_the_names_it_offers(tiny_bundle, x):
    """Whatever is chosen first, and then second; a new output is one registration."""
    for key, registration in OUTPUTS.items():
        chosen = []
        for choice in registration.choices:
            options = choice.options(tiny_bundle, tuple(chosen))
            assert len(options) > 0, key
            chosen.append(list(options)[-1])
        name = registration.name.format(*chosen)
        output = explained_output(tiny_bundle, name)
        assert output.name == name and output.words and output.unit
        assert output.function(tiny_bundle)(x).shape[0] == len(x)


def test_an_output_without_a_registration_is_explained_from_python(tiny_bundle, x):
    class Ink(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).sum(1, keepdim=True)

    ink = ExplainedOutput(name="ink", title="Ink", words="how much ink there is", unit="pixels",
                          needs=("encode",), function=lambda bundle: Ink())  # fmt: skip
    found = attributions(tiny_bundle, x, "saliency", output=ink)
    assert torch.equal(found.attributions, torch.ones_like(found.attributions))


def test_the_old_name_of_the_argument_still_works_and_says_the_new_one(tiny_bundle, x):
    with pytest.warns(DeprecationWarning, match="`of` of `attributions` is called `output` now"):
        found = attributions(tiny_bundle, x, "saliency", of="cluster")
    wanted = attributions(tiny_bundle, x, "saliency", output="cluster")
    assert torch.equal(found.attributions, wanted.attributions)
    with pytest.raises(TypeError, match="got both `output` and its old name `of`"):
        attributions(tiny_bundle, x, "saliency", of="cluster", output="cluster")
