"""`python -m tests.benchmarks.findings.strategies SET`: are planted shortcuts found?

SET is `shapes` (2,000 images of 32 x 32; every star has a white patch in a corner) or `mnist`
(6,000 images; half, or a fifth, of one class's images have one). For 20 seeds each, a classifier
is trained on the planted images and one on the clean ones. A shortcut is found if a flagged group
of its class consists of planted images in the main. False alarms are counted by class and by set,
on the clean images. *Not used*: the shortcut is reported on the planted images for the classifier
that was trained on the clean ones, which does not rest on it.

Beside it stands a linear probe on patches, which reads the labels of all classes and no model:
logistic regression on each 5 x 5 patch, fitted on one half of the images. A class is flagged if
one patch alone names at least 35 % of its images in the other half at a precision of 99 %, and so
are the images that it names. The limits of both were chosen on seeds from 100.
"""

import argparse
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks import controls, results
from xai_core.attribution.api import attribute
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset
from xai_core.data.shapes import SHORTCUT, draw_shapes
from xai_core.evaluation.strategies.groups import FEWEST, find_strategies
from xai_core.evaluation.strategies.shortcuts import confirm

RUNS, EACH = 20, 300
"""Seeds, and images of a class whose heatmaps are clustered."""
METHOD = "lrp"
CORNER = (..., slice(1, 6), slice(1, 6))
PATCH, STRIDE, NAMES, PRECISION = 5, 3, 0.35, 0.99
PLANTS = {
    "shapes": {"shapes, all stars": 1.0},
    "mnist": {"MNIST, half of a class": 0.5, "MNIST, a fifth of a class": 0.2},
}


def clean_set(which, seed):
    """Return images, labels, and the class that gets the shortcut."""
    if which == "shapes":
        drawn = draw_shapes(2_000, seed=seed, side=32)
        return to_float(drawn.images), drawn.labels, SHORTCUT
    train = load_dataset("mnist").train
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:6_000]
    return to_float(train.images[rows]), train.labels[rows], seed % 10


def planted_set(x, labels, target, share, seed):
    """Draw a patch on a share of the images of a class; return them and where it is."""
    drawn = torch.rand(len(x), generator=torch.Generator().manual_seed(seed)) < share
    where, x = drawn & (labels == target), x.clone()
    patch = x[CORNER]
    x[CORNER] = torch.where(where[:, None, None, None], torch.ones(()), patch)
    return x, where


class Flag(NamedTuple):
    """Flagged rows of a class, the rows that were looked at, and whether it was confirmed."""

    rows: torch.Tensor
    asked: torch.Tensor
    confirmed: float


def by_strategies(x, labels, targets, model):
    """Flag classes by `find_strategies`; labels are not used."""
    decided = torch.cat([model(part).argmax(1) for part in x.split(500)])
    found = {}
    for target in targets:
        asked = torch.where(decided == target)[0][:EACH]
        if len(asked) < FEWEST:
            continue
        maps = [
            attribute(part, forward=model, target=target, method=METHOD).attributions
            for part in x[asked].split(100)
        ]
        groups = find_strategies(x[asked], torch.cat(maps)).groups
        flagged = [group for group in groups if group.flagged]
        if flagged:
            rows = asked[np.concatenate([group.rows for group in flagged])]
            rest, others = asked[~torch.isin(asked, rows)], x[decided != target][:500]
            sure = confirm(
                flagged[0].window, x[rows], x[rest], others, forward=model, target=target
            )
            found[target] = Flag(rows, asked, sure.confirmed)
    return found


def by_probe(x, labels, targets, model):
    """Flag classes by logistic regression on each patch."""
    patches = functional.unfold(x, PATCH, stride=STRIDE).permute(2, 0, 1)
    patches, half = functional.pad(patches, (0, 1), value=1.0), len(x) // 2
    weights = fitted(patches[:, :half], labels[:half], int(labels.max()) + 1)
    probs, found = (patches @ weights).softmax(-1), {}
    for target in targets:
        values, order = probs[:, half:, target].sort(1, descending=True)
        hits = (labels[half:][order] == target).double().cumsum(1)
        places = torch.arange(1, hits.shape[1] + 1)
        named = torch.where(hits / places >= PRECISION, places, 0).amax(1)
        last = (named - 1).clamp(min=0)[:, None]
        recall = hits.gather(1, last)[:, 0].where(named > 0, 0) / hits[0, -1]
        best = int(recall.argmax())
        if recall[best] >= NAMES:
            own = torch.where(labels == target)[0]
            rows = own[probs[best, own, target] >= values[best, last[best]]]
            found[target] = Flag(rows, own, float("nan"))
    return found


def fitted(patches, labels, classes):
    """Fit all regressions at once, (patches, pixels, classes)."""
    weights = torch.zeros(len(patches), patches.shape[2], classes, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=25, line_search_fn="strong_wolfe")
    targets = labels[:, None].expand(-1, len(patches))

    def loss():
        search.zero_grad()
        logits = (patches @ weights).permute(1, 2, 0)
        value = functional.cross_entropy(logits, targets, reduction="sum") / len(labels)
        value = value + 1e-3 * weights.square().sum()
        value.backward()
        return value

    search.step(loss)
    return weights.detach()


def measure(which, seed, ways, scores):
    x, labels, target = clean_set(which, seed)
    classes = int(labels.max()) + 1

    def trained(images):
        return controls.train_classifier(
            images, labels, classes=classes, steps=150, seed=seed, batch=64
        )

    clean = trained(x)
    alarms = {name: len(flags(x, labels, range(classes), clean)) for name, flags in ways.items()}
    for plant, share in PLANTS[which].items():
        images, where = planted_set(x, labels, target, share, seed)
        model = trained(images)
        for name, flags in ways.items():
            flag = flags(images, labels, [target], model).get(target)
            unused = [flag] if flags is by_probe and flag else []
            if flags is not by_probe:
                unused = flags(images, labels, [target], clean)
            values = (*scored(flag, where), alarms[name] / classes, alarms[name] > 0, len(unused))
            one = scores.setdefault(f"{plant}: {name}", [])
            one.append([float(value) for value in values])
            print(seed, plant, name, *(f"{value:.3f}" for value in one[-1]), flush=True)


def scored(flag, where):
    """Return whether a flag found the shortcut, its precision and recall, and `confirmed`."""
    if flag is None:
        return 0, np.nan, np.nan, np.nan
    right = where[flag.rows].double().mean()
    share = where[flag.rows].sum() / where[flag.asked].sum()
    return right > 0.5, right, share, flag.confirmed


def averaged(values):
    known = values[~np.isnan(values)]
    return ("{:.1%}", float(known.mean())) if len(known) else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("set", choices=PLANTS)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    ways = {"strategies": by_strategies, "linear probe": by_probe}
    scores = {}
    for seed in range(options.first_seed, options.first_seed + options.runs):
        measure(options.set, seed, ways, scores)
    if options.first_seed:
        return
    table = results.Table(
        f"strategies_{options.set}", "shortcut found", "flagged images right",
        "planted images flagged", "confirmed", "false alarms, classes", "false alarms, sets",
        "reported though not used",
    )  # fmt: skip
    for name, found in scores.items():
        table.row(name, *map(averaged, np.transpose(found)))
    table.save()


if __name__ == "__main__":
    main()
