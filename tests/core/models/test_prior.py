"""`xai_core/models/prior.py` against torch.distributions and by sampling."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from xai_core.models.prior import MixturePrior

SHAPES = pytest.mark.parametrize(("clusters", "dim"), [(1, 1), (2, 5), (10, 3)])


def prior_of(clusters, dim):
    prior = MixturePrior(clusters, dim, fixed=False)
    with torch.no_grad():
        prior.raw_scale.copy_(torch.randn(clusters))
    return prior


def reference(prior):
    parts = Independent(Normal(prior.mean, prior.scale.unsqueeze(-1)), 1)
    return MixtureSameFamily(Categorical(logits=torch.zeros(len(prior.mean))), parts)


@SHAPES
def test_densities_are_torchs(clusters, dim):
    """log pi is counted once: once a dimension would shift log p(z) by (1 - d) ln K."""
    prior, z = prior_of(clusters, dim), torch.randn(6, dim) * 2
    torch.testing.assert_close(prior.log_prob(z), reference(prior).log_prob(z))
    given = reference(prior).component_distribution.log_prob(z.unsqueeze(1))
    torch.testing.assert_close(prior.log_prob_given_cluster(z), given)
    torch.testing.assert_close(prior.log_joint(z), given - math.log(clusters))


@SHAPES
def test_responsibilities_follow_bayes(clusters, dim):
    prior, z = prior_of(clusters, dim), torch.randn(6, dim)
    found = prior.responsibilities(z)
    assert found.shape == (6, clusters)
    torch.testing.assert_close(found.sum(-1), torch.ones(6))
    torch.testing.assert_close(found, (prior.log_joint(z) - prior.log_prob(z).unsqueeze(-1)).exp())


def test_a_density_integrates_to_one():
    prior = prior_of(3, 1)
    grid = torch.linspace(-40, 40, 80_001).unsqueeze(-1)
    assert (prior.log_prob(grid).exp().sum() * 0.001).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("far", [1e2, 1e4, 1e8])
def test_far_codes_have_responsibilities_that_are_numbers(far):
    """All densities underflow there: exp() and a division would be 0 / 0."""
    prior = prior_of(4, 8)
    z = torch.full((2, 8), far, requires_grad=True)
    found = prior.responsibilities(z)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(-1), torch.ones(2))
    assert prior.log_prob(z).isfinite().all()
    (prior.log_prob(z).sum() + found.square().sum()).backward()
    assert all(part.grad.isfinite().all() for part in (z, *prior.parameters()))


def test_a_code_at_a_far_centre_is_that_clusters():
    prior = prior_of(3, 2)
    with torch.no_grad():
        prior.mean.copy_(torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]]))
    assert prior.responsibilities(prior.mean.detach()).tolist() == torch.eye(3).tolist()


def test_a_fixed_prior_is_standard_normal_and_knows_no_cluster():
    prior = MixturePrior(4, 3, fixed=True)
    z = torch.randn(5, 3)
    assert not list(prior.parameters())
    torch.testing.assert_close(prior.scale, torch.ones(4))
    torch.testing.assert_close(prior.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))
    assert torch.equal(prior.responsibilities(z), torch.full((5, 4), 0.25))


def test_scales_have_a_floor():
    prior = prior_of(2, 3)
    with torch.no_grad():
        prior.raw_scale.fill_(-1e4)
    assert prior.scale.tolist() == pytest.approx([1e-3] * 2)
    assert prior.log_prob(torch.randn(4, 3)).isfinite().all()


def test_a_new_prior_has_unit_scales_and_centres_that_differ():
    prior = MixturePrior(3, 4, fixed=False)
    torch.testing.assert_close(prior.scale, torch.ones(3))
    assert prior.mean.std(0).min() > 0


def test_samples_have_their_clusters_mean_and_scale():
    prior = prior_of(2, 3)
    clusters = torch.arange(2).repeat_interleave(50_000)
    for temperature in (1.0, 0.5, 0.0):
        generator = torch.Generator().manual_seed(0)
        z = prior.sample(clusters, temperature=temperature, generator=generator)
        for cluster in range(2):
            own, scale = z[clusters == cluster], temperature * prior.scale[cluster].item()
            torch.testing.assert_close(
                own.mean(0), prior.mean[cluster], atol=0.03 * scale + 1e-5, rtol=0
            )
            torch.testing.assert_close(
                own.std(0), torch.full((3,), scale), atol=0.02 * scale + 1e-5, rtol=0
            )


def test_samples_repeat_with_the_generator():
    prior, clusters = prior_of(2, 3), torch.tensor([0, 1, 1])
    first, again, other = (
        prior.sample(clusters, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_gradients_reach_means_and_scales():
    prior = prior_of(3, 2)
    prior.log_prob(torch.randn(20, 2)).sum().backward()
    assert all((part.grad != 0).all() for part in prior.parameters())


def test_the_expectation_is_what_sampling_finds():
    prior = prior_of(3, 2)
    mean, log_var = torch.randn(1, 2), torch.randn(1, 2)
    z = mean + (0.5 * log_var).exp() * torch.randn(100_000, 2)
    sampled = prior.log_prob_given_cluster(z)
    error = 5 * sampled.std(0) / math.sqrt(len(z))
    assert ((prior.expected_log_prob(mean, log_var)[0] - sampled.mean(0)).abs() < error).all()
