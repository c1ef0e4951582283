"""`python -m tests.benchmarks.findings.label_errors`: are wrong labels found?

1 % of the labels of the test images are flipped to another label, 20 times, and the share of them
among the first 1 % of each ranking is counted. No model was trained on a test image. Rankings: the
loss of the classifier, as `xai_core.evaluation.label_errors`; that of the clusters; the share of
the 10 nearest codes, train or test, with another label; confident learning (self-confidence and
normalised margin less each class's mean, as cleanlab's `get_label_quality_scores`) on the mean of
classifier and clusters; and the sum of both losses.
"""

import numpy as np

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.evaluation.conformal import label_probs
from xai_core.evaluation.label_errors import label_losses
from xai_core.latent_space.index import NeighbourSearch

RUNS, SHARE, NEIGHBOURS = 20, 0.01, 10


def adjusted(probs, labels):
    """Subtract each class's mean self-confidence, and scale rows to sum 1, as cleanlab does."""
    shifted = probs - [probs[labels == c, c].mean() for c in range(probs.shape[1])]
    shifted += max(shifted.max(), 1)
    return shifted / shifted.sum(1, keepdims=True)


def negated_margin(probs, labels):
    """Return the best other class's probability less that of the label."""
    rows, others = np.arange(len(labels)), probs.copy()
    others[rows, labels] = -np.inf
    return others.max(1) - probs[rows, labels]


def votes(bundle, labels):
    """Return the share of each label among the nearest codes, (test images, labels)."""
    train = len(bundle.dataset.train)
    near, _ = NeighbourSearch(bundle.latents).nearest(bundle.latents[train:], NEIGHBOURS + 1)
    near = near.numpy()
    others = near != np.arange(train, len(bundle.latents))[:, None]
    others &= others.cumsum(1) <= NEIGHBOURS
    own = near[others].reshape(-1, NEIGHBOURS)
    known = bundle.dataset.train.labels.numpy()

    def counted(given):
        of_label = np.concatenate([known, given])[own]
        return np.stack([(of_label == c).mean(1) for c in range(labels)], 1)

    return counted


def main():
    bundle = load_bundle("checkpoints/mnist")
    images, labels = bundle.dataset.test.images, bundle.dataset.test.labels.numpy()
    p, q = (label_probs(bundle, output, images) for output in ("classifier", "cluster"))
    counted, count = votes(bundle, p.shape[1]), round(SHARE * len(labels))
    found = {}
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        flipped = rng.permutation(len(labels))[:count]
        given = labels.copy()
        given[flipped] = (labels[flipped] + rng.integers(1, p.shape[1], count)) % p.shape[1]
        mixed = adjusted((p + q) / 2, given)
        near = counted(given)
        rankings = {
            "loss of the classifier": label_losses(p, given),
            "loss of the clusters": label_losses(q, given),
            "sum of both losses": label_losses(p, given) + label_losses(q, given),
            "confident learning on both, self-confidence": label_losses(mixed, given),
            "confident learning on both, margin": negated_margin(mixed, given),
            "10 nearest codes, share with another label": -near[np.arange(len(given)), given],
            "10 nearest codes, margin": negated_margin(near, given),
        }
        for name, doubt in rankings.items():
            order = np.lexsort((rng.random(len(doubt)), -doubt))[:count]
            found.setdefault(name, []).append(np.isin(order, flipped).mean())
    table = results.Table("label_errors", "flipped labels among the first 1 %", "fewest")
    for name, shares in sorted(found.items(), key=lambda item: -np.mean(item[1])):
        table.row(name, ("{:.1%}", float(np.mean(shares))), ("{:.0%}", float(np.min(shares))))
    table.save()


if __name__ == "__main__":
    main()
