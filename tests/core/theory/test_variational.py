"""Mean-field logistic regression against quadrature, a long MCMC, and its own exact gradient."""

import math

import numpy as np
import pytest
import torch

from xai_core.errors import ConfigError
from xai_core.theory import variational
from xai_core.theory.variational import (
    MeanField,
    MeanFieldConfig,
    elbo,
    exact_gradient,
    fit_mean_field,
    gradient_draws,
    gradient_moments,
    predict,
    with_intercept,
)

BOTH = pytest.mark.parametrize("estimator", ["score", "reparameterised"])


@pytest.fixture(scope="module")
def problem():
    """60 points with one feature and an intercept, drawn from w = (1.5, -0.5)."""
    noise = torch.Generator().manual_seed(1)
    x = with_intercept(torch.randn(60, 1, generator=noise).double())
    probs = torch.sigmoid(x @ torch.tensor([1.5, -0.5]).double())
    return x, torch.rand(60, generator=noise) < probs


@pytest.fixture(scope="module")
def grid(problem):
    """The exact posterior on a fine grid: nodes, weights that sum to one, log evidence."""
    x, y = problem
    axis = torch.linspace(-4, 6, 400).double()
    w = torch.cartesian_prod(axis, axis)
    log_joint = log_density(w, x, y)
    area = (axis[1] - axis[0]).square().log()
    evidence = log_joint.logsumexp(0) + area
    return w, (log_joint + area - evidence).exp(), evidence.item()


def log_density(w, x, y):
    """log p(y|x, w) + log N(w; 0, I)."""
    sign = torch.where(y, 1.0, -1.0).double()
    fit = torch.nn.functional.logsigmoid((w @ x.mT) * sign).sum(-1)
    return fit - 0.5 * w.square().sum(-1) - math.log(2 * math.pi)


@pytest.fixture(scope="module")
def fitted(problem):
    return fit_mean_field(*problem, MeanFieldConfig(num_samples=50, max_steps=800), seed=0)


def test_the_elbo_by_quadrature_is_the_average_of_many_draws(problem):
    x, y = problem
    q = MeanField(torch.tensor([1.0, -0.3]).double(), torch.tensor([-0.5, -1.5]).double())
    noise = torch.Generator().manual_seed(0)
    w = q.mean + q.std * torch.randn(200_000, 2, generator=noise).double()
    log_q = (
        -0.5 * ((w - q.mean) / q.std).square().sum(-1) - q.log_std.sum() - math.log(2 * math.pi)
    )
    values = log_density(w, x, y) - log_q
    error = (values.std() / math.sqrt(len(w))).item()
    assert elbo(q, x, y) == pytest.approx(values.mean().item(), abs=4 * error)


