"""`xai_core/models/vae.py`: the bound in nats against closed forms, loops and sampling."""

import copy
import dataclasses
import itertools
import math

import pytest
import torch
from safetensors.torch import load, save
from torch.distributions import Independent, Normal, kl_divergence

from xai_core.errors import ConfigError
from xai_core.models.classifier import Classifier
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.distributions import categorical_kl_to_uniform, sample_normal
from xai_core.models.layers import ConvDecoder, ConvEncoder
from xai_core.models.vae import ClusterVAE

SMALL = dict(
    num_clusters=3, latent_dim=2, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16
)
VARIANTS = [
    dict(factorisation=factorisation, likelihood=likelihood, decoder_conditioning=conditioning)
    for factorisation, likelihood, conditioning in itertools.product(
        ("c_given_x", "c_given_z"), ("bernoulli", "gaussian"), ("z", "z+c")
    )
]
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(v.values()))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(**settings):
    """A small model whose scales, variances and beliefs are not all alike."""
    model = ClusterVAE(ClusterVAEConfig(**SMALL | settings)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias") or name == "prior.raw_scale":
                weight.add_(0.3 * torch.randn_like(weight))
    return model


def images(count=4):
    return torch.rand(count, 1, 28, 28, generator=generator(7))


def log_likelihood_by_torch(model, x, z, cluster):
    """log p(x|z, c), by torch.distributions, one cluster for all."""
    probs = torch.eye(model.config.num_clusters)[cluster].expand(len(z), -1)
    reads = model.config.decoder_conditioning == "z+c"
    logits = model.decoder(z, probs) if reads else model.decoder(z)
    if model.config.likelihood == "bernoulli":
        found = x * logits.sigmoid().log() + (1 - x) * (-logits).sigmoid().log()
    else:
        found = Normal(logits.sigmoid(), (0.5 * model.pixel_log_var).exp()).log_prob(x)
    return found.sum((1, 2, 3))


def terms_by_loop(model, x, z):
    """The four terms at one draw, each cluster and each image by itself."""
    posterior, prior, config = model.encode(x), model.prior, model.config
    columns = []
    for row in range(len(x)):
        mean, log_var, here = posterior.mean[row], posterior.log_var[row], z[row]
        q = Independent(Normal(mean, (0.5 * log_var).exp()), 1)
        parts = [
            Independent(Normal(m, s.expand_as(m)), 1)
            for m, s in zip(prior.mean, prior.scale, strict=True)
        ]
        if config.factorisation == "c_given_x":
            probs = posterior.cluster_logits[row].softmax(-1)
            log_prior = [-kl_divergence(q, part) - q.entropy() for part in parts]
        else:
            probs = torch.stack([part.log_prob(here) for part in parts]).softmax(-1)
            log_prior = [part.log_prob(here) for part in parts]
        given = [
            log_likelihood_by_torch(model, x[row : row + 1], z[row : row + 1], cluster)[0]
            for cluster in range(config.num_clusters)
        ]
        kl_c = sum(p * (p.log() + math.log(config.num_clusters)) for p in probs)
        columns.append(
            torch.stack(
                [
                    sum(p * value for p, value in zip(probs, given, strict=True)),
                    sum(p * value for p, value in zip(probs, log_prior, strict=True)),
                    kl_c,
                    q.entropy(),
                ]
            )
        )
    return torch.stack(columns).unbind(-1)


class TestBound:
    @every_variant
    def test_every_term_is_the_loops(self, variant):
        model, x = model_of(**variant), images()
        posterior = model.encode(x)
        z = sample_normal(posterior.mean, posterior.log_var, generator=generator())
        found = model.terms(posterior, x, z)
        expected = terms_by_loop(model, x, z)
        for value, by_hand in zip(vars(found).values(), expected, strict=True):
            assert value.shape == (4,)
            torch.testing.assert_close(value, by_hand, atol=1e-3, rtol=1e-4)
        total = expected[0] + expected[1] - expected[2] + expected[3]
        torch.testing.assert_close(found.elbo, total, atol=2e-3, rtol=1e-4)

    @pytest.mark.slow
    @every_variant
    def test_it_is_the_expectation_of_log_p_minus_log_q(self, variant):
        """By sampling z and c alone: mean of log p(x|z, c) p(z|c) p(c) - log q(z, c|x)."""
        model, x = model_of(**variant), images(1)
        with torch.inference_mode():
            posterior, draws = model.encode(x), 1500
            mean, log_var = (
                part.expand(draws, -1) for part in (posterior.mean, posterior.log_var)
            )
            z = sample_normal(mean, log_var, generator=generator())
            if variant["factorisation"] == "c_given_x":
                probs = posterior.cluster_probs.expand(draws, -1)
            else:
                probs = model.prior.responsibilities(z)
            c = torch.multinomial(probs, 1, generator=generator(1))[:, 0]
            rows, x_many = torch.arange(draws), x.expand(draws, 1, 28, 28)
            log_p = model.log_likelihood_given_cluster(x_many, z) + model.prior.log_joint(z)
            log_q = Normal(mean, (0.5 * log_var).exp()).log_prob(z).sum(-1) + probs[rows, c].log()
            sampled = log_p[rows, c] - log_q
            found = model.elbo(x_many, generator=generator(2)).elbo
        error = 5 * math.sqrt((sampled.var() + found.var()).item() / draws)
        assert found.mean().item() == pytest.approx(sampled.mean().item(), abs=error)

    @pytest.mark.parametrize("factorisation", ["c_given_x", "c_given_z"])
    def test_one_cluster_is_the_plain_vae(self, factorisation):
        """E[log p(x|z)] - KL(q(z|x) || N(0, I)), the divergence in closed form."""
        model, x = model_of(num_clusters=1, factorisation=factorisation), images(1)
        with torch.inference_mode():
            posterior = model.encode(x)
            found = model.elbo(x.expand(4000, 1, 28, 28), generator=generator())
        mean, variance = posterior.mean, posterior.log_var.exp()
        kl = 0.5 * (mean.square() + variance - posterior.log_var - 1).sum()
        rest = found.elbo - found.reconstruction
        torch.testing.assert_close(found.kl_c, torch.zeros(4000))
        error = 5 * rest.std().item() / math.sqrt(4000) + 1e-4
        assert rest.mean().item() == pytest.approx(-kl.item(), abs=error)
        assert not list(model.prior.parameters())
        assert model.cluster_encoder is None

    def test_one_cluster_under_the_first_factorisation_has_no_noise_in_its_divergence(self):
        model, x = model_of(num_clusters=1), images()
        posterior, found = model.encode(x), model.elbo(x, generator=generator())
        reference = Normal(posterior.mean, (0.5 * posterior.log_var).exp())
        kl = kl_divergence(reference, Normal(0.0, 1.0)).sum(-1)
        torch.testing.assert_close(-found.expected_log_prior - found.entropy_z, kl)

    def test_zero_logits_cost_one_bit_per_pixel(self):
        """A mean over pixels would be 784 times too weak, a sum over images 4 times too strong."""
        model, x = model_of(), images()
        last = model.decoder.layers[-2]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
        found = model.elbo(x).reconstruction
        assert found.tolist() == pytest.approx([-784 * math.log(2)] * 4, rel=1e-5)

    def test_an_image_does_not_depend_on_the_rest_of_its_batch(self):
        model, x = model_of(), images()
        posterior = model.encode(x)
        whole = model.terms(posterior, x, posterior.mean)
        alone = model.encode(x[2:3])
        one = model.terms(alone, x[2:3], alone.mean)
        torch.testing.assert_close(whole.elbo[2:3], one.elbo, atol=1e-3, rtol=1e-5)

    @pytest.mark.parametrize("conditioning", ["z", "z+c"])
    def test_reconstruction_and_responsibilities_see_the_same_draw(
        self, conditioning, monkeypatch
    ):
        model, x = model_of(factorisation="c_given_z", decoder_conditioning=conditioning), images()
        seen = {"prior": [], "decoder": []}
        decode, joint = model.decoder.forward, model.prior.log_prob_given_cluster

        def decoding(z, *conditions):
            seen["decoder"].append(z if conditioning == "z" else z[::3])
            return decode(z, *conditions)

        def mixing(z):
            seen["prior"].append(z)
            return joint(z)

        monkeypatch.setattr(model.decoder, "forward", decoding)
        monkeypatch.setattr(model.prior, "log_prob_given_cluster", mixing)
        posterior = model.encode(x)
        seen["prior"].clear()
        monkeypatch.setattr(model, "encode", lambda _: posterior)
        model.elbo(x, generator=generator())
        drawn = sample_normal(posterior.mean, posterior.log_var, generator=generator())
        assert seen["decoder"] and seen["prior"]
        assert all(torch.equal(z, drawn) for z in seen["decoder"] + seen["prior"])

    @pytest.mark.parametrize("factorisation", ["c_given_x", "c_given_z"])
    def test_it_repeats_with_the_generator_and_averages_draws(self, factorisation):
        model, x = model_of(factorisation=factorisation), images()
        first, again = (model.elbo(x, generator=generator()) for _ in range(2))
        assert torch.equal(first.elbo, again.elbo)
        stream = generator()
        three = torch.stack([model.elbo(x, generator=stream).elbo for _ in range(3)]).mean(0)
        averaged = model.elbo(x, generator=generator(), num_samples=3).elbo
        torch.testing.assert_close(averaged, three)

    def test_the_likelihood_may_be_of_another_image_than_the_encoders(self):
        model, x = model_of(), images()
        target = x.round()
        posterior = model.encode(x)
        z = sample_normal(posterior.mean, posterior.log_var, generator=generator())
        found = model.elbo(x, target=target, generator=generator())
        expected = model.log_likelihood(target, model.decode_logits(z))
        torch.testing.assert_close(found.reconstruction, expected)
        torch.testing.assert_close(found.kl_c, model.elbo(x).kl_c)

    @pytest.mark.parametrize("clusters", [2, 3, 10])
    def test_kl_c_lies_between_0_and_ln_k(self, clusters):
        for factorisation in ("c_given_x", "c_given_z"):
            model = model_of(num_clusters=clusters, factorisation=factorisation)
            found = model.elbo(images()).kl_c
            assert (found >= -1e-6).all() and (found <= math.log(clusters) + 1e-6).all()

    def test_a_belief_that_is_flat_is_free_and_one_that_is_sure_costs_ln_k(self):
        model, x = model_of(), images()
        last = model.cluster_encoder[-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
        assert model.elbo(x).kl_c.tolist() == pytest.approx([0] * 4, abs=1e-6)
        with torch.no_grad():
            last.bias[1] = 500.0
        assert model.elbo(x).kl_c.tolist() == pytest.approx([math.log(3)] * 4)

    def test_jensen_holds_for_the_cluster_term(self):
        """E_q(z|x)[KL(q(c|z) || p(c))] >= KL(E_q(z|x)[q(c|z)] || p(c))."""
        model, x = model_of(factorisation="c_given_z"), images()
        posterior = model.encode(x)
        z = posterior.mean + (0.5 * posterior.log_var).exp() * torch.randn(500, 4, 2)
        probs = model.prior.responsibilities(z.flatten(0, 1)).unflatten(0, (500, 4))
        inside = categorical_kl_to_uniform(probs.mean(0))
        outside = categorical_kl_to_uniform(probs.flatten(0, 1)).unflatten(0, (500, 4)).mean(0)
        assert (outside >= inside - 1e-6).all()


class TestDecoder:
    @pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
    def test_every_cluster_at_once_is_the_loop(self, likelihood):
        model, x = model_of(decoder_conditioning="z+c", likelihood=likelihood), images()
        z = torch.randn(4, 2)
        found = model.log_likelihood_given_cluster(x, z)
        loop = [log_likelihood_by_torch(model, x, z, cluster) for cluster in range(3)]
        torch.testing.assert_close(found, torch.stack(loop, -1), atol=1e-3, rtol=1e-5)
        assert found.std(-1).min() > 0

    def test_a_decoder_of_z_says_the_same_for_every_cluster(self):
        model, x = model_of(), images()
        found = model.log_likelihood_given_cluster(x, torch.randn(4, 2))
        assert found.shape == (4, 3)
        assert torch.equal(found[:, 0], found[:, 2])

    @every_variant
    def test_images_are_means_in_0_1(self, variant):
        model = model_of(**variant)
        found = model.decode(torch.randn(5, 2) * 10)
        assert found.shape == (5, 1, 28, 28)
        assert found.min() >= 0 and found.max() <= 1

    def test_without_a_belief_the_responsibilities_decode(self):
        model, z = model_of(decoder_conditioning="z+c"), torch.randn(4, 2)
        expected = model.decode(z, model.prior.responsibilities(z))
        assert torch.equal(model.decode(z), expected)
        assert not torch.equal(model.decode(z, torch.eye(3)[[0] * 4]), expected)

    def test_a_belief_means_nothing_to_a_decoder_of_z(self):
        model, z = model_of(), torch.randn(3, 2)
        assert torch.equal(model.decode(z, torch.eye(3)), model.decode(z))

    @every_variant
    def test_reconstructions_decode_the_means(self, variant):
        model, x = model_of(**variant), images()
        posterior = model.encode(x)
        expected = model.decode(posterior.mean, posterior.cluster_probs)
        assert torch.equal(model.reconstruct(x), expected)


class TestEncoder:
    @every_variant
    def test_shapes_and_beliefs(self, variant):
        model, x = model_of(**variant), images(5)
        posterior = model.encode(x)
        assert posterior.mean.shape == posterior.log_var.shape == (5, 2)
        assert posterior.cluster_probs.shape == (5, 3)
        torch.testing.assert_close(posterior.cluster_probs.sum(-1), torch.ones(5))
        torch.testing.assert_close(model.cluster_probs(x), posterior.cluster_probs)
        torch.testing.assert_close(model.cluster_logits(x), posterior.cluster_logits)

    def test_under_the_second_factorisation_the_prior_names_clusters(self):
        model, x = model_of(factorisation="c_given_z"), images()
        assert model.cluster_encoder is None
        expected = model.prior.responsibilities(model.encode(x).mean)
        torch.testing.assert_close(model.cluster_probs(x), expected)

    def test_log_variances_are_clamped(self):
        model = model_of()
        with torch.no_grad():
            model.latent_encoder[-1].bias[2:] = torch.tensor([1e4, -1e4])
        assert model.encode(images()).log_var.unique().tolist() == [-12.0, 4.0]

    @every_variant
    def test_a_code_far_away_leaves_numbers(self, variant):
        model, x = model_of(**variant), images()
        with torch.no_grad():
            model.latent_encoder[-1].bias[:2] = 1e5
            model.prior.mean.mul_(100)
        found = model.elbo(x)
        assert all(value.isfinite().all() for value in vars(found).values())
        assert model.cluster_probs(x).isfinite().all()
        found.elbo.mean().backward()
        gradients = {n: w.grad for n, w in model.named_parameters() if w.grad is not None}
        assert not [name for name, grad in gradients.items() if not grad.isfinite().all()]

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_blank_and_full_images_leave_numbers(self, value):
        for variant in VARIANTS:
            found = model_of(**variant).elbo(torch.full((2, 1, 28, 28), value))
            assert found.elbo.isfinite().all()


class TestGradients:
    @every_variant
    def test_they_reach_every_parameter(self, variant):
        model = model_of(**variant)
        (-model.elbo(images(16), generator=generator()).elbo.mean()).backward()
        missing = [
            name
            for name, weight in model.named_parameters()
            if weight.grad is None or not weight.grad.abs().sum() > 0
        ]
        assert missing == []

    @every_variant
    def test_every_term_pulls_what_it_depends_on(self, variant):
        model = model_of(**variant)
        means, log_vars = [0, 1], [2, 3]  # of the encoder's last bias
        pulls = {
            "reconstruction": means + log_vars,
            "expected_log_prior": means + log_vars,
            "entropy_z": log_vars,
            "kl_c": [] if model.cluster_encoder else means + log_vars,
        }
        for name, places in pulls.items():
            model.zero_grad()
            getattr(model.elbo(images(), generator=generator()), name).sum().backward()
            pulled = model.latent_encoder[-1].bias.grad
            found = [] if pulled is None else pulled.nonzero()[:, 0].tolist()
            assert found == places, name
            belief = getattr(model.cluster_encoder, "9", None)
            if belief is not None and name in ("expected_log_prior", "kl_c"):
                assert belief.bias.grad.abs().min() > 0
            if name == "entropy_z":
                assert pulled[2:].tolist() == [2.0, 2.0], "half a nat a unit of log_var, 4 images"

    def test_they_are_those_of_differences(self):
        """Of the prior's centres, in float64, by central differences."""
        model, x = model_of(factorisation="c_given_z").double(), images().double()
        posterior = model.encode(x)
        mean, log_var = posterior.mean.double().detach(), posterior.log_var.double().detach()
        z = (mean + (0.5 * log_var).exp() * 0.3).detach()
        frozen = dataclasses.replace(posterior, mean=mean, log_var=log_var)

        def bound():
            found = model.terms(frozen, x, z)
            return (found.expected_log_prior - found.kl_c).sum()

        bound().backward()
        centres, step = model.prior.mean, 1e-5
        for place in itertools.product(range(3), range(2)):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    centres[place] += sign * step
                    values.append(bound().item())
                    centres[place] -= sign * step
            expected = (values[0] - values[1]) / (2 * step)
            assert centres.grad[place].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)

    @pytest.mark.parametrize("factorisation", ["c_given_x", "c_given_z"])
    def test_a_few_steps_raise_the_bound(self, factorisation):
        model, x = model_of(factorisation=factorisation).train(), images(8)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        start = model.elbo(x, generator=generator(), num_samples=8).elbo.mean().item()
        for _ in range(20):
            optimizer.zero_grad()
            (-model.elbo(x, generator=generator()).elbo.mean() / 784).backward()
            optimizer.step()
        assert model.elbo(x, generator=generator(), num_samples=8).elbo.mean().item() > start + 5


class TestWeights:
    @every_variant
    def test_saved_and_loaded_models_say_the_same(self, variant):
        model, x = model_of(**variant), images()
        weights = {name: w.contiguous() for name, w in model.state_dict().items()}
        other = ClusterVAE(ClusterVAEConfig(**dataclasses.asdict(model.config))).eval()
        before = other.elbo(x, generator=generator()).elbo
        other.load_state_dict(load(save(weights)))
        expected, found = (m.elbo(x, generator=generator()) for m in (model, other))
        assert torch.equal(expected.elbo, found.elbo)
        assert not torch.equal(before, found.elbo)
        assert torch.equal(model.reconstruct(x), other.reconstruct(x))

    def test_a_seed_makes_the_weights(self):
        states = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            states.append(ClusterVAE(ClusterVAEConfig(**SMALL)).state_dict())
        first, again, other = states
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["prior.mean"], other["prior.mean"])

    def test_a_prior_that_knows_no_cluster_has_nothing_to_learn(self):
        model = ClusterVAE(ClusterVAEConfig(**SMALL, prior="standard"))
        assert not list(model.prior.parameters())
        assert {"prior.mean", "prior.raw_scale"} <= model.state_dict().keys()


