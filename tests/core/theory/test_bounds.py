"""The bounds of one model under both factorisations, and log p(x) where it is known exactly."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from xai_core.data.preprocessing import to_float
from xai_core.evaluation.metrics import binarise, log_likelihood
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.theory.bounds import (
    SAMPLE_COUNTS,
    best_cluster_probs,
    bound_difference,
    bound_given_x,
    bound_given_z,
    cluster_divergence,
    draw,
    evidence_curve,
    inference_gap,
    jensen_sides,
    six_expectations,
)
from xai_core.theory.cluster_choices import (
    IdenticalGaussians,
    cluster_choices,
    cluster_cost,
    loss_of_choice,
)

SMALL = {
    "num_clusters": 3,
    "latent_dim": 2,
    "channels": (4, 4, 4),
    "decoder_channels": (4, 4, 4),
    "hidden": 8,
}
FACTORISATIONS = pytest.mark.parametrize("factorisation", ["c_given_x", "c_given_z"])


def model_of(**config):
    """A random model whose centres lie close enough for responsibilities to be unsure."""
    model = ClusterVAE(ClusterVAEConfig(**SMALL, **config)).eval().requires_grad_(False)
    model.prior.mean.mul_(0.6)
    return model


def images(count=5):
    return (torch.rand(count, 1, 28, 28) < 0.2).float()


def draws_of(model, x, count=64, seed=0):
    return draw(model, x, num_samples=count, generator=torch.Generator().manual_seed(seed))


@FACTORISATIONS
@pytest.mark.parametrize("conditioning", ["z", "z+c"])
def test_both_bounds_are_the_models_own(factorisation, conditioning):
    """Read the way it was trained, a model's bound is what `elbo` averages over equal draws."""
    model, x = model_of(factorisation=factorisation, decoder_conditioning=conditioning), images(3)
    draws = draws_of(model, x, 200)
    own = model.elbo(x, generator=torch.Generator().manual_seed(0), num_samples=200)
    if factorisation == "c_given_z":
        found = bound_given_z(draws)
    else:
        found = bound_given_x(draws, draws.encoder_probs)
    for name in ("reconstruction", "kl_c", "entropy_z"):
        torch.testing.assert_close(
            getattr(found, name), getattr(own, name).double(), rtol=1e-5, atol=1e-5
        )
    close = (
        {"rtol": 1e-5, "atol": 1e-5} if factorisation == "c_given_z" else {"rtol": 0, "atol": 1}
    )
    torch.testing.assert_close(found.expected_log_prior, own.expected_log_prior.double(), **close)


@FACTORISATIONS
def test_every_model_is_read_both_ways(factorisation):
    model, x = model_of(factorisation=factorisation), images(4)
    draws = draws_of(model, x, 9)
    assert draws.z.shape == (9, 4, 2)
    assert draws.given_z.shape == draws.log_likelihood.shape == (9, 4, 3)
    assert (draws.encoder_probs is None) == (factorisation == "c_given_z")
    torch.testing.assert_close(draws.average.sum(-1), torch.ones(4).double())
    assert bound_given_z(draws).elbo.shape == bound_given_x(draws).elbo.shape == (4,)


@FACTORISATIONS
def test_the_difference_is_the_signed_sum_of_six(factorisation, subtests):
    for conditioning in ["z", "z+c"]:
        for choice in ["average", "encoder", "other"]:
            with subtests.test(conditioning=conditioning, choice=choice):
                model, x = (
                    model_of(factorisation=factorisation, decoder_conditioning=conditioning),
                    images(),
                )
                draws = draws_of(model, x)
                probs = {
                    "average": None,
                    "encoder": draws.encoder_probs,
                    "other": torch.rand(5, 3).double().softmax(-1),
                }[choice]
                six = six_expectations(draws, probs)
                direct = bound_given_z(draws).elbo - bound_given_x(draws, probs).elbo
                torch.testing.assert_close(six.difference, direct, rtol=0, atol=1e-9)
                if conditioning == "z":
                    assert six.likelihood_pair.abs().max() < 1e-9


