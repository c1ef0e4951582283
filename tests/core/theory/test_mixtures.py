"""EM against scikit-learn's, its M-step against closed forms, and singular fits."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from xai_core.errors import ConfigError
from xai_core.theory.mixtures import (
    ConjugatePrior,
    MixtureConfig,
    MixtureParameters,
    fit_gaussian_mixture,
    initial_parameters,
    mixture_states,
    reference_prior,
)

KINDS = ("spherical", "diagonal", "full")
SKLEARN = {"spherical": "spherical", "diagonal": "diag", "full": "full"}
EVERY_KIND = pytest.mark.parametrize("covariance", KINDS)


@pytest.fixture(scope="module")
def points():
    """150 points of three overlapping, stretched Gaussians in the plane."""
    noise = torch.Generator().manual_seed(3)
    shapes = torch.tensor(
        [[[1.0, 0.0], [0.0, 0.3]], [[0.5, 0.4], [0.0, 0.6]], [[0.8, 0], [0, 0.8]]]
    )
    centres = torch.tensor([[0.0, 0.0], [3.0, 1.0], [0.0, 3.0]])
    x = torch.randn(50, 3, 1, 2, generator=noise) @ shapes
    return (x.squeeze(2) + centres).reshape(-1, 2).double()


@EVERY_KIND
def test_it_finds_the_optimum_of_scikit_learn(points, covariance):
    from sklearn.mixture import GaussianMixture

    config = MixtureConfig(
        num_clusters=3, covariance=covariance, max_steps=5000, tolerance=1e-13,
        variance_floor=1e-12,
    )  # fmt: skip
    start = initial_parameters(points, 3, covariance=covariance, seed=1)
    found = fit_gaussian_mixture(points, config, start=start)
    assert found.converged and found.reason == ""
    spread = np.linalg.inv(start.covariances.numpy())
    precisions = {
        "full": spread,
        "diagonal": np.diagonal(spread, axis1=1, axis2=2),
        "spherical": spread[:, 0, 0],
    }[covariance]
    reference = GaussianMixture(
        3,
        covariance_type=SKLEARN[covariance],
        tol=1e-13,
        reg_covar=0,
        max_iter=5000,
        weights_init=start.weights.numpy(),
        means_init=start.means.numpy(),
        precisions_init=precisions,
    ).fit(points.numpy())
    total = reference.score(points.numpy()) * len(points)
    assert found.last.log_likelihood == pytest.approx(total, abs=1e-6)
    np.testing.assert_allclose(found.last.parameters.means, reference.means_, atol=1e-4)
    np.testing.assert_allclose(found.last.parameters.weights, reference.weights_, atol=1e-4)
    np.testing.assert_allclose(
        found.last.responsibilities, reference.predict_proba(points.numpy()), atol=1e-4
    )


@EVERY_KIND
def test_the_objective_never_falls_and_rows_sum_to_one(points, covariance, subtests):
    for mode in ["mle", "map"]:
        with subtests.test(mode=mode):
            prior = reference_prior(points, 5) if mode == "map" else None
            for seed in range(2):
                config = MixtureConfig(
                    num_clusters=5,
                    covariance=covariance,
                    prior=prior,
                    max_steps=60,
                    tolerance=-1.0,
                )
                states = fit_gaussian_mixture(points, config, seed=seed).states
                assert len(states) == 61 and [s.step for s in states] == list(range(61))
                assert all(b.objective >= a.objective - 1e-8 for a, b in pairwise(states))
                for state in states[::20]:
                    assert state.responsibilities.shape == (150, 5)
                    torch.testing.assert_close(
                        state.responsibilities.sum(-1), torch.ones(150, dtype=torch.float64)
                    )
                    assert state.parameters.weights.sum().item() == pytest.approx(1)


@EVERY_KIND
def test_one_component_is_the_sample_mean_and_covariance(points, covariance):
    found = fit_gaussian_mixture(points, MixtureConfig(num_clusters=1, covariance=covariance))
    expected = torch.cov(points.mT, correction=0)
    if covariance != "full":
        expected = torch.diag(expected.diagonal())
    if covariance == "spherical":
        expected = torch.eye(2, dtype=torch.float64) * expected.diagonal().mean()
    torch.testing.assert_close(found.last.parameters.means[0], points.mean(0))
    torch.testing.assert_close(found.last.parameters.covariances[0], expected)


def test_map_of_one_component_is_the_closed_form():
    """x = -1, 1, 3; mean at 0 worth 2 points; degrees 4, scale 5: all by hand."""
    points = torch.tensor([[-1.0], [1.0], [3.0]]).double()
    prior = ConjugatePrior(mean=(0.0,), strength=2.0, degrees=4.0, scale=5.0)
    for covariance in KINDS:
        config = MixtureConfig(num_clusters=1, covariance=covariance, prior=prior)
        last = fit_gaussian_mixture(points, config).last.parameters
        assert last.means.item() == pytest.approx(3 / 5)
        assert last.covariances.item() == pytest.approx((8 + 2 * 3 / 5 + 5) / (4 + 3 + 3))


@EVERY_KIND
@pytest.mark.slow
def test_map_is_the_maximum_that_a_search_finds(covariance):
    from scipy.optimize import minimize

    """The joint mode of mu and Sigma, from its log density alone, and of pi."""
    noise = torch.Generator().manual_seed(0)
    points = torch.randn(9, 2, generator=noise).double()
    prior = ConjugatePrior(mean=(0.5, -1.0), strength=1.5, degrees=5.0, scale=2.0)
    config = MixtureConfig(num_clusters=1, covariance=covariance, prior=prior)
    best = fit_gaussian_mixture(points, config).last

    def objective(values):
        factor = torch.tensor([[np.exp(values[2]), 0.0], [values[4], np.exp(values[3])]])
        if covariance != "full":
            factor[1, 0] = 0
        if covariance == "spherical":
            factor[1, 1] = factor[0, 0]
        parameters = MixtureParameters(
            torch.ones(1, dtype=torch.float64),
            torch.tensor(values[None, :2]),
            (factor @ factor.mT)[None].double(),
        )
        return -next(iter(mixture_states(points, config, parameters))).objective

    search = minimize(objective, np.zeros(5), method="Nelder-Mead",
                      options={"maxiter": 6000, "xatol": 1e-5, "fatol": 1e-8})  # fmt: skip
    assert best.objective == pytest.approx(-search.fun, abs=1e-5)
    assert best.objective >= -search.fun - 1e-6


def test_the_dirichlet_counts_as_points(points):
    prior = ConjugatePrior(mean=(0.0, 0.0), concentration=11.0)
    config = MixtureConfig(num_clusters=3, prior=prior, max_steps=1, tolerance=-1.0)
    first, second = fit_gaussian_mixture(points, config).states
    expected = (first.responsibilities.sum(0) + 10) / (150 + 30)
    torch.testing.assert_close(second.parameters.weights, expected)


@EVERY_KIND
def test_map_is_never_singular_where_maximum_likelihood_is(points, covariance):
    """Two equal points far away: a component of their own has no variance at all."""
    twice = torch.cat([points, torch.full((2, 2), 25.0, dtype=torch.float64)])
    start = initial_parameters(twice, 4, covariance=covariance, seed=0)
    likely = fit_gaussian_mixture(
        twice, MixtureConfig(num_clusters=4, covariance=covariance), start=start
    )
    assert len(likely.last.degenerate) == 1
    assert f"Component {likely.last.degenerate[0]} has shrunk" in likely.reason
    assert "Use a prior" in likely.reason
    assert all(b.objective >= a.objective - 1e-8 for a, b in pairwise(likely.states))
    values = torch.linalg.eigvalsh(likely.last.parameters.covariances)
    assert values.min().item() == pytest.approx(1e-6, rel=1e-3)

    prior = reference_prior(twice, 4)
    config = MixtureConfig(num_clusters=4, covariance=covariance, prior=prior)
    probable = fit_gaussian_mixture(twice, config, start=start)
    assert probable.last.degenerate == () and "shrunk" not in probable.reason
    least = prior.scale / (prior.degrees + 2 * (len(twice) + 1) + 4)
    assert torch.linalg.eigvalsh(probable.last.parameters.covariances).min() > least


def test_all_points_in_one_place_are_survived():
    points = torch.full((6, 2), 3.0)
    found = fit_gaussian_mixture(points, MixtureConfig(num_clusters=2), seed=0)
    assert set(found.last.degenerate) == {0, 1}
    assert np.isfinite(found.last.log_likelihood)


def test_a_component_without_points_stays_and_is_named(points):
    start = initial_parameters(points, 2)
    far = MixtureParameters(
        start.weights, torch.tensor([[0.0, 0.0], [1e4, 1e4]]).double(), start.covariances
    )
    found = fit_gaussian_mixture(points, MixtureConfig(num_clusters=2), start=far)
    assert found.last.empty == (1,)
    assert "no points left" in found.reason
    assert found.last.parameters.means[1].tolist() == [1e4, 1e4]
    assert found.last.parameters.weights[1] < 1e-8


def test_steps_run_out_and_it_is_said(points):
    config = MixtureConfig(num_clusters=3, max_steps=2, tolerance=0.0)
    found = fit_gaussian_mixture(points, config)
    assert not found.converged and "still rising after 2" in found.reason


def test_wrong_arguments_are_named(points):
    with pytest.raises(ConfigError, match="`num_clusters` must be at least 1"):
        MixtureConfig(num_clusters=0)
    with pytest.raises(ConfigError, match="`variance_floor` must be above 0"):
        MixtureConfig(num_clusters=2, variance_floor=0.0)
    with pytest.raises(ConfigError, match="`concentration` must be at least 1"):
        ConjugatePrior(mean=(0.0,), concentration=0.5)
    with pytest.raises(ConfigError, match="`degrees` must be above 1"):
        ConjugatePrior(mean=(0.0, 0.0), degrees=1.0)
    with pytest.raises(ValueError, match="2 points cannot start 3"):
        initial_parameters(points[:2], 3)
    with pytest.raises(ValueError, match="means of shape"):
        fit_gaussian_mixture(points, MixtureConfig(num_clusters=2),
                             start=initial_parameters(points, 3))  # fmt: skip
    with pytest.raises(ValueError, match="`points` must be finite"):
        fit_gaussian_mixture(points * torch.nan, MixtureConfig(num_clusters=1),
                             start=initial_parameters(points, 1))  # fmt: skip
    prior = ConjugatePrior(mean=(0.0,))
    with pytest.raises(ValueError, match=r"`prior.mean` must have 2 numbers"):
        fit_gaussian_mixture(points, MixtureConfig(num_clusters=1, prior=prior))