class TestNetworks:
    @pytest.mark.parametrize("channels", [(1, 1, 1), (4, 8, 16)])
    @pytest.mark.parametrize("batch", [1, 3])
    def test_shapes(self, channels, batch):
        assert ConvEncoder(channels, 8, 5)(torch.rand(batch, 1, 28, 28)).shape == (batch, 5)
        decoder = ConvDecoder(3, 2, channels, 8)
        z, conditions = torch.randn(batch, 3), torch.rand(batch, 2)
        assert decoder(z, conditions).shape == decoder(z).shape == (batch, 1, 28, 28)
        assert not torch.equal(decoder(z, conditions), decoder(z))
        assert ConvDecoder(3, 0, channels, 8).from_cluster is None

    def test_no_module_is_used_twice(self):
        """Captum's methods that hook modules need a ReLU of its own for each use."""
        model = ClusterVAE(ClusterVAEConfig(**SMALL))
        relus = [m for m in model.modules() if isinstance(m, torch.nn.ReLU)]
        assert len(relus) == len(set(map(id, relus))) == 4 + 4 + 4
        assert not [m for m in model.modules() if "Norm" in type(m).__name__]

    @pytest.mark.parametrize("classes", [1, 2, 10])
    def test_the_classifier(self, classes):
        classifier, x = Classifier(classes), images()
        assert classifier.num_classes == classes
        assert classifier(x).shape == (4, classes)
        assert not torch.equal(classifier(x), classifier(x)), "dropout is on in training"
        classifier.eval()
        assert torch.equal(classifier(x), classifier(x))
        classifier(x).square().sum().backward()
        assert all(weight.grad.abs().sum() > 0 for weight in classifier.parameters())


