"""`python -m tests.benchmarks.findings.influence`: does influence find flipped labels?

1 % of the labels of 20,000 train images of MNIST are flipped, and a classifier is trained on them,
five times. Counted is the share of the flipped labels among the first 1 % of each ranking.
Influence is that of an image on itself, through the last layer, whose gradient for an image with
features f, probabilities p and label y is (p - y) f^T:

- TracIn (Pruthi et al., 2020, https://arxiv.org/abs/2002.08484): the sum over epochs of the
  learning rate times the squared norm of the gradient;
- TRAK (Park et al., 2023, https://arxiv.org/abs/2303.14186): f^T (F^T F)^-1 f (1 - p_y), where F
  holds the features of all images; "with the loss" takes the squared error of p for 1 - p_y.

Beside them stand the loss at the end, the mean loss over epochs, and the share of the ten nearest
images, by features or by codes of the cluster VAE, with another label.
"""

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.data.augmentation import deform
from xai_core.data.preprocessing import to_float
from xai_core.latent_space.index import NeighbourSearch
from xai_core.models.classifier import Classifier
from xai_core.training.loop import one_cycle

RUNS, IMAGES, SHARE, NEIGHBOURS = 5, 20_000, 0.01, 10
EPOCHS, BATCH, RATE = 6, 256, 3e-3
DAMPING = 1e-3
"""Share of the mean eigenvalue added to G^T G."""


def main():
    bundle = load_bundle("checkpoints/mnist")
    images = bundle.dataset.train.images[:IMAGES]
    labels = bundle.dataset.train.labels[:IMAGES].numpy()
    codes, count = bundle.latents[:IMAGES], round(SHARE * IMAGES)
    found = {}
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        flipped = rng.permutation(IMAGES)[:count]
        given = labels.copy()
        given[flipped] = (labels[flipped] + rng.integers(1, 10, count)) % 10
        for name, doubt in rankings(images, torch.from_numpy(given), codes, seed).items():
            order = np.lexsort((rng.random(IMAGES), -doubt))[:count]
            found.setdefault(name, []).append(np.isin(order, flipped).mean())
    table = results.Table("influence", "flipped labels among the first 1 %", "fewest")
    for name, shares in sorted(found.items(), key=lambda item: -np.mean(item[1])):
        table.row(name, ("{:.1%}", float(np.mean(shares))), ("{:.0%}", float(np.min(shares))))
    table.save()


def rankings(images, labels, codes, seed):
    """Train on the labels and score how doubtful each is, by several measures."""
    torch.manual_seed(seed)
    classifier = Classifier(10)
    adam = torch.optim.Adam(classifier.parameters(), lr=RATE)
    cycle = one_cycle(adam, RATE, steps=EPOCHS * (IMAGES // BATCH))
    generator = torch.Generator().manual_seed(seed)
    tracin, losses = torch.zeros(IMAGES), torch.zeros(IMAGES)
    rows = torch.arange(IMAGES)
    for _ in range(EPOCHS):
        classifier.train()
        for batch in torch.randperm(IMAGES, generator=generator).split(BATCH)[: IMAGES // BATCH]:
            x = deform(to_float(images[batch], "cpu"), generator)
            loss = functional.cross_entropy(classifier(x), labels[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
        features, probs = described(classifier, images)
        error = probs - functional.one_hot(labels, 10)
        tracin += cycle.get_last_lr()[0] * error.square().sum(1) * features.square().sum(1)
        losses += -probs[rows, labels].clamp(min=1e-12).log()
    own = probs[rows, labels]
    return {
        "TracIn": tracin.numpy(),
        "TRAK": (leverage(features) * (1 - own)).numpy(),
        "TRAK with the loss": (leverage(features) * error.square().sum(1)).numpy(),
        "loss at the end": -own.clamp(min=1e-12).log().numpy(),
        "mean loss over epochs": losses.numpy(),
        "10 nearest, features": others(features, labels),
        "10 nearest, codes": others(codes, labels),
    }


@torch.no_grad()
def described(classifier, images):
    """Return the inputs of the last layer, with a constant 1, and the probabilities."""
    classifier.eval()
    layers = list(classifier.children())
    body, last = torch.nn.Sequential(*layers[:-1]), layers[-1]
    features = torch.cat([body(to_float(part, "cpu")) for part in images.split(1000)])
    constant = torch.ones(len(features), 1)
    return torch.cat([features, constant], 1), last(features).softmax(1)


def leverage(features):
    """Return f^T (F^T F)^-1 f of each row."""
    gram = features.T @ features
    gram += DAMPING * gram.diagonal().mean() * torch.eye(len(gram))
    return (features @ torch.linalg.inv(gram) * features).sum(1)


def others(points, labels):
    """Return the share of the nearest points with another label."""
    near = NeighbourSearch(points).nearest(points, NEIGHBOURS + 1)[0]
    return (labels[near[:, 1:]] != labels[:, None]).float().mean(1).numpy()


if __name__ == "__main__":
    main()
