"""`python -m tests.benchmarks.findings.conformal [BUNDLE ...]`: are prediction sets right?

For each of 20 random halves of the test images, one half calibrates and the other is measured.
Beside the sets of `xai_core.evaluation.conformal`: one threshold for all classes, the randomised
scores APS and RAPS (a penalty of 0.01 per class after the first), and what a person would do
without calibration, which is to take all classes of probability 1 - level or more. Printed are the
share of sets that contain the label, that share in the worst class, the mean size and the share of
empty sets, all as means over the halves.
"""

import argparse

import numpy as np

from tests.benchmarks import results
from xai_core.bundle.explained_output import deciding_outputs
from xai_core.bundle.reading import load_bundle
from xai_core.evaluation import conformal

HALVES = 20
LEVELS = (0.9, 0.95, 0.99)


def aps(probs, seed, penalty=0.0):
    """Cumulative probability down to each class, less a random part of its own, negated."""
    order = np.argsort(-probs, 1)
    ranked = np.take_along_axis(probs, order, 1)
    part = np.random.default_rng(seed).random((len(probs), 1))
    scores = ranked.cumsum(1) - part * ranked + penalty * np.arange(probs.shape[1])
    found = np.empty_like(scores)
    np.put_along_axis(found, order, scores, 1)
    return -found


def calibrated(scores, labels, half, level, **options):
    known = conformal.calibrate(scores[half], labels[half], **options)
    return conformal.prediction_sets(known.p_values(scores[~half]), level)


WAYS = {
    "by class": lambda p, y, half, level, seed: calibrated(p, y, half, level),
    "one threshold": lambda p, y, half, level, seed: calibrated(p, y, half, level, by_class=False),
    "APS by class": lambda p, y, half, level, seed: calibrated(aps(p, seed), y, half, level),
    "RAPS by class": lambda p, y, half, level, seed: calibrated(
        aps(p, seed, 0.01), y, half, level
    ),
    "not calibrated": lambda p, y, half, level, seed: p[~half] >= 1 - level,
}


def measured(probs, labels, level, way):
    """Return coverage, coverage of the worst class, mean size and share of empty sets."""
    found = []
    for seed in range(HALVES):
        half = np.random.default_rng(seed).permutation(len(labels)) < len(labels) // 2
        sets = WAYS[way](probs, labels, half, level, seed)
        found.append(conformal.coverage(sets, labels[~half]))
    worst = np.nanmin(np.nanmean([one.by_class for one in found], 0))
    means = [np.mean([getattr(one, n) for one in found]) for n in ("overall", "mean_size")]
    return means[0], worst, means[1], np.mean([one.empty for one in found])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", nargs="*", default=["checkpoints/mnist"])
    table = results.Table("conformal", *(f"{level:.0%}" for level in LEVELS))
    for path in parser.parse_args().bundles:
        bundle = load_bundle(path)
        for output in [one.name for one in deciding_outputs(bundle)]:
            probs = conformal.label_probs(bundle, output, bundle.dataset.test.images)
            labels = bundle.dataset.test.labels.numpy()
            for way in WAYS:
                cells = [
                    ("{:.1%}, worst {:.1%}; {:.2f} classes, {:.1%} empty",
                     *map(float, measured(probs, labels, level, way)))
                    for level in LEVELS
                ]  # fmt: skip
                table.row(f"{bundle.name}, {output}, {way}", *cells)
    table.save()


if __name__ == "__main__":
    main()
