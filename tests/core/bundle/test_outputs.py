import dataclasses

import pytest
import torch

from xai_core.bundle.outputs import explained_output
from xai_core.data.preprocessing import to_float
from xai_core.errors import BundleError


@pytest.fixture
def x(tiny_bundle):
    return to_float(tiny_bundle.dataset.test.images[:3], tiny_bundle.device)


def test_the_classifier_gives_its_logits(tiny_bundle, x):
    assert torch.equal(explained_output(tiny_bundle, "classifier")(x), tiny_bundle.classifier(x))


def test_clusters_are_log_probabilities(tiny_bundle, x):
    logs = explained_output(tiny_bundle, "cluster")(x)
    torch.testing.assert_close(logs.exp(), tiny_bundle.model.cluster_probs(x))
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(3))


def test_a_latent_is_its_posterior_mean(tiny_bundle, x):
    means = tiny_bundle.model.encode(x).mean
    assert torch.equal(explained_output(tiny_bundle, "latent:1")(x), means[:, 1:])


@pytest.mark.parametrize("of", ["elbo", "reconstruction"])
def test_scores_are_the_terms_at_the_mean(tiny_bundle, x, of):
    posterior = tiny_bundle.model.encode(x)
    terms = tiny_bundle.model.terms(posterior, x, posterior.mean)
    found = explained_output(tiny_bundle, of)(x)
    assert torch.equal(found, getattr(terms, of).unsqueeze(-1))
    assert torch.equal(found, explained_output(tiny_bundle, of)(x)), "no noise in it"


@pytest.mark.parametrize("of", ["classifier", "cluster", "elbo", "reconstruction", "latent:0"])
def test_gradients_reach_the_image(tiny_bundle, x, of):
    x.requires_grad_()
    explained_output(tiny_bundle, of)(x)[:, 0].sum().backward()
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_unknown_names_are_refused(tiny_bundle):
    with pytest.raises(ValueError, match="`of` must be one of classifier, cluster, .*'clusters'"):
        explained_output(tiny_bundle, "clusters")
    with pytest.raises(ValueError, match="latent:0 to latent:1, got latent:2"):
        explained_output(tiny_bundle, "latent:2")
    with pytest.raises(ValueError, match="got 'latent:-1'"):
        explained_output(tiny_bundle, "latent:-1")
    without = dataclasses.replace(tiny_bundle, classifier=None)
    with pytest.raises(BundleError, match="no classifier.*Explain `cluster`"):
        explained_output(without, "classifier")
