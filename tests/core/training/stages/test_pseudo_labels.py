import numpy as np
import pytest
import torch

from xai_core.data.registry import load_dataset
from xai_core.training.stages import pseudo_labels
from xai_core.training.stages.pseudo_labels import assign_clusters


def test_the_guess_separates_zeros_from_ones_without_labels(monkeypatch):
    held, gradients = [], pseudo_labels.oriented_gradients
    monkeypatch.setattr(pseudo_labels, "AT_ONCE", 130)
    monkeypatch.setattr(
        pseudo_labels, "oriented_gradients", lambda x: held.append(len(x)) or gradients(x)
    )
    train = load_dataset("mnist").train
    chosen = torch.cat([(train.labels == digit).nonzero()[:300, 0] for digit in (0, 1)])
    images, labels = train.images[chosen], train.labels[chosen]
    probs = assign_clusters(images, 2, sample=400, seed=0)
    assert probs.shape == (600, 2)
    torch.testing.assert_close(probs.sum(1), torch.ones(600))
    agreement = (probs.argmax(1) == labels).float().mean()
    assert max(agreement, 1 - agreement) > 0.97
    assert held == [130, 130, 130, 10, 130, 130, 130, 130, 80]  # the sample's, then all


def test_others_take_the_mean_of_their_nearest_in_parts():
    features = np.arange(10.0)[:, None]
    parts = [features[:6], np.concatenate([features[6:], [[3.2], [20.0]]])]
    probs = np.stack([np.arange(10.0), 10 - np.arange(10.0)], 1)
    spread = pseudo_labels._spread(parts, features, np.arange(10), probs, torch.device("cpu"))
    assert np.array_equal(spread[:10], probs) and spread[10:].tolist() == [[3, 7], [7, 3]]


@pytest.mark.parametrize("count", [2, 3, 4, 10])
def test_a_guess_is_made_of_the_fewest_images(count):
    images = torch.randint(256, (count, 1, 28, 28), dtype=torch.uint8)
    probs = assign_clusters(images, 2, sample=60_000, seed=0)
    assert probs.shape == (count, 2)
    torch.testing.assert_close(probs.sum(1), torch.ones(count))
