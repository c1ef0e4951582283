"""`xai_core/evaluation/metrics.py` and `xai_core/latent_space/encoding.py`."""

import dataclasses
import json
import math

import pytest
import torch

from xai_core.data.dataset import Split, build_dataset
from xai_core.data.preprocessing import to_float
from xai_core.evaluation.health_scores import score_health
from xai_core.evaluation.metrics import (
    Evaluation,
    binarise,
    cluster_accuracy,
    cluster_information,
    evaluate,
    expected_calibration_error,
    fit_cluster_labels,
    log_likelihood,
)
from xai_core.latent_space.encoding import Encoding, classify, encode_dataset, evaluating
from xai_core.models.classifier import Classifier
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE

SMALL = dict(latent_dim=2, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def columns(encoding):
    return [
        *vars(encoding.terms).values(),
        encoding.mean,
        encoding.log_var,
        encoding.cluster_probs,
    ]


def test_encoding_is_the_model_one_batch_at_a_time(tiny_models, tiny_dataset):
    model, _ = tiny_models
    images = tiny_dataset.test.images
    encoding = encode_dataset(model, images, device="cpu", batch_size=7)
    posterior = model.encode(to_float(images))
    torch.testing.assert_close(encoding.mean, posterior.mean)
    torch.testing.assert_close(encoding.log_var, posterior.log_var)
    torch.testing.assert_close(encoding.cluster_probs, posterior.cluster_probs)
    torch.testing.assert_close(encoding.clusters, posterior.cluster_logits.argmax(-1))
    torch.testing.assert_close(encoding.confidence, posterior.cluster_probs.amax(-1))
    expected = model.elbo(to_float(images), generator=generator(), num_samples=100)
    error = 5 * encoding.terms.elbo.std() / math.sqrt(len(images))
    assert (encoding.terms.elbo.mean() - expected.elbo.mean()).abs() < error
    torch.testing.assert_close(encoding.terms.kl_c, expected.kl_c)


def test_encoding_repeats_with_the_seed_and_only_with_it(tiny_models, tiny_dataset):
    model, images = tiny_models[0], tiny_dataset.test.images
    first, again, other = (encode_dataset(model, images, device="cpu", seed=s) for s in (0, 0, 1))
    assert all(map(torch.equal, columns(first), columns(again)))
    assert not torch.equal(first.terms.reconstruction, other.terms.reconstruction)
    assert torch.equal(first.mean, other.mean)


def test_encodings_are_put_together_in_order(tiny_models, tiny_dataset):
    model, images = tiny_models[0], tiny_dataset.test.images
    parts = [encode_dataset(model, part, device="cpu") for part in images.split(15)]
    whole = Encoding.concatenate(parts)
    assert len(whole.mean) == len(whole.terms.elbo) == 20
    torch.testing.assert_close(whole.mean[15:], parts[1].mean)


def test_encoding_leaves_the_model_as_it_was(tiny_models, tiny_dataset):
    classifier = Classifier(2).train()
    with evaluating(classifier):
        assert not classifier.training and not classifier[9].training
    assert classifier.training and classifier[9].training
    one = classify(classifier, tiny_dataset.test.images, device="cpu")
    assert torch.equal(one, classify(classifier, tiny_dataset.test.images, device="cpu"))
    assert one.shape == (20, 2) and classifier.training


def test_cluster_labels_are_one_to_one_and_best():
    clusters = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    labels = torch.tensor([1, 1, 0, 1, 0, 2, 2, 0])
    names = fit_cluster_labels(clusters, labels, 3)
    assert names.tolist() == [1, 0, 2]
    assert cluster_accuracy(clusters, labels, names) == 5 / 8


def test_two_clusters_never_share_a_label():
    """A many-to-one map would score 1 here."""
    clusters, labels = torch.tensor([0, 0, 1, 1, 1]), torch.zeros(5, dtype=torch.int64)
    names = fit_cluster_labels(clusters, labels, 2)
    assert names.tolist() == [-1, 0]
    assert cluster_accuracy(clusters, labels, names) == 3 / 5


def test_empty_clusters_and_more_labels_than_clusters_are_named():
    assert fit_cluster_labels(torch.tensor([2, 2]), torch.tensor([1, 1]), 3)[2] == 1
    assert fit_cluster_labels(torch.tensor([0, 1]), torch.tensor([4, 2]), 2).tolist() == [4, 2]


def test_cluster_information_in_closed_form():
    assert cluster_information(torch.eye(4)) == pytest.approx(math.log(4))
    assert cluster_information(torch.full((7, 3), 1 / 3)) == pytest.approx(0, abs=1e-7)
    same = torch.tensor([[0.9, 0.1]]).expand(5, 2)
    assert cluster_information(same) == pytest.approx(0, abs=1e-7)
    flip = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert cluster_information(flip) == pytest.approx(math.log(2) - entropy, rel=1e-6)


def test_calibration_error_in_closed_form():
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    correct = torch.tensor([True, True, False, False, True, False])
    expected = (4 * abs(0.5 - 0.9) + 2 * abs(0.5 - 0.6)) / 6
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected, rel=1e-6)
    ones = torch.ones(4)
    assert expected_calibration_error(ones, torch.tensor([True] * 4)) == 0
    assert expected_calibration_error(ones, torch.tensor([False] * 4)) == 1