@FACTORISATIONS
@pytest.mark.parametrize("choice", ["average", "other"])
def test_the_difference_is_a_divergence_where_the_decoder_reads_z_alone(factorisation, choice):
    """Two ways: the bounds' terms subtracted, and KL(q(c|x) || p(c|z)) from the mixture."""
    model, x = model_of(factorisation=factorisation), images()
    draws = draws_of(model, x)
    probs = None if choice == "average" else torch.rand(5, 3).double().softmax(-1)
    left, right = six_expectations(draws, probs).difference, cluster_divergence(draws, probs)
    torch.testing.assert_close(left, right, rtol=0, atol=1e-9)
    assert (right >= 0).all() and right.max() > 1e-3


@pytest.mark.slow
def test_the_two_sides_agree_from_draws_of_their_own():
    model, x = model_of(), images()
    left = six_expectations(draws_of(model, x, 4000, seed=1)).difference
    right = cluster_divergence(draws_of(model, x, 4000, seed=2))
    torch.testing.assert_close(left, right, rtol=0.1, atol=5e-3)


def test_a_decoder_that_reads_the_cluster_breaks_the_identity_and_the_sign():
    """q(c|z) = p(c|z) ignores what x says of c, so L can lie below L^."""
    model, x = model_of(decoder_conditioning="z+c"), images()
    model.decoder = Telling(3)
    draws = draws_of(model, x)
    best = torch.nn.functional.one_hot(draws.log_likelihood.mean(0).argmax(-1), 3).double()
    assert (six_expectations(draws, best).difference < 0).all()
    assert (cluster_divergence(draws, best) >= 0).all()


@FACTORISATIONS
def test_the_sign_follows_from_two_divergences_for_every_decoder(factorisation, subtests):
    for conditioning in ["z", "z+c"]:
        for choice in ["average", "other"]:
            with subtests.test(conditioning=conditioning, choice=choice):
                model, x = (
                    model_of(factorisation=factorisation, decoder_conditioning=conditioning),
                    images(),
                )
                if conditioning == "z+c":
                    model.decoder = Telling(3)
                draws = draws_of(model, x)
                probs = None if choice == "average" else torch.rand(5, 3).double().softmax(-1)
                left, right = (
                    six_expectations(draws, probs).difference,
                    bound_difference(draws, probs),
                )
                torch.testing.assert_close(left, right, rtol=0, atol=1e-9)


@pytest.mark.parametrize("conditioning", ["z", "z+c"])
def test_no_other_choice_gives_a_higher_bound_than_the_best(conditioning):
    """For a fixed q(z|x) the bound is a constant minus KL(q(c|x) || q*)."""
    model, x = model_of(decoder_conditioning=conditioning), images()
    if conditioning == "z+c":
        model.decoder = Telling(3)
    draws = draws_of(model, x)
    best = best_cluster_probs(draws)
    highest = bound_given_x(draws, best).elbo
    uniform = torch.full_like(best, 1 / 3)
    certain = torch.nn.functional.one_hot(best.argmax(-1), 3).double()
    for probs in (uniform, certain, draws.average, torch.rand(5, 3).double().softmax(-1)):
        lost = highest - bound_given_x(draws, probs).elbo
        kl = -torch.special.entr(probs).sum(-1) - (probs * best.log()).sum(-1)
        torch.testing.assert_close(lost, kl, rtol=0, atol=1e-9)
        assert (lost >= -1e-9).all()
    assert (highest - bound_given_x(draws, uniform).elbo).max() > 1e-3


class Telling(nn.Module):
    """A decoder that reads c alone: cluster 0 draws ink with 5 %, 1 with 20 %, 2 with 50 %."""

    def __init__(self, clusters):
        super().__init__()
        self.logits = torch.tensor([0.05, 0.2, 0.5]).logit()[:clusters]

    def forward(self, z, cluster_probs):
        return (cluster_probs @ self.logits).reshape(-1, 1, 1, 1).expand(-1, 1, 28, 28)


