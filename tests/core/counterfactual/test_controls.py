"""Counterfactuals explain the classifier, not the generator: both controls on bars."""

import pytest
import torch

from tests.benchmarks.controls import (
    clever_hans,
    explain,
    fit,
    has_patch,
    patched,
    train_classifier,
)
from xai_core.data.preprocessing import to_float
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE

LEVEL = 1
"""The class that lies level, `-`."""


@pytest.fixture(scope="module")
def bars(tiny_dataset):
    return to_float(tiny_dataset.train.images), tiny_dataset.train.labels


@pytest.fixture(scope="module")
def generator(bars):
    """A VAE that has seen the patch on half of the images, whatever their class."""
    x, _ = bars
    seen = patched(torch.cat([x, x]), torch.arange(2 * len(x)) < len(x))
    config = ClusterVAEConfig(
        num_clusters=1, latent_dim=8, channels=(8, 8, 8), decoder_channels=(8, 8, 8), hidden=32
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ClusterVAE(config)
        fit(model, lambda rows: loss(model, seen[rows]), len(seen), steps=250, learning_rate=5e-3)
    return model.eval().requires_grad_(False), seen


def loss(model, x):
    terms = model.elbo(x)
    return (
        -(terms.reconstruction + 0.05 * (terms.expected_log_prior + terms.entropy_z)).mean() / 784
    )


def test_a_clever_hans_is_found_out(bars, generator):
    x, labels = bars
    model, real = generator
    clever = clever_hans(x, labels, steps=20, classes=2, clever=LEVEL)
    clean = train_classifier(real, labels.repeat(2), classes=2, steps=40, seed=5)
    asked = x[labels != LEVEL]
    by_clever = explain(model, clever, asked, LEVEL, real).counterfactuals
    by_clean = explain(model, clean, asked, LEVEL, real).counterfactuals
    assert not has_patch(asked).any()
    assert has_patch(by_clever).float().mean() >= 0.9
    assert has_patch(by_clean).float().mean() <= 0.05


def test_a_classifier_of_shuffled_labels_fails_the_judge(bars, generator):
    x, labels = bars
    model, _ = generator
    judge = train_classifier(x, labels, classes=2, steps=40, seed=7)
    clean = train_classifier(x, labels, classes=2, steps=40, seed=8)
    shuffled = train_classifier(
        x, labels.roll(1)[torch.arange(len(x)) // 2], classes=2, steps=150, seed=9
    )
    target = 1 - labels
    agree = [
        (judge(explain(model, f, x, target, x).counterfactuals).argmax(1) == target).float().mean()
        for f in (clean, shuffled)
    ]
    assert agree[0] >= 0.95
    assert agree[1] <= 0.7
