"""`python -m tests.benchmarks.findings.diverse`: several counterfactuals of one image.

Each test image gets one target, drawn by a seed. Beside `alternatives`, which starts its searches
in different parts of the target class: the default search from as many random groups of real
codes of the class, without choosing among them. A judge that no search meets, trained here, says
whether each image is of its target.
"""

import argparse
import itertools
import statistics
import time

import torch

from tests.benchmarks import judges, results
from tests.benchmarks.counterfactuals import question
from xai_core.bundle.reading import load_bundle
from xai_core.counterfactual.alternatives import alternatives
from xai_core.counterfactual.api import find_counterfactual
from xai_core.counterfactual.of_bundle import reference_of
from xai_core.counterfactual.reference import Reference
from xai_core.counterfactual.task import CounterfactualConfig

COUNT = 5
STARTS = 8


def different(bundle, x, target, config):
    """Return the counterfactuals that `alternatives` keeps."""
    found = alternatives(bundle, x, target, count=COUNT, starts=STARTS, config=config)
    return found.found.counterfactuals[list(found.kept)]


def seeded(bundle, x, target, config):
    """Return those of the default search from random real images of the class, one per seed."""
    full = reference_of(bundle, "classifier")
    members = full.members(target)
    images = []
    for seed in range(COUNT):
        generator = torch.Generator().manual_seed(seed)
        rows = members[torch.randperm(len(members), generator=generator)[: len(members) // 20]]
        some = Reference(
            images=full.images[rows], classes=full.classes[rows], codes=full.codes[rows]
        )
        found = find_counterfactual(
            x,
            target=target,
            encode=bundle.model.encode_mean,
            decode=bundle.model.decode,
            forward=bundle.classifier,
            prior=bundle.model.prior,
            reference=some,
            config=config,
        )
        images.append(found.counterfactuals[found.converged])
    return torch.cat(images)


def scores(search, bundle, judge, x, targets):
    """Return shares of images with five and of judged right, mean distance, ms of an image."""
    whole, right, apart, times = 0, [], [], []
    for image, target in zip(x, targets.tolist(), strict=True):
        started = time.perf_counter()
        found = search(bundle, image[None], target, CounterfactualConfig(path_points=2))
        times.append(1000 * (time.perf_counter() - started))
        whole += len(found) == COUNT
        right += (judges.judged(judge, found) == target).tolist()
        pairs = itertools.combinations(found, 2)
        apart += [(a - b).abs().sum().item() for a, b in pairs]
    return whole / len(x), statistics.mean(right), statistics.mean(apart), statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", default="checkpoints/mnist")
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    judge = judges.trained(judges.Residual, bundle.dataset)
    x, targets = question(bundle, options.images)
    table = results.Table(
        "diverse", f"images with {COUNT}", "seen as the target", "L1 between two", "time for all"
    )
    searches = {
        f"different starts, {COUNT} of {STARTS} kept": different,
        f"the default search, {COUNT} seeds": seeded,
    }
    for what, search in searches.items():
        search(bundle, x[:1], int(targets[0]), CounterfactualConfig(path_points=2))
        five, right, apart, took = scores(search, bundle, judge, x, targets)
        table.row(
            what, ("{:.1%}", five), ("{:.1%}", right), ("{:.1f}", apart), ("{:.0f} ms", took)
        )
    table.save()


if __name__ == "__main__":
    main()
