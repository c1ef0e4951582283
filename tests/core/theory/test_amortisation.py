"""The two parts of the inference gap, on a model whose best Gaussian is the posterior."""

import math
from itertools import pairwise

import pytest
import torch

from xai_core.errors import ConfigError
from xai_core.evaluation.metrics import binarise
from xai_core.theory.amortisation import BestGaussianConfig, inference_gaps, log_joint_of
from xai_core.theory.bounds import draw
from xai_core.theory.linear_vae import LinearVAE

LONG = BestGaussianConfig(num_draws=2000, evidence_draws=20_000)


def joint_of(model):
    """log p(x, z) of a one-dimensional VAE at codes of one column."""

    def log_joint(z):
        mean, variance = model.theta_1 * z[:, 0] + model.theta_0, model.sigma_x**2
        squares = z[:, 0].square() + (model.x - mean).square() / variance
        return -0.5 * squares - math.log(2 * math.pi) - 0.5 * math.log(variance)

    return log_joint


def own(model):
    variance = torch.tensor([2 * math.log(model.sigma_z)], dtype=torch.float64)
    return torch.tensor([model.f], dtype=torch.float64), variance


@pytest.mark.parametrize("f", [0.4, -1.0])
def test_where_the_posterior_is_gaussian_all_of_the_gap_is_the_encoders(f):
    model = LinearVAE(f=f)
    found = inference_gaps(joint_of(model), *own(model), LONG)
    assert found.log_evidence == pytest.approx(model.log_evidence, abs=0.02)
    assert abs(found.approximation) < 4 * found.log_evidence_error
    assert found.amortisation == pytest.approx(model.gap, abs=1e-6)
    assert found.elbos[0] == pytest.approx(model.elbo, abs=1e-6)
    assert found.effective > 0.8 * LONG.evidence_draws
    assert all(later >= earlier - 0.01 for earlier, later in pairwise(found.elbos))


def test_an_encoder_that_gives_the_posterior_has_no_gap():
    mean, std = LinearVAE().true_posterior
    model = LinearVAE(f=mean, sigma_z=std)
    found = inference_gaps(joint_of(model), *own(model))
    assert found.amortisation == pytest.approx(0, abs=1e-9)
    assert abs(found.approximation) < 4 * found.log_evidence_error


def test_a_correlated_posterior_leaves_the_gap_of_mean_field():
    """p(z|x) with correlation rho: the best independent Gaussian lies -log(1 - rho^2)/2 below."""
    rho = 0.5
    precision = torch.tensor([[1.0, -rho], [-rho, 1.0]], dtype=torch.float64) / (1 - rho**2)

    def log_joint(z):
        constant = 0.5 * torch.logdet(precision) - math.log(2 * math.pi)
        return constant - 0.5 * ((z @ precision) * z).sum(-1)

    start = torch.zeros(2, dtype=torch.float64)
    found = inference_gaps(log_joint, start + 0.3, start, LONG)
    assert found.approximation == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.03)
    assert abs(found.log_evidence) < 4 * found.log_evidence_error


def test_a_start_from_which_newton_steps_overshoot_still_climbs():
    """log p(x, z) = -sqrt(1 + |z|^2) per coordinate: far out its curvature vanishes."""

    def log_joint(z):
        return -(1 + z.square()).sqrt().sum(-1)

    start = torch.tensor([8.0, -12.0], dtype=torch.float64)
    found = inference_gaps(log_joint, start, torch.full_like(start, -3.0), LONG)
    near = torch.zeros_like(start)
    there = inference_gaps(log_joint, near, near, LONG)
    assert found.elbos[found.best] == pytest.approx(there.elbos[there.best], abs=0.1)
    assert all(later > earlier - 0.5 for earlier, later in pairwise(found.elbos))


def test_the_gaps_of_a_model_add_up_and_repeat(tiny_bundle):
    model, noise = tiny_bundle.model, torch.Generator().manual_seed(0)
    x = binarise(tiny_bundle.dataset.test.images[3:4].float() / 255, noise)
    with torch.no_grad():
        q = model.encode(x)
    code = (q.mean[0], q.log_var[0])
    found = inference_gaps(log_joint_of(model, x), *code)
    assert list(found.steps) == sorted(found.steps) and found.steps[0] == 0
    assert found.amortisation >= 0
    assert found.approximation > -4 * found.log_evidence_error
    gap = found.log_evidence - found.elbos[0]
    assert found.approximation + found.amortisation == pytest.approx(gap)
    drawn = draw(model, x, num_samples=2000, generator=noise)
    weights = drawn.log_weights[:, 0]
    apart = abs(found.elbos[0] - weights.mean().item())
    assert apart < 5 * math.hypot(found.errors[0], weights.std().item() / math.sqrt(2000))
    assert inference_gaps(log_joint_of(model, x), *code) == found


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_steps": 0}, "`max_steps` must be at least 1, got 0"),
        ({"num_draws": 7}, "`num_draws` must be even, 4 or more, got 7"),
        ({"evidence_draws": 1}, "`evidence_draws` must be at least 2, got 1"),
    ],
)
def test_settings_outside_their_range_are_named(setting, message):
    with pytest.raises(ConfigError, match=message):
        BestGaussianConfig(**setting)