def test_calibration_error_of_calibrated_confidence_vanishes():
    confidence = torch.rand(200_000, generator=generator())
    correct = torch.rand(200_000, generator=generator(1)) < confidence
    assert expected_calibration_error(confidence, correct) < 0.01


def test_binary_images_keep_their_mean():
    grey = torch.tensor([0.0, 0.25, 1.0]).reshape(3, 1, 1, 1).expand(3, 1, 100, 100)
    drawn = binarise(grey, generator())
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn.mean((1, 2, 3)).tolist() == pytest.approx([0, 0.25, 1], abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factorisation", "conditioning", "likelihood"),
    [
        ("c_given_x", "z", "bernoulli"),
        ("c_given_x", "z+c", "gaussian"),
        ("c_given_z", "z+c", "bernoulli"),
        ("c_given_z", "z", "gaussian"),
    ],
)
def test_likelihood_agrees_with_a_grid_over_the_latent(factorisation, conditioning, likelihood):
    """d = 1: log p(x) = log of the integral of sum_c p(x|z, c) p(z|c) / K on a fine grid."""
    config = ClusterVAEConfig(
        **SMALL | {"latent_dim": 1},
        num_clusters=3,
        factorisation=factorisation,
        decoder_conditioning=conditioning,
        likelihood=likelihood,
    )
    model = ClusterVAE(config).eval()
    with torch.no_grad():
        model.latent_encoder[-1].weight.mul_(0.1)
    x = binarise(torch.full((2, 1, 28, 28), 0.3), generator())
    grid = torch.linspace(-9, 9, 301).unsqueeze(-1)
    with torch.inference_mode():
        exact = []
        for image in x:
            images = image.expand(len(grid), 1, 28, 28)
            joint = model.log_likelihood_given_cluster(images, grid) + model.prior.log_joint(grid)
            step = math.log(18 / 300)
            exact.append(joint.double().flatten().logsumexp(0).item() + step)
    found = log_likelihood(model, x, generator=generator(), num_samples=1000)
    assert found.tolist() == pytest.approx(exact, abs=0.25)


def test_likelihood_rises_with_samples_above_the_bound(tiny_models, tiny_dataset):
    model, _ = tiny_models
    x = binarise(to_float(tiny_dataset.test.images), generator())
    few, many = (
        torch.stack(
            [
                log_likelihood(model, x, generator=generator(seed), num_samples=count).mean()
                for seed in range(repeats)
            ]
        ).mean()
        for count, repeats in ((1, 40), (50, 3))
    )
    bound = model.elbo(x, generator=generator(), num_samples=50).elbo.mean()
    assert many > few
    assert many > bound


def test_one_sample_with_a_plain_vae_is_the_bound_itself(tiny_dataset):
    """K = 1: log w at the same z is log p(x|z) + log p(z) - log q(z|x)."""
    model = ClusterVAE(ClusterVAEConfig(**SMALL, num_clusters=1)).eval()
    x = binarise(to_float(tiny_dataset.test.images), generator())
    mean = torch.stack(
        [log_likelihood(model, x, generator=generator(s), num_samples=1) for s in range(60)]
    )
    bound = model.elbo(x, generator=generator(), num_samples=60).elbo
    assert mean.mean().item() == pytest.approx(bound.mean().item(), rel=0.01)


def test_likelihood_needs_a_sample(tiny_models):
    with pytest.raises(ValueError, match="`num_samples` must be at least 1, got 0"):
        log_likelihood(
            tiny_models[0], torch.zeros(1, 1, 28, 28), generator=generator(), num_samples=0
        )


