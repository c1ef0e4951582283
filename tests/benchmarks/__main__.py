"""`python -m tests.benchmarks [--quick]`: what takes how long here, as a Markdown table."""

import argparse
import logging
import os
import platform
import resource
import statistics
import sys
import time
from pathlib import Path

import torch

from tests.benchmarks import attributions, compute, counterfactuals, map, pages, theory, training
from xai_core.attribution import registry
from xai_core.bundle.reading import load_bundle
from xai_core.data.registry import load_dataset

from ..browser import conftest

BUNDLE = Path("checkpoints/mnist")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images and repeats")
    parser.add_argument(
        "--only",
        choices=["compute", "training", "explaining", "pages", "map", "theory"],
        help="one part alone",
    )
    options = parser.parse_args()
    logging.getLogger("xai_core").setLevel(logging.ERROR)  # random guesses do collapse
    print(f"`{' '.join(['python -m tests.benchmarks', *sys.argv[1:]])}`, {machine()}\n")
    print("| what | measured |\n|---|---|")
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if options.only in (None, "compute"):
        for device in devices:
            compute_rows(device, options.quick)
        bundle_rows(options.quick)
    if options.only in (None, "training"):
        for device in devices:
            training_rows(device, options.quick)
    if options.only in (None, "explaining"):
        for device in devices:
            attribution_rows(device, 1 if options.quick else 4)
            counterfactual_rows(device, 50 if options.quick else 250)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row("memory of this process at its peak, until here", f"{peak:,.0f} MB")
    if options.only in (None, "pages"):
        page_rows(1 if options.quick else 5)
    if options.only in (None, "map"):
        map_rows(2 if options.quick else 7)
    if options.only in (None, "theory"):
        for what, milliseconds in theory.reactions(load_bundle(BUNDLE), 3).items():
            row(f"Theory, {what}", f"{milliseconds:.0f} ms")


def compute_rows(device, quick):
    fewer = 2_560 if quick else 12_800
    limit, counts = compute.limit(device), compute.operations()
    row(f"large matrix product in float32, {device}", f"{limit / 1e9:,.0f} GFLOP/s")
    rates = compute.training_rates(device, 60_000 if device == "cuda" else fewer)
    for stage, rate in rates.items():
        share = f", {rate * counts['vae'] / limit:.0%} of that" if stage == "vae" else ""
        row(
            f"training step of `{stage}`, preset default, {device}",
            f"{rate:,.0f} images/s{share}",
        )
    bundle = load_bundle(BUNDLE)
    seconds, count = compute.encoding_seconds(bundle, device, 7_000 if quick else 70_000)
    plain = compute.plain_encoding_seconds(bundle, device, count)
    row(
        f"encoding {count:,} images, {device}: here; a plain loop over a DataLoader",
        f"{seconds:.2f} s ({count / seconds:,.0f} images/s, "
        f"{count * counts['encoding'] / seconds / limit:.0%} of that); {plain:.2f} s",
    )


def training_rows(device, quick):
    if not training.pythae_is_there():
        row(f"training against pythae, {device}", "not measured: `pip install pythae` first")
        return
    images = load_dataset(compute.MNIST).train.images[: 25_600 if device == "cuda" else 2_560]
    found = training.rates(images, device, 1 if quick else 5)
    for deformed, what in ((False, "images as they are"), (True, "each image deformed")):
        here, there = (statistics.median(found[name, deformed]) for name in ("here", "pythae"))
        row(
            f"training the plain VAE (K = 1), {what}, {device}: here; pythae, same networks",
            f"{here:,.0f} images/s; {there:,.0f} images/s "
            f"({training.ratio(found, deformed):.2f} times)",
        )


def attribution_rows(device, seconds):
    bundle = load_bundle(BUNDLE, device=device)
    x, target = attributions.batch(bundle, 64)
    for name in registry.METHODS:
        direct = attributions.captum_call(name, bundle, x, target)
        if direct is not None:
            own = attributions.our_call(name, bundle, x, target)
            ours, theirs = attributions.paired(own, direct, seconds)
            row(
                f"heatmaps of 64 images by `{name}`, {device}, processor time: here; Captum",
                f"{1000 * ours:.0f} ms; {1000 * theirs:.0f} ms ({theirs / ours:.2f} times)",
            )


def counterfactual_rows(device, count):
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
        f"{1000 * single:.1f} ms; {1000 * batched:.1f} ms an image ({single / batched:.1f} times)",
    )


def bundle_rows(quick):
    new, again = compute.opening_seconds(BUNDLE, 1 if quick else 5)
    row("opening the bundle and its images in a new Python", f"{new:.2f} s")
    row("opening it again, every file checked", f"{again:.2f} s")
    for command in (["--help"], ["list"], ["info", str(BUNDLE)]):
        seconds = compute.command_seconds(command, 3 if quick else 9)
        row(f"`xai {' '.join(command)}` in a new Python", f"{seconds:.2f} s")
    placing = compute.placing_seconds(load_bundle(BUNDLE), 5 if quick else 100)
    row("placing one image on the map", f"{1000 * placing:.1f} ms")


def page_rows(repeats):
    with conftest.chromium() as browser:
        cold = pages.cold_start_seconds(browser, repeats)
        first, later = pages.stroke_seconds(browser, repeats)
    row("cold start: from the command to a drawn Home", f"{cold:.2f} s")
    for what, found in (("the first on a fresh server", first), ("a later one", later)):
        row(
            f"Your image, from a stroke's end to all that is said of it, {what}",
            f"{statistics.median(found):.2f} s (most {max(found):.2f} s of {len(found)})",
        )
    with pages.dashboard() as (address, browser):
        times = pages.warm_page_seconds(address, browser, repeats)
        data, frontend, seconds = pages.map_delivery(address, browser)
    for name, (opened, clicked) in times.items():
        row(f"{name}, warm: opened by address; by a click", f"{opened:.2f} s; {clicked:.2f} s")
    row("Latent map, first visit with an empty browser cache, to drawn", f"{seconds:.2f} s")
    row(
        "what it sends: data; Streamlit's frontend",
        f"{data / 1e6:.2f} MB; {frontend / 1e6:.2f} MB",
    )


def map_rows(repeats):
    times, data = map.seconds(repeats)
    row("Latent map of 70,000: data sent on a first visit", f"{data / 1e6:.2f} MB")
    for what, found in times.items():
        least, middle = (1000 * f(found) for f in (min, statistics.median))
        row(
            f"Latent map, {what}: least, median of {len(found)}",
            f"{least:.0f} ms, {middle:.0f} ms",
        )


def row(what, measured):
    print(f"| {what} | {measured} |", flush=True)


def machine():
    parts = [f"{os.cpu_count()} cores", cpu_model(), f"torch {torch.__version__}"]
    parts.append(f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    if hasattr(os, "getloadavg"):
        parts.append(f"load average {os.getloadavg()[0]:.1f} at the start")
    return ", ".join(parts)


def cpu_model():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


main()