def test_the_exact_gradient_is_that_of_the_elbo(problem):
    at = torch.tensor([0.7, -0.2, -0.8, -1.2]).double()

    def value(parameters):
        return elbo(MeanField(*parameters.chunk(2)), *problem)

    steps = torch.eye(4).double() * 1e-5
    slopes = [(value(at + h) - value(at - h)) / 2e-5 for h in steps]
    found = exact_gradient(MeanField(*at.chunk(2)), *problem)
    torch.testing.assert_close(found, torch.tensor(slopes).double(), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("seed", [0, 1])
def test_both_estimators_are_unbiased(problem, estimator, seed):
    noise = torch.Generator().manual_seed(seed)
    q = MeanField(*(torch.randn(2, generator=noise).double() * 0.5 for _ in range(2)))
    moments = gradient_moments(
        q, *problem, estimator=estimator, num_samples=200_000, generator=noise
    )
    away = (moments.mean - exact_gradient(q, *problem)) / moments.standard_error
    assert away.abs().max() < 4.5
    assert moments.variance.shape == (4,)


def test_reparameterisation_has_the_lower_variance_at_equal_samples(problem, fitted):
    variances = [
        gradient_moments(
            fitted.posterior,
            *problem,
            estimator=estimator,
            num_samples=20_000,
            generator=torch.Generator().manual_seed(0),
        ).variance
        for estimator in ("score", "reparameterised")
    ]
    assert (variances[0] > 3 * variances[1]).all()


def test_it_finds_the_best_factorised_gaussian(problem, fitted):
    from scipy.optimize import minimize

    best = minimize(
        lambda p: -elbo(MeanField(*torch.tensor(p).chunk(2)), *problem),
        np.zeros(4),
        jac=lambda p: -exact_gradient(MeanField(*torch.tensor(p).chunk(2)), *problem).numpy(),
    )
    assert fitted.converged
    assert fitted.elbos[-1].item() == pytest.approx(-best.fun, abs=0.01)
    assert fitted.elbos[-1].item() <= -best.fun + 1e-6
    found = torch.cat([fitted.posterior.mean, fitted.posterior.log_std]).numpy()
    np.testing.assert_allclose(found, best.x, atol=0.05)


def test_it_is_near_the_exact_posterior_and_below_the_evidence(problem, grid, fitted):
    w, share, evidence = grid
    mean = share @ w
    std = (share @ (w - mean).square()).sqrt()
    torch.testing.assert_close(fitted.posterior.mean, mean, atol=0.08, rtol=0)
    assert (fitted.posterior.std <= std * 1.05).all()  # factorised q is too sure, never less
    assert (fitted.posterior.std >= std * 0.75).all()
    assert evidence - 0.3 < fitted.elbos[-1].item() < evidence
    exact = share @ torch.sigmoid(w @ problem[0].mT)
    torch.testing.assert_close(
        predict(fitted.posterior, problem[0]).probs, exact, atol=0.02, rtol=0
    )


def test_it_is_near_a_long_markov_chain(problem, fitted):
    """Random-walk Metropolis, 200 chains of 2,000 steps."""
    x, y = problem
    noise = torch.Generator().manual_seed(0)
    w = torch.zeros(200, 2).double()
    value, kept = log_density(w, x, y), []
    for step in range(2000):
        proposal = w + 0.5 * torch.randn(w.shape, generator=noise).double()
        new = log_density(proposal, x, y)
        accept = torch.rand(200, generator=noise).log() < new - value
        w, value = torch.where(accept[:, None], proposal, w), torch.where(accept, new, value)
        if step >= 500 and step % 10 == 0:
            kept.append(w)
    drawn = torch.cat(kept)
    torch.testing.assert_close(fitted.posterior.mean, drawn.mean(0), atol=0.08, rtol=0)


def test_the_score_function_gets_there_too_with_more_draws(problem, fitted):
    config = MeanFieldConfig(estimator="score", num_samples=400, max_steps=600, learning_rate=0.05)
    found = fit_mean_field(*problem, config)
    assert found.elbos[-1].item() == pytest.approx(fitted.elbos[-1].item(), abs=0.1)


@pytest.mark.slow
def test_without_points_that_tell_the_posterior_is_the_prior():
    x = torch.zeros(1, 3).double()
    found = fit_mean_field(x, torch.tensor([True]), MeanFieldConfig(max_steps=600))
    torch.testing.assert_close(found.posterior.mean, torch.zeros(3).double(), atol=1e-2, rtol=0)
    torch.testing.assert_close(found.posterior.std, torch.ones(3).double(), atol=1e-2, rtol=0)
    assert found.elbos[-1].item() == pytest.approx(math.log(0.5), abs=1e-3)


def test_the_band_widens_away_from_the_points(problem, fitted):
    near, far = (with_intercept(torch.tensor([[v]])).double() for v in (0.0, 8.0))
    bands = [predict(fitted.posterior, x) for x in (near, far)]
    for band in bands:
        assert band.low <= band.probs <= band.high
    assert bands[0].probs.item() == pytest.approx(
        torch.sigmoid(fitted.posterior.mean[1]).item(), abs=0.05
    )


@BOTH
def test_a_row_is_a_draw(problem, estimator):
    q = MeanField(torch.zeros(2).double(), torch.zeros(2).double())
    rows = gradient_draws(
        q, *problem, estimator=estimator, num_samples=7, generator=torch.Generator()
    )
    assert rows.shape == (7, 4)
    eps = torch.randn(7, 2, generator=torch.Generator(), dtype=torch.float64)
    found = variational._mean_gradient(q, variational._signed(*problem), eps, estimator)
    torch.testing.assert_close(found, rows.mean(0))


def test_wrong_arguments_are_named(problem):
    x, y = problem
    with pytest.raises(ConfigError, match="`num_samples` must be at least 1"):
        MeanFieldConfig(num_samples=0)
    with pytest.raises(ConfigError, match="`learning_rate` must be in"):
        MeanFieldConfig(learning_rate=0.0)
    with pytest.raises(ValueError, match="`features` must be finite"):
        fit_mean_field(x * torch.nan, y)
    q = MeanField(torch.zeros(2).double(), torch.zeros(2).double())
    with pytest.raises(ValueError, match="`num_samples` must be at least 2"):
        gradient_moments(q, x, y, estimator="score", num_samples=1, generator=torch.Generator())