@FACTORISATIONS
def test_jensens_sides_are_in_order_for_every_image(factorisation):
    draws = draws_of(model_of(factorisation=factorisation), images(20))
    greater, lesser = jensen_sides(draws)
    assert (greater >= lesser - 1e-12).all()
    assert (greater - lesser).max() > 1e-3
    assert (greater <= math.log(3)).all() and (lesser >= -1e-12).all()


def test_jensens_sides_meet_where_the_code_is_certain():
    model = model_of()
    model.latent_encoder = Constant([0.3, -0.1, -40.0, -40.0])
    greater, lesser = jensen_sides(draws_of(model, images()))
    torch.testing.assert_close(greater, lesser, atol=1e-2, rtol=0)


class Constant(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.values = torch.tensor(values)

    def forward(self, x):
        return self.values.expand(len(x), -1)


class LinearGaussian(ClusterVAE):
    """x = W z + b + noise, z ~ N(0, I): log p(x) and p(z|x) are known.

    q(z|x) is the exact posterior's mean with variances of its own.
    """

    def __init__(self, noise=0.5):
        super().__init__(ClusterVAEConfig(**{**SMALL, "num_clusters": 1}, likelihood="gaussian"))
        self.weight = torch.randn(784, 2) * 0.1
        self.shift, self.noise = torch.randn(784) * 0.1, noise
        precision = torch.eye(2) + self.weight.mT @ self.weight / noise**2
        self.covariance = precision.inverse()

    def encode(self, x):
        posterior = super().encode(x)
        centred = x.flatten(1) - self.shift
        mean = centred @ self.weight @ self.covariance / self.noise**2
        log_var = self.covariance.diagonal().log().expand(len(x), -1)
        return type(posterior)(mean, log_var, posterior.cluster_logits)

    def decode_logits(self, z, cluster_probs=None):
        return (z @ self.weight.mT + self.shift).reshape(-1, 1, 28, 28)

    def log_likelihood(self, x, logits):
        squares = ((x - logits) / self.noise).square() + 2 * math.log(self.noise)
        return -0.5 * (squares + math.log(2 * math.pi)).sum((1, 2, 3))

    def exact(self, x):
        covariance = self.weight @ self.weight.mT + self.noise**2 * torch.eye(784)
        return MultivariateNormal(self.shift, covariance).log_prob(x.flatten(1)).double()


@pytest.fixture(scope="module")
def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LinearGaussian().eval().requires_grad_(False)


def test_importance_sampling_finds_the_exact_likelihood(linear):
    x = (torch.randn(4, 2) @ linear.weight.mT + linear.shift).reshape(-1, 1, 28, 28)
    x = x + linear.noise * torch.randn_like(x)
    draws, exact = draws_of(linear, x, 4000), linear.exact(x)
    for image in range(4):
        curve = evidence_curve(draws.log_weights[:, image])
        assert curve.counts == SAMPLE_COUNTS and curve.groups[-1] == 2
        assert curve.mean[-1] == pytest.approx(exact[image].item(), abs=0.05)
        assert curve.low[-1] - 0.02 <= exact[image].item() <= curve.high[-1] + 0.02
    found = log_likelihood(linear, x, generator=torch.Generator().manual_seed(0), num_samples=400)
    torch.testing.assert_close(found.double(), exact, atol=0.05, rtol=0)


def test_the_gap_is_the_divergence_to_the_exact_posterior(linear):
    x = (torch.randn(3, 2) @ linear.weight.mT + linear.shift).reshape(-1, 1, 28, 28)
    draws = draws_of(linear, x, 4000)
    gap = inference_gap(draws, bound_given_z(draws))
    expected = kl_of(linear.covariance.double()).expand(3)
    torch.testing.assert_close(gap, expected, atol=0.05, rtol=0)


def kl_of(covariance):
    """KL(N(m, diag of the covariance) || N(m, covariance))."""
    diagonal = covariance.diagonal()
    return 0.5 * (
        (covariance.inverse().diagonal() * diagonal).sum()
        - len(diagonal)
        + covariance.logdet()
        - diagonal.log().sum()
    )


def test_one_sample_is_the_bound_and_the_mean_never_falls():
    """With a decoder that reads z alone, k = 1 averages to L: q(c|z) is then optimal."""
    model, x = model_of(), images(1)
    draws = draws_of(model, x, 4000)
    curve = evidence_curve(draws.log_weights[:, 0])
    sampled_entropy = -draws.log_posterior.mean(0)
    bound = bound_given_z(draws)
    expected = bound.elbo - bound.entropy_z + sampled_entropy
    assert curve.mean[0] == pytest.approx(expected.item(), abs=1e-6)
    assert all(b >= a - 1e-12 for a, b in zip(curve.mean, curve.mean[1:], strict=False))
    assert all(low <= high for low, high in zip(curve.low, curve.high, strict=True))
    assert 1 <= curve.effective <= 4000
    assert (inference_gap(draws, bound) > -1e-6).all()


def test_fewer_draws_give_a_shorter_curve():
    curve = evidence_curve(torch.randn(250).double())
    assert curve.counts == (1, 5, 10, 50, 100)
    assert curve.groups == (200, 40, 20, 4, 2)


def test_facts_hold_on_a_trained_bundle(tiny_bundle):
    x = binarise(to_float(tiny_bundle.dataset.test.images, tiny_bundle.device),
                 torch.Generator(tiny_bundle.device).manual_seed(0))  # fmt: skip
    draws = draw(tiny_bundle.model, x, num_samples=100,
                 generator=torch.Generator(tiny_bundle.device).manual_seed(0))  # fmt: skip
    greater, lesser = jensen_sides(draws)
    assert (greater >= lesser - 1e-12).all()
    for probs in (None, draws.encoder_probs):
        left = six_expectations(draws, probs).difference
        torch.testing.assert_close(left, cluster_divergence(draws, probs), atol=1e-6, rtol=0)
    assert (inference_gap(draws, bound_given_z(draws)) > -0.5).all()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="`num_samples` must be at least 1"):
        draws_of(model_of(), images(), 0)
    with pytest.raises(ValueError, match="`counts` must each divide the next"):
        evidence_curve(torch.zeros(10).double(), counts=(1, 4, 10))
    with pytest.raises(ValueError, match="not all exceed the 10 draws"):
        evidence_curve(torch.zeros(10).double(), counts=(50,))


