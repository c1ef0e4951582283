"""`python -m tests.benchmarks.counterfactuals`: all methods of counterfactuals side by side.

Each test image gets one target, drawn from the classes other than its predicted one by the seed
below. An image counts as converged when the bundle's classifier gives its target at least the
stop probability. Judges (`judges`) are trained here and seen by no search; the triple win is the
share of all images that are converged, given the target by the judge, and nearer to the input in
L1 than the nearest real train image with the target's label.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.benchmarks import controls, judges, results
from xai_core.bundle.reading import load_bundle
from xai_core.counterfactual.of_bundle import certify_images, counterfactuals
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.data.preprocessing import to_float

SEED = 20_226
BUNDLE = Path("checkpoints/mnist")
JUDGES = {
    "residual CNN": judges.Residual,
    "perceptron": judges.Perceptron,
    "transformer": judges.Attention,
}
METHODS = {
    "default": {},
    "nearest": {"method": "nearest"},
    "diffeomorphic": {"method": "diffeomorphic", "max_steps": 1000},
    "diffeomorphic at 0.005": {
        "method": "diffeomorphic",
        "max_steps": 1000,
        "learning_rate": 0.005,
    },
    "pixel": {"method": "pixel"},
}
SLOW = ("diffeomorphic", "diffeomorphic at 0.005", "pixel")


@dataclass
class Scores:
    """One column of the table; `single` and `nine` are median and 95th percentile in ms."""

    images: int
    converged: float
    judged: dict
    l1: float
    l2: float
    nearer: float
    triple: dict
    evaluations: float
    seconds: float
    processor: float
    single: tuple
    nine: tuple


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument("--slow-images", type=int, default=1_000, help="for the plain ascents")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", default=",".join(METHODS), help="keys of METHODS")
    parser.add_argument(
        "--timed",
        type=int,
        default=100,
        help="single images timed, 5 by the plain ascents; 0 for none",
    )
    parser.add_argument("--controls", action="store_true", help="shuffled labels, Clever Hans")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = load_bundle(options.bundle)
    print(f"seed {SEED}, bundle {bundle.digest[:12]}", flush=True)
    panel = {name: judges.trained(kind, bundle.dataset) for name, kind in JUDGES.items()}
    x, target = question(bundle, options.images)
    labels = bundle.dataset.test.labels[: options.images]
    for name, judge in panel.items():
        right = (judges.judged(judge, x) == labels).float().mean()
        print(f"judge `{name}` on the real test images: {right:.2%}")
    columns, nearest = {}, search(bundle, x, target, METHODS["nearest"])[0].l1
    for name in options.methods.split(","):
        count = options.slow_images if name in SLOW else options.images
        found, seconds, processor = search(bundle, x[:count], target[:count], METHODS[name])
        repeats = min(options.timed, 5) if name in SLOW else options.timed
        times = speed(bundle, x, target, METHODS[name], repeats)
        columns[name] = score(found, panel, nearest[:count], seconds, processor, times)
        print(f"\n{name}: {columns[name]}", flush=True)
    table(columns, panel)
    certificate(bundle, target[:100])
    if options.controls:
        controls.report(bundle, panel)


def question(bundle, count):
    """Return the first test images and a random target for each, never its predicted class."""
    images = bundle.dataset.test.images[:count]
    first = len(bundle.dataset.train)
    predicted = torch.from_numpy(bundle.index["predicted"].to_numpy(copy=True))[first:]
    generator = torch.Generator().manual_seed(SEED)
    further = torch.randint(1, 10, (len(bundle.dataset.test),), generator=generator)
    return to_float(images), ((predicted + further) % 10)[:count]


def search(bundle, x, target, settings):
    config = CounterfactualConfig(**settings, path_points=2)
    started, processor = time.perf_counter(), time.process_time()
    found = counterfactuals(bundle, x, target, config=config)
    return found, time.perf_counter() - started, time.process_time() - processor


def score(found, panel, nearest, seconds, processor, times):
    right = {
        name: judges.judged(judge, found.counterfactuals) == found.target
        for name, judge in panel.items()
    }
    nearer = found.l1 < nearest
    won = found.converged & nearer
    triple = {name: share(won & agrees) for name, agrees in right.items()}
    return Scores(
        images=len(found),
        converged=share(found.converged),
        judged={name: share(agrees) for name, agrees in right.items()},
        l1=found.l1.mean().item(),
        l2=found.l2.mean().item(),
        nearer=share(nearer),
        triple={**triple, "all": share(won & torch.stack([*right.values()]).all(0))},
        evaluations=found.evaluations.float().mean().item(),
        seconds=seconds / len(found),
        processor=processor / len(found),
        single=times[0],
        nine=times[1],
    )


def share(claim):
    return 100 * claim.float().mean().item()


def table(columns, panel):
    """Write the scores, one column per method; the stop probability is 0.99 throughout."""
    rows = {
        "test images": lambda s: ("{:,}", s.images),
        "converged, p >= .99 (floor 99.5, goal 100)": lambda s: ("{:.2f} %", s.converged),
        **{
            f"judge `{name}` sees the target (98.5, 99.5)": lambda s, n=name: (
                "{:.2f} %",
                s.judged[n],
            )
            for name in panel
        },
        "mean L1 to the input (65, 60)": lambda s: ("{:.1f}", s.l1),
        "mean L2": lambda s: ("{:.2f}", s.l2),
        "nearer than the nearest real image": lambda s: ("{:.1f} %", s.nearer),
        **{
            f"triple win, judge `{name}` (75, 95)": lambda s, n=name: ("{:.1f} %", s.triple[n])
            for name in [*panel, "all"]
        },
        "gradients per image": lambda s: ("{:.1f}", s.evaluations),
        "bulk, ms per image (6, 2)": lambda s: ("{:.1f}", 1000 * s.seconds),
        "processor time, ms per image": lambda s: ("{:.1f}", 1000 * s.processor),
        "one counterfactual, ms: median, p95 (60, 25)": lambda s: ("{:.0f}, {:.0f}", *s.single),
        "all nine targets, ms: median, p95 (200, 100)": lambda s: ("{:.0f}, {:.0f}", *s.nine),
    }
    written = results.Table("counterfactuals", *columns)
    for title, cell in rows.items():
        written.row(title, *map(cell, columns.values()))
    written.save()


def speed(bundle, x, target, settings, repeats):
    """Time one counterfactual, and all nine of an image: median and 95th percentile, in ms."""
    config, found = CounterfactualConfig(**settings, path_points=2), []
    for wanted in (lambda i: target[i : i + 1], lambda _: "all"):
        wall = []
        for i in range(-3 if repeats else 0, repeats):
            started = time.perf_counter()
            counterfactuals(bundle, x[max(i, 0) : max(i, 0) + 1], wanted(max(i, 0)), config=config)
            wall += [1000 * (time.perf_counter() - started)] if i >= 0 else []
        median = statistics.median(wall) if wall else math.nan
        p95 = statistics.quantiles(wall, n=20)[-1] if repeats > 1 else median
        found.append((median, p95))
    return found


def certificate(bundle, target):
    """Measure how well the first-order law holds at the codes of test images, in float64."""
    images = bundle.dataset.test.images[: len(target)]
    found = certify_images(bundle, images, target=target)
    low, median, high = found.slope.quantile(torch.tensor([0.05, 0.5, 0.95]).double()).tolist()
    written = results.Table("first_order_law", "measured")
    written.row(
        f"slope of the residual, {len(images)} images: median (5 to 95 %)",
        ("{:.3f} ({:.3f} to {:.3f})", median, low, high),
    )
    written.row(
        f"smallest share of a step of length {found.lengths[-1]:g} inside span(U)",
        ("{:.4%}", found.shares[:, -1].min().item()),
    )
    written.save()


if __name__ == "__main__":
    main()
