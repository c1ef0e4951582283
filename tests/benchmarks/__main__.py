"""`python -m tests.benchmarks [--quick]`: what takes how long here.

Prints Markdown tables and keeps them in `results.json`; with `--write-readme` it measures nothing
and writes the tables of `results.json` into the READMEs.
"""

import argparse
import logging
import resource
import statistics
import time
from pathlib import Path

import torch

from tests.benchmarks import attributions, compute, counterfactuals, map, pages, results, theory
from tests.benchmarks import training as pythae
from xai_core.attribution import registry
from xai_core.bundle.reading import load_bundle
from xai_core.data.registry import load_dataset

from ..browser import conftest

BUNDLE = Path("checkpoints/mnist")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer images and repeats")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="some parts")
    parser.add_argument(
        "--write-readme", action="store_true", help="only write results.json into the READMEs"
    )
    options = parser.parse_args()
    if options.write_readme:
        results.write_readmes()
        return
    logging.getLogger("xai_core").setLevel(logging.ERROR)  # random guesses do collapse
    for name in options.only:
        if name == "training" and not pythae.is_installed():
            print("`training` was not measured: `pip install pythae` first")
            continue
        table = results.Table(name, "measured")
        PARTS[name](table.row, options.quick)
        table.save()


def devices():
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def compute_part(row, quick):
    for device in devices():
        compute_rows(row, device, quick)
    bundle_rows(row, quick)


def training_part(row, quick):
    for device in devices():
        training_rows(row, device, quick)


def explaining_part(row, quick):
    for device in devices():
        attribution_rows(row, device, 1 if quick else 4)
        counterfactual_rows(row, device, 50 if quick else 250)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("memory of this process at its peak", ("{:,.0f} MB", peak))


def theory_part(row, quick):
    for what, milliseconds in theory.reactions(load_bundle(BUNDLE), 1 if quick else 5).items():
        row(what, ("{:.0f} ms", milliseconds))


def compute_rows(row, device, quick):
    fewer = 2_560 if quick else 12_800
    limit, counts = compute.limit(device), compute.operations()
    row(f"large matrix product in float32, {device}", ("{:,.0f} GFLOP/s", limit / 1e9))
    rates = compute.training_rates(device, 60_000 if device == "cuda" else fewer)
    for stage, rate in rates.items():
        cell = ("{:,.0f} images/s", rate)
        if stage == "vae":
            cell = (
                f"{cell[0]}, {{:.0%}} of the product's rate",
                rate,
                rate * counts["vae"] / limit,
            )
        row(f"training step of `{stage}`, preset default, {device}", cell)
    bundle = load_bundle(BUNDLE)
    seconds, count = compute.encoding_seconds(bundle, device, 7_000 if quick else 70_000)
    plain = compute.plain_encoding_seconds(bundle, device, count)
    row(
        f"encoding {count:,} images, {device}: here; a plain loop over a DataLoader",
        (
            "{:.2f} s ({:,.0f} images/s, {:.0%} of the product's rate); {:.2f} s",
            *(seconds, count / seconds, count * counts["encoding"] / seconds / limit, plain),
        ),
    )


def training_rows(row, device, quick):
    images = load_dataset(compute.MNIST).train.images[: 25_600 if device == "cuda" else 2_560]
    found = pythae.rates(images, device, 1 if quick else 5)
    for deformed, what in ((False, "images as they are"), (True, "each image deformed")):
        here, there = (statistics.median(found[name, deformed]) for name in ("here", "pythae"))
        row(
            f"training the plain VAE (K = 1), {what}, {device}: here; pythae, same networks",
            (
                "{:,.0f} images/s; {:,.0f} images/s ({:.2f} times)",
                *(here, there, pythae.ratio(found, deformed)),
            ),
        )


def attribution_rows(row, device, seconds):
    bundle = load_bundle(BUNDLE, device=device)
    x, target = attributions.batch(bundle, 64)
    for name in registry.METHODS:
        direct = attributions.captum_call(name, bundle, x, target)
        if direct is not None:
            own = attributions.our_call(name, bundle, x, target)
            ours, theirs = attributions.paired(own, direct, seconds)
            row(
                f"heatmaps of 64 images by `{name}`, {device}, processor time: here; Captum",
                ("{:.0f} ms; {:.0f} ms ({:.2f} times)", 1000 * ours, 1000 * theirs, theirs / ours),
            )


def counterfactual_rows(row, device, count):
    bundle = load_bundle(BUNDLE, device=device)
    x, target = counterfactuals.question(bundle, count)
    counterfactuals.search(bundle, x[:1], target[:1], {})
    began = time.perf_counter()
    for i in range(count):
        counterfactuals.search(bundle, x[i : i + 1], target[i : i + 1], {})
    single = (time.perf_counter() - began) / count
    batched = counterfactuals.search(bundle, x, target, {})[1] / count
    row(
        f"counterfactuals of {count} images, {device}: one by one; in one batch",
        (
            "{:.1f} ms per image; {:.1f} ms per image ({:.1f} times)",
            *(1000 * single, 1000 * batched, single / batched),
        ),
    )


def bundle_rows(row, quick):
    new, again = compute.opening_seconds(BUNDLE, 1 if quick else 5)
    row("opening the bundle and its images in a new Python", ("{:.2f} s", new))
    row("opening it again, every file checked", ("{:.2f} s", again))
    for command in (["--help"], ["list"], ["info", str(BUNDLE)]):
        seconds = compute.command_seconds(command, 3 if quick else 9)
        row(f"`xai {' '.join(command)}` in a new Python", ("{:.2f} s", seconds))
    placing = compute.placing_seconds(load_bundle(BUNDLE), 5 if quick else 100)
    row("placing one image on the map", ("{:.1f} ms", 1000 * placing))


def pages_part(row, quick):
    repeats = 1 if quick else 5
    with conftest.chromium() as browser:
        cold = pages.cold_start_seconds(browser, repeats)
        first, later = pages.stroke_seconds(browser, repeats)
    row("cold start: from the command to a drawn Home", ("{:.2f} s", cold))
    for what, found in (("first stroke on a fresh server", first), ("later strokes", later)):
        row(
            f"Your image, from the end of a stroke to its full explanation, {what}",
            (
                "median {:.2f} s, slowest {:.2f} s of {}",
                *(statistics.median(found), max(found), len(found)),
            ),
        )
    with pages.dashboard() as (address, browser):
        times = pages.warm_page_seconds(address, browser, repeats)
        data, frontend, seconds = pages.map_delivery(address, browser)
    for name, (opened, clicked) in times.items():
        row(
            f"{name}, warm: opened by its address; by a click",
            ("{:.2f} s; {:.2f} s", opened, clicked),
        )
    row("Latent map, first visit with an empty browser cache", ("{:.2f} s", seconds))
    row(
        "sent on that visit: data; Streamlit's frontend",
        ("{:.2f} MB; {:.2f} MB", data / 1e6, frontend / 1e6),
    )


def map_part(row, quick):
    times, data, frames = map.seconds(2 if quick else 7)
    row("data sent on a first visit, 70,000 images", ("{:.2f} MB", data / 1e6))
    for what, found in times.items():
        least, median = (1000 * f(found) for f in (min, statistics.median))
        row(
            f"{what}: fastest; median of {len(found)}",
            ("{:.0f} ms; {:.0f} ms", least, median),
        )
    row("Play of the replay, 2,000 points", ("{:.0f} frames/s", frames))


PARTS = {
    "compute": compute_part,
    "training": training_part,
    "explaining": explaining_part,
    "pages": pages_part,
    "map": map_part,
    "theory": theory_part,
}

main()
