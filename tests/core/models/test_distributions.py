"""`xai_core/models/distributions.py`: closed forms against torch.distributions and sampling."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

from xai_core.models.distributions import (
    bernoulli_nats,
    categorical_kl_to_uniform,
    expected_normal_log_prob,
    gaussian_nats,
    normal_entropy,
    normal_log_prob,
    sample_normal,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(batch, dim):
    return torch.randn(batch, dim), torch.randn(batch, dim) - 1


def test_log_density_and_entropy_are_torchs(subtests):
    for dim in [1, 3, 16]:
        for batch in [1, 5]:
            with subtests.test(dim=dim, batch=batch):
                mean, log_var = gaussian(batch, dim)
                z = torch.randn(batch, dim)
                reference = Normal(mean, (0.5 * log_var).exp())
                torch.testing.assert_close(
                    normal_log_prob(z, mean, log_var), reference.log_prob(z).sum(-1)
                )
                torch.testing.assert_close(normal_entropy(log_var), reference.entropy().sum(-1))


def test_the_variance_is_the_exponential_of_log_var():
    """exp(log_var) taken for a standard deviation would double the spread's logarithm."""
    mean, log_var = torch.zeros(200_000, 1), torch.full((200_000, 1), math.log(9.0))
    z = sample_normal(mean, log_var, generator=generator())
    assert z.std().item() == pytest.approx(3, rel=0.01)
    assert z.mean().item() == pytest.approx(0, abs=0.03)
    assert normal_log_prob(z, mean, log_var).mean().item() == pytest.approx(
        -normal_entropy(log_var)[0].item(), abs=0.01
    )


def test_samples_repeat_with_the_generator_and_carry_gradients():
    mean, log_var = (part.requires_grad_() for part in gaussian(4, 3))
    first, again = (sample_normal(mean, log_var, generator=generator()) for _ in range(2))
    assert torch.equal(first, again)
    first.sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))
    torch.testing.assert_close(log_var.grad, 0.5 * (first - mean).detach())


def test_the_expected_log_density_is_the_mean_over_samples():
    mean, log_var = gaussian(1, 3)
    centres, scales = torch.randn(4, 3), torch.rand(4) + 0.5
    z = sample_normal(
        mean.expand(200_000, 3), log_var.expand(200_000, 3), generator=generator()
    ).unsqueeze(1)
    sampled = Normal(centres, scales.unsqueeze(-1)).log_prob(z).sum(-1)
    found = expected_normal_log_prob(mean, log_var, centres, scales)
    error = 5 * sampled.std(0) / math.sqrt(len(sampled))
    assert found.shape == (1, 4)
    assert ((sampled.mean(0) - found[0]).abs() < error).all()


def test_the_expected_log_density_of_a_point_is_the_log_density():
    z, centres, scales = torch.randn(5, 3), torch.randn(4, 3), torch.rand(4) + 0.5
    z.requires_grad_()
    found = expected_normal_log_prob(z, torch.full_like(z, -torch.inf), centres, scales)
    reference = Normal(centres, scales.unsqueeze(-1)).log_prob(z.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(found, reference)
    found.sum().backward()
    assert z.grad.isfinite().all()


def test_gaussian_divergences_follow_from_the_two_terms():
    """KL(q || N(0, I)) = -entropy - E_q[log N(z; 0, I)], never negative."""
    mean, log_var = gaussian(6, 4)
    expected = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(0.0, 1.0)).sum(-1)
    cross = expected_normal_log_prob(mean, log_var, torch.zeros(1, 4), torch.ones(1))[:, 0]
    found = -normal_entropy(log_var) - cross
    torch.testing.assert_close(found, expected)
    assert (found >= 0).all()


@pytest.mark.parametrize("clusters", [1, 2, 10])
def test_divergence_from_uniform_is_torchs(clusters):
    logits = torch.randn(7, clusters) * 3
    uniform = Categorical(logits=torch.zeros(7, clusters))
    found = categorical_kl_to_uniform(logits.softmax(-1))
    torch.testing.assert_close(
        found, kl_divergence(Categorical(logits=logits), uniform), atol=1e-6, rtol=1e-5
    )
    assert (found > -1e-6).all() and (found < math.log(clusters) + 1e-6).all()


def test_divergence_from_uniform_at_its_ends():
    assert categorical_kl_to_uniform(torch.eye(5)).tolist() == pytest.approx([math.log(5)] * 5)
    flat = categorical_kl_to_uniform(torch.full((1, 5), 0.2))
    assert flat.item() == pytest.approx(0, abs=1e-6)


def test_certain_rows_have_gradients_that_are_numbers():
    """A probability that underflows to 0 must not turn the gradient into NaN."""
    logits = torch.tensor([[0.0, 200.0, -300.0]], requires_grad=True)
    categorical_kl_to_uniform(logits.softmax(-1)).sum().backward()
    assert logits.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_pixels_are_summed_not_averaged():
    """Zero logits are a fair coin a pixel: -784 ln 2, whatever the image."""
    for x in (torch.rand(3, 1, 28, 28), torch.ones(3, 1, 28, 28)):
        found = bernoulli_nats(x, torch.zeros_like(x)).sum((1, 2, 3))
        assert found.shape == (3,)
        assert found.tolist() == pytest.approx([-784 * math.log(2)] * 3, rel=1e-5)


def test_bernoulli_log_probability_is_torchs_and_survives_certainty():
    x, logits = torch.rand(4, 1, 28, 28).round(), torch.randn(4, 1, 28, 28) * 4
    reference = Bernoulli(logits=logits).log_prob(x)
    torch.testing.assert_close(bernoulli_nats(x, logits), reference)
    sure = (2 * x - 1) * 1e4
    assert bernoulli_nats(x, sure).sum((1, 2, 3)).tolist() == [0.0] * 4
    assert bernoulli_nats(x, -sure).isfinite().all()


def test_grey_pixels_have_the_mean_over_binary_images():
    grey, logits = torch.rand(1, 1, 28, 28), torch.randn(1, 1, 28, 28)
    binary = torch.bernoulli(grey.expand(4000, 1, 28, 28), generator=generator())
    sampled = bernoulli_nats(binary, logits.expand_as(binary)).sum((1, 2, 3))
    error = 5 * sampled.std().item() / math.sqrt(4000)
    found = bernoulli_nats(grey, logits).sum().item()
    assert found == pytest.approx(sampled.mean().item(), abs=error)


def test_gaussian_pixels_are_torchs():
    x, mean, log_var = torch.rand(4, 1, 28, 28), torch.rand(4, 1, 28, 28), torch.tensor(-1.5)
    reference = Normal(mean, (0.5 * log_var).exp()).log_prob(x)
    torch.testing.assert_close(gaussian_nats(x, mean, log_var), reference)
