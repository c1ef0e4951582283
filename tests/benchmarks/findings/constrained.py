"""`python -m tests.benchmarks.findings.constrained`: counterfactuals where few pixels may change.

5 % of the pixels of each test image are free, chosen without labels and judges by one of two
rules: those around which the default counterfactual changes most ink, by means of 3 x 3 pixels,
or a disc around an inked pixel that is drawn by a seed. The target is drawn by a seed, or is the
class that the default search reaches with the least ink. Beside the search within these pixels
stands the simple alternative: the default counterfactual, with its change outside them undone. A
judge that no search meets, trained here, says whether an image is of its target.
"""

import argparse
import time

import torch
from torch.nn import functional

from tests.benchmarks import judges, results
from tests.benchmarks.counterfactuals import SEED, question
from xai_core.bundle.reading import load_bundle
from xai_core.counterfactual.of_bundle import counterfactuals
from xai_core.counterfactual.task import CounterfactualConfig

SHARE = 0.05
"""Share of the pixels that may change."""
CONFIG = CounterfactualConfig(path_points=2)


def around_changes(x, default):
    """Return the pixels around which the default counterfactual changes most."""
    change = (default - x).abs().sum(1, keepdim=True)
    smooth = functional.avg_pool2d(change, 3, stride=1, padding=1)
    return _largest(smooth[:, 0])


def disc(x, default):
    """Return a disc around a random pixel with ink."""
    generator = torch.Generator().manual_seed(SEED)
    ink = (x.sum(1) > 0.5).flatten(1).float()
    centre = torch.multinomial(ink, 1, generator=generator)[:, 0]
    height, width = x.shape[-2:]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    down = rows - (centre // width)[:, None, None]
    right = columns - (centre % width)[:, None, None]
    return _largest(-(down.square() + right.square()).float())


def _largest(values):
    """Mark the `SHARE` of each image's pixels with the largest values."""
    flat = values.flatten(1)
    chosen = flat.topk(int(SHARE * flat.shape[1]), dim=1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, chosen, True).view(values.shape)


RULES = {"where the default changes": around_changes, "disc": disc}


def nearest_target(bundle, x, output):
    """Return the class that the default search reaches with the least ink."""
    found = counterfactuals(bundle, x, "all", output=output, config=CONFIG)
    ink = found.l1.where(found.converged, torch.inf).view(len(x), -1)
    return found.target.view(len(x), -1).gather(1, ink.argmin(1, keepdim=True))[:, 0]


def in_output(bundle, labels, output):
    """Return the class of an output that each label names."""
    if output == "classifier":
        return labels
    return torch.tensor([list(bundle.cluster_labels).index(label) for label in labels.tolist()])


def searched(bundle, x, targets, output, free):
    """Search within the free pixels."""
    found = counterfactuals(bundle, x, targets, output=output, allowed=free, config=CONFIG)
    return found.counterfactuals, found.converged


def masked(bundle, x, targets, output, free):
    """Undo the default counterfactual outside the free pixels."""
    default = counterfactuals(bundle, x, targets, output=output, config=CONFIG).counterfactuals
    images = torch.where(free[:, None], default, x)
    again = counterfactuals(bundle, images, targets, output=output, method="nearest")
    reached = again.source_probabilities.gather(1, again.target[:, None])[:, 0]
    return images, reached >= CONFIG.target_probability


def score(search, bundle, judge, x, targets, output, free):
    """Return cells: change outside, reached, judged right of all and of those reached, ms."""
    started = time.perf_counter()
    images, reached = search(bundle, x, targets, output, free)
    took = 1000 * (time.perf_counter() - started) / len(x)
    outside = float((images - x).abs().masked_fill(free[:, None], 0).max())
    labels = targets
    if output == "cluster":
        labels = torch.tensor(bundle.cluster_labels)[targets]
    right = judges.judged(judge, images) == labels
    of_reached = (right & reached).sum() / reached.sum().clamp(min=1)
    return (
        ("{:g}", outside),
        ("{:.1%}", reached.float().mean().item()),
        ("{:.1%}", right.float().mean().item()),
        ("{:.1%}", of_reached.item()),
        ("{:.0f} ms", took),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", default="checkpoints/mnist")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="a preview on 20 images")
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    judge = judges.trained(judges.Residual, bundle.dataset)
    x, labels = question(bundle, 20 if options.quick else options.images)
    table = results.Table(
        "constrained", "change outside", "reached p = 0.99", "seen as the target",
        "of those reached", "time per image",
    )  # fmt: skip
    for output in ("classifier", "cluster"):
        goals = {
            "nearest target": nearest_target(bundle, x, output),
            "random target": in_output(bundle, labels, output),
        }
        for goal, targets in goals.items():
            default = counterfactuals(bundle, x, targets, output=output, config=CONFIG)
            for rule, choose in RULES.items():
                free = choose(x, default.counterfactuals)
                for how, search in {"search": searched, "default masked": masked}.items():
                    what = f"{output}, {goal}, {rule}: {how}"
                    table.row(what, *score(search, bundle, judge, x, targets, output, free))
    table.save()


if __name__ == "__main__":
    main()
