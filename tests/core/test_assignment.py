import torch

from xai_core.assignment import assign_clusters
from xai_core.data.sources import load_dataset


def test_the_guess_separates_zeros_from_ones_without_labels():
    train = load_dataset("mnist").train
    chosen = torch.cat([(train.labels == digit).nonzero()[:300, 0] for digit in (0, 1)])
    images, labels = train.images[chosen], train.labels[chosen]
    probs = assign_clusters(images, 2, sample=400, seed=0)
    assert probs.shape == (600, 2)
    torch.testing.assert_close(probs.sum(1), torch.ones(600))
    agreement = (probs.argmax(1) == labels).float().mean()
    assert max(agreement, 1 - agreement) > 0.97