class TestConfig:
    def test_sizes_must_be_positive(self, subtests):
        for name in ["num_clusters", "latent_dim", "hidden"]:
            for value in [0, -3]:
                with subtests.test(name=name, value=value):
                    with pytest.raises(
                        ConfigError, match=f"`{name}` must be at least 1, got {value}"
                    ):
                        ClusterVAEConfig(**{name: value})

    @pytest.mark.parametrize("name", ["channels", "decoder_channels"])
    def test_widths_must_be_positive(self, name):
        with pytest.raises(ConfigError, match=f"`{name}` must be at least 1, got 0"):
            ClusterVAEConfig(**{name: (4, 0, 4)})

    @pytest.mark.parametrize(
        ("name", "choices"),
        [
            ("factorisation", "'c_given_x', 'c_given_z'"),
            ("likelihood", "'bernoulli', 'gaussian'"),
            ("decoder_conditioning", "'z', 'z\\+c'"),
            ("prior", "'mixture', 'standard'"),
        ],
    )
    def test_choices_are_named(self, name, choices):
        # set from behind: the annotations, checked while tests run, would refuse it first
        config = ClusterVAEConfig()
        object.__setattr__(config, name, "other")
        with pytest.raises(ConfigError, match=f"`{name}` must be one of {choices}, got 'other'"):
            config.__post_init__()

    def test_it_is_frozen_and_a_wrong_value_is_a_value_error(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ClusterVAEConfig().hidden = 5
        with pytest.raises(ValueError, match="`hidden`"):
            ClusterVAEConfig(hidden=0)


def test_an_encoder_that_reads_c_shifts_the_code_by_it():
    model = model_of(encoder_conditioning="x+c")
    x = images()
    posterior = model.encode(x)
    raw = model.latent_encoder.encoder(x)
    shift = posterior.cluster_probs @ model.latent_encoder.from_cluster.weight.T
    torch.testing.assert_close(posterior.mean, (raw + shift)[:, :2])
    torch.testing.assert_close(model.encode_mean(x), posterior.mean)
    assert not any("given" in name for name in model.state_dict())
    for training in (False, True):
        total = model.train(training).encode_mean(x).square().sum()
        weights = list(model.cluster_encoder.parameters())
        reached = torch.autograd.grad(total, weights, allow_unused=True)
        assert (reached[0] is None) == training
    with pytest.raises(ConfigError, match="`encoder_conditioning` must be 'x' where"):
        ClusterVAEConfig(encoder_conditioning="x+c", factorisation="c_given_z")


def test_a_copy_of_it_reads_its_own_clusters():
    model = model_of(encoder_conditioning="x+c")
    copied = copy.deepcopy(model).double()
    with torch.no_grad():
        model.cluster_encoder[-1].weight.add_(1)
    x = images()
    copied.encode(x.double())
    assert copied.latent_encoder.given[0] is copied.cluster_encoder
    plain = ClusterVAE(model.config)
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(plain.encode(x).mean, model.encode(x).mean)