def test_scores_by_hand(tiny_models, tiny_dataset):
    model, classifier = tiny_models
    found = evaluate(
        model,
        classifier,
        tiny_dataset,
        "test",
        device="cpu",
        batch_size=6,
        num_likelihood_images=4,
        num_likelihood_samples=3,
    )
    x, labels = to_float(tiny_dataset.test.images), tiny_dataset.test.labels
    clusters = model.cluster_probs(x).argmax(-1)
    train = model.cluster_probs(to_float(tiny_dataset.train.images)).argmax(-1)
    names = fit_cluster_labels(train, tiny_dataset.train.labels, 2)
    reconstruction = model.reconstruct(x)
    assert found.accuracy == (names[clusters] == labels).float().mean().item()
    distance = (x - reconstruction).abs().sum((1, 2, 3)).mean().item()
    assert found.reconstruction_l1 == pytest.approx(distance, rel=1e-5)
    kept = (model.cluster_probs(reconstruction).argmax(-1) == clusters).float().mean().item()
    assert found.cluster_kept == pytest.approx(kept)
    expected = (classifier(x).argmax(-1) == labels).float().mean().item()
    assert found.classifier_accuracy == pytest.approx(expected)
    assert found.log_likelihood_images == 4 and found.log_likelihood_samples == 3
    assert found.log_likelihood < 0 < found.log_likelihood_standard_error
    total = found.reconstruction + found.expected_log_prior - found.kl_c + found.entropy_z
    assert found.elbo == pytest.approx(total, rel=1e-6)
    assert found.cluster_information <= math.log(2)
    json.dumps(found.as_dict(), allow_nan=False)
    assert None not in found.as_dict().values()


def test_labels_of_the_train_split_name_the_clusters_of_the_test_split(tiny_models, tiny_dataset):
    """With the test labels turned round, a map fitted on the test split would score the same."""
    model, _ = tiny_models
    turned = build_dataset(
        name="turned",
        train=tiny_dataset.train,
        test=Split(images=tiny_dataset.test.images, labels=1 - tiny_dataset.test.labels),
        class_names=("|", "-"),
    )
    straight, other = (
        evaluate(model, None, data, "test", device="cpu", num_likelihood_images=0)
        for data in (tiny_dataset, turned)
    )
    assert straight.accuracy > 0.8
    assert other.accuracy == pytest.approx(1 - straight.accuracy)
    assert other.nmi == pytest.approx(straight.nmi)


def test_what_is_not_there_is_none(tiny_models, tiny_dataset):
    found = evaluate(
        tiny_models[0],
        None,
        tiny_dataset.without_labels(),
        "train",
        device="cpu",
        num_likelihood_images=0,
    ).as_dict()
    missing = {name for name, value in found.items() if value is None}
    may_miss = {field.name for field in dataclasses.fields(Evaluation) if field.default is None}
    of_decoder = {"elbo", "reconstruction", "reconstruction_l1", "cluster_kept", "optimum_gap"}
    assert missing == may_miss - of_decoder - {"agreement"}
    assert {"accuracy", "ece", "classifier_accuracy", "log_likelihood"} <= missing


def test_a_given_encoding_gives_the_same_scores(tiny_models, tiny_dataset):
    model, classifier = tiny_models
    encoding = encode_dataset(model, tiny_dataset.train.images, device="cpu", seed=3)
    settings = dict(device="cpu", seed=3, num_likelihood_images=0)
    found = evaluate(model, classifier, tiny_dataset, "train", encoding=encoding, **settings)
    assert found == evaluate(model, classifier, tiny_dataset, "train", **settings)


def test_an_evaluation_is_frozen(tiny_models, tiny_dataset):
    found = evaluate(
        tiny_models[0], None, tiny_dataset, "test", device="cpu", num_likelihood_images=0
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.elbo = 0.0
    with pytest.raises(ValueError, match="`name` must be 'train' or 'test', got 'dev'"):
        evaluate(tiny_models[0], None, tiny_dataset, "dev", device="cpu")


def test_only_the_images_asked_for_are_reconstructed(tiny_models, tiny_dataset, monkeypatch):
    model, classifier = tiny_models
    decoded, decode = [], model.decode
    monkeypatch.setattr(model, "decode", lambda z, *c: decoded.append(len(z)) or decode(z, *c))
    settings = dict(device="cpu", num_reconstructed_images=3, num_likelihood_images=0)
    found = evaluate(model, classifier, tiny_dataset, "train", **settings)
    health = score_health(model, classifier, tiny_dataset, device="cpu", num_images=3)
    assert [count for count in decoded if count < 100] == [3, 3]  # the others are samples
    assert {found.cluster_kept, health["class_kept"]} <= {0, 1 / 3, 2 / 3, 1}