def test_no_cluster_posterior_beats_the_best_and_the_loss_is_a_divergence():
    model, x = model_of(decoder_conditioning="z+c"), images()
    model.decoder = Telling(3)
    draws = draws_of(model, x)
    choices = cluster_choices(draws)
    best = bound_given_x(draws, choices["best"]).elbo
    for probs in choices.values():
        loss = best - bound_given_x(draws, probs).elbo
        torch.testing.assert_close(loss, loss_of_choice(draws, probs), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("probs", "paid", "information"),
    [
        (torch.full((4, 4), 0.25), 0.0, 0.0),
        (torch.eye(4)[[0, 0, 0, 0]], math.log(4), 0.0),
        (torch.eye(4), math.log(4), math.log(4)),
    ],
)
def test_the_two_collapses_differ_in_what_is_paid(probs, paid, information):
    cost = cluster_cost(probs)
    assert (cost.paid, cost.information) == pytest.approx((paid, information), abs=1e-9)
    assert cost.unevenness == pytest.approx(paid - information, abs=1e-9)


def test_with_identical_gaussians_the_bound_given_z_is_the_lower_one():
    model = IdenticalGaussians(first=0.9, second=0.1, given_x=0.9)
    assert model.upper == pytest.approx(-1.203973, abs=1e-6)
    assert model.lower == pytest.approx(-0.693147, abs=1e-6)
    assert model.lower == pytest.approx(model.log_evidence)
