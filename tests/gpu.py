"""The check of a GPU: `python -m tests.gpu`.

Trains, resumes, encodes, explains and draws on a device, compares with the CPU, prints a table and
writes each result to a JSON file as soon as it is there, so that a step that fails or hangs
loses only itself. `tests/core/test_devices.py` runs it with `--tiny` on a pretend device.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
import torch

import xai_core
from xai_core import METHODS, AttributionConfig
from xai_core.counterfactual.task import Method

ROOT = Path(__file__).parents[1]
IMAGE = "test:18"
TINY = (
    *("--preset", "smoke", "--train-images", "300", "--pseudo-label-images", "300"),
    *("--epochs", "1", "--map-images", "100", "--critic-train-images", "200"),
)


@dataclass
class Check:
    """What the steps share, and what they found.

    Attributes:
        device: Name of the device that is checked.
        bundle: Name or folder of the bundle that is explained.
        tiny: Whether to use the smallest sizes.
        out: The JSON file.
        work: Folder for bundles.
    """

    device: str
    bundle: str
    tiny: bool
    out: Path
    work: Path
    found: dict = field(default_factory=dict)

    def step(self, name, work, limit):
        """Run a step within a number of seconds and write its result or its error."""
        started = time.perf_counter()
        try:
            with at_most(limit):
                result = work(self) or {}
        except Exception as error:  # a failed step must not end the check
            result = {"error": f"{type(error).__name__}: {error}"[-1500:]}
            traceback.print_exc()
        result["wall_s"] = round(time.perf_counter() - started, 2)
        self.found[name] = result
        self.out.write_text(json.dumps(self.found, indent=1), encoding="utf-8")
        print(f"\n== {name}\n{json.dumps(result, indent=1)}", flush=True)

    def sync(self):
        if self.device != "cpu":
            torch.cuda.synchronize()

    def timed(self, work):
        """Return a result and its seconds, the device's work included."""
        self.sync()
        started = time.perf_counter()
        result = work()
        self.sync()
        return result, time.perf_counter() - started

    def on(self, device):
        """Open the bundle on a device."""
        return xai_core.load_bundle(self.bundle, device=device)

    def few(self, count):
        return max(2, count // 32) if self.tiny else count


def other_class(bundle, images):
    """Return the class after the one that the classifier sees, one per image."""
    seen = xai_core.encode(bundle, images).class_probs.argmax(1)
    return (seen + 1) % len(bundle.dataset.class_names)


@contextmanager
def at_most(seconds):
    """Raise TimeoutError after some seconds."""

    def stop(*_):
        raise TimeoutError(f"not finished after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def facts(check):
    """Describe the machine, and measure the two ceilings of the device."""
    found = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "device": check.device,
    }
    if check.device == "cpu":
        return found
    card = torch.cuda.get_device_properties(0)
    found |= {"card": card.name, "memory_gb": round(card.total_memory / 2**30, 1)}
    side = 8192
    one, other = (torch.randn(side, side, device="cuda").bfloat16() for _ in range(2))
    for _ in range(3):
        one @ other
    _, seconds = check.timed(lambda: [one @ other for _ in range(10)])
    found["bf16_product_tflops"] = round(20 * side**3 / seconds / 1e12)
    large = torch.randn(1 << 29, device="cuda")
    copy = torch.empty_like(large)
    _, seconds = check.timed(lambda: [copy.copy_(large) for _ in range(10)])
    found["copy_tb_per_s"] = round(10 * 2 * large.nbytes / seconds / 1e12, 2)
    return found


def trained(check, name, *options, limit=300):
    """Train by the command line and read what the bundle says of it."""
    out = check.work / name
    preset = TINY if check.tiny else ("--preset", "smoke")
    command = [sys.executable, "-m", "xai_core", "train", "--data", "mnist", "--out", str(out)]
    command += [*(options if "--preset" in options else (*preset, *options))]
    command += ["--device", check.device]
    with Watch(check.device) as watch:
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
        wall = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    return summary(out) | watch.seen | {"command_s": round(wall, 1), "said": said(done.stderr)}


def said(text):
    """Keep the warnings of a command."""
    return [line[:300] for line in text.splitlines() if "without a CUDA graph" in line]


def summary(out):
    card = json.loads((out / "manifest.json").read_text())
    scores, health = card["metrics"]["test"], card["metrics"]["health"]
    seconds = {stage: round(value, 2) for stage, value in card["seconds"].items()}
    steps = health.get("vae_steps")
    return {
        "seconds": seconds,
        "all_stages_s": round(sum(seconds.values()), 1),
        "vae_steps_per_s": round(steps / seconds["vae"], 1) if steps else None,
        "accuracy": scores.get("accuracy"),
        "nmi": scores.get("nmi"),
        "elbo": scores.get("elbo"),
        "log_likelihood": scores.get("log_likelihood"),
        "classifier_accuracy": scores.get("classifier_accuracy"),
        "critic": card["metrics"].get("critic"),
        "map": card["metrics"].get("map"),
    }


class Watch:
    """Reads memory and utilisation of the GPU twice a second."""

    def __init__(self, device):
        self.device, self.rows, self.over = device, [], threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _read(self):
        query = ["nvidia-smi", "--query-gpu=memory.used,utilization.gpu"]
        while self.device != "cpu" and not self.over.wait(0.5):
            done = subprocess.run(
                [*query, "--format=csv,noheader,nounits"], capture_output=True, text=True
            )
            self.rows.append([float(part) for part in done.stdout.split("\n")[0].split(",")])

    @property
    def seen(self):
        if not self.rows:
            return {}
        memory, busy = np.array(self.rows).T
        return {"peak_memory_mib": memory.max(), "mean_utilisation_percent": round(busy.mean(), 1)}


def resumed(check):
    """Kill a training in its VAE stage, resume it and compare with the one that ran through."""
    out = check.work / "resumed"
    preset = TINY if check.tiny else ("--preset", "smoke")
    command = [sys.executable, "-m", "xai_core", "train", "--data", "mnist", "--out", str(out)]
    command += preset
    command += ["--device", check.device]
    state = out.parent / f".{out.name}.run" / "vae.safetensors"
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while process.poll() is None and not state.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed = process.returncode == -signal.SIGKILL
    done = subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    whole, again = summary(check.work / "smoke"), summary(out)
    differences = {
        name: abs(whole[name] - again[name])
        for name in ("accuracy", "elbo", "classifier_accuracy")
        if whole[name] is not None and again[name] is not None
    }
    return {"killed": killed, "differences": differences, "seconds": again["seconds"]}


def difference(one, other):
    """Return the largest difference relative to the range of values."""
    one, other = one.double().cpu(), other.double().cpu()
    span = (other.max() - other.min()).clamp(min=1e-12)
    return float(((one - other).abs().max() / span).item())


def encoded(check):
    """Encode all images on the device and on the CPU."""
    device, host = check.on(check.device), check.on("cpu")
    images = torch.cat([device.dataset.train.images, device.dataset.test.images])
    xai_core.encode(device, images[:64])
    one, seconds = check.timed(lambda: xai_core.encode(device, images))
    other, on_cpu = check.timed(lambda: xai_core.encode(host, images))
    a, b = one.encoding, other.encoding
    return {
        "images": len(images),
        "device_s": round(seconds, 2),
        "cpu_s": round(on_cpu, 2),
        "difference": {
            "mean": difference(a.mean, b.mean),
            "cluster_probs": difference(a.cluster_probs, b.cluster_probs),
            "elbo": difference(a.terms.elbo, b.terms.elbo),
        },
        "same_cluster": float((a.clusters == b.clusters).double().mean()),
    }


def explained(check):
    """Compute every attribution method on the device and on the CPU."""
    device, host = check.on(check.device), check.on("cpu")
    images = device.dataset.test.images[: check.few(64)]
    config = AttributionConfig(n_permutations=1) if check.tiny else AttributionConfig()
    rows = {}
    for method in METHODS:
        one, seconds = check.timed(
            lambda m=method: xai_core.attributions(device, images, method=m, config=config)
        )
        one, warm = (
            (one, seconds)
            if check.tiny
            else check.timed(
                lambda m=method: xai_core.attributions(device, images, method=m, config=config)
            )
        )
        other, on_cpu = check.timed(
            lambda m=method: xai_core.attributions(host, images, method=m, config=config)
        )
        a, b = one.attributions, other.attributions
        pairs = [
            np.corrcoef(x.flatten().cpu().numpy(), y.flatten().numpy())[0, 1]
            for x, y in zip(a, b, strict=True)
        ]
        rows[method] = {
            "first_s": round(seconds, 3),
            "device_s": round(warm, 3),
            "cpu_s": round(on_cpu, 3),
            "difference": difference(a, b),
            "lowest_correlation": float(np.nanmin(pairs)),
            "warning": one.warning,
        }
    return rows


def changed(check):
    """Search counterfactuals of several images into all classes, and of one image at a time."""
    found = {}
    images = check.on("cpu").dataset.test.images
    for name in dict.fromkeys((check.device, "cpu")):
        bundle = check.on(name)
        count = check.few(256 if name != "cpu" or check.device == "cpu" else 64)
        targets = other_class(bundle, images[: check.few(32)])
        xai_core.counterfactuals(bundle, images[:1], targets[:1])
        done, seconds = check.timed(
            lambda b=bundle, n=count: xai_core.counterfactuals(b, images[:n], "all")
        )
        single = []
        for row in range(check.few(32)):
            one, target = images[row : row + 1], targets[row : row + 1]
            _, took = check.timed(
                lambda b=bundle, x=one, t=target: xai_core.counterfactuals(b, x, t)
            )
            single.append(took)
        found[name] = {
            "searches": len(done.converged),
            "converged_percent": round(100 * float(done.converged.double().mean()), 2),
            "seconds": round(seconds, 2),
            "median_ms": round(1000 * float(np.median(single)), 1),
            "p95_ms": round(1000 * float(np.quantile(single, 0.95)), 1),
            "l1": round(float(done.l1.double().mean()), 2),
        }
    methods = {}
    bundle = check.on(check.device)
    for method in get_args(Method):
        done, seconds = check.timed(
            lambda m=method: xai_core.counterfactuals(
                bundle, images[: len(targets)], targets, method=m
            )
        )
        methods[method] = {
            "converged": float(done.converged.double().mean()),
            "seconds": round(seconds, 2),
        }
    return found | {"methods": methods}


def verified(check):
    """Run `xai verify` and `xai faithfulness`."""
    found = {}
    commands = {
        "verify": ("verify", check.bundle),
        "faithfulness": (
            *("faithfulness", check.bundle),
            *("--methods", "saliency,lrp,integrated_gradients,critic"),
        ),
        "evaluate": ("evaluate", check.bundle),
    }
    for name, command in commands.items():
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "xai_core", *command, "--device", check.device],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-1500:])
        found[name] = {
            "seconds": round(time.perf_counter() - started, 1),
            "end": (done.stdout + done.stderr)[-700:],
        }
    return found


def moved(check):
    """Open the bundle that the device trained on the device and on the CPU."""
    there, here = (
        xai_core.load_bundle(check.work / "smoke", device=device)
        for device in (check.device, "cpu")
    )
    images = here.dataset.test.images[:64]
    one, other = (xai_core.encode(bundle, images).encoding for bundle in (there, here))
    return {"difference": difference(one.cluster_probs, other.cluster_probs)}


def drawn(check):
    """Draw each notebook figure."""
    from dashboard import notebook

    found = {}
    bundle = check.on(check.device)
    target = int(other_class(bundle, bundle.dataset.images([IMAGE]))[0])
    calls = {
        "latent_map": lambda: notebook.latent_map(bundle, IMAGE),
        "reconstruction": lambda: notebook.reconstruction(bundle, [IMAGE]),
        "bound_terms": lambda: notebook.bound_terms(bundle, IMAGE),
        "clusters": lambda: notebook.clusters(bundle, IMAGE),
        "heatmap": lambda: notebook.heatmap(bundle, [IMAGE], method="lrp"),
        "counterfactual": lambda: notebook.counterfactual(bundle, IMAGE, target=target),
        "walk": lambda: notebook.walk(bundle, 0, 1),
        "prototypes": lambda: notebook.prototypes(bundle),
        "traversals": lambda: notebook.traversals(bundle, IMAGE, 0),
        "labels_in_clusters": lambda: notebook.labels_in_clusters(bundle),
        "report": lambda: notebook.report(bundle, IMAGE),
    }
    for name, call in calls.items():
        _, seconds = check.timed(call)
        found[name] = {"seconds": round(seconds, 2)}
    return found


def layouts(check):
    """Compare the layout of the device with umap-learn's: pseudo-labels on three seeds."""
    from sklearn.metrics import accuracy_score

    from xai_core.evaluation.metrics import fit_cluster_labels
    from xai_core.training.stages.pseudo_labels import assign_clusters

    bundle = check.on("cpu")
    images, labels = bundle.dataset.train.images, bundle.dataset.train.labels
    clusters_of = bundle.model.config.num_clusters
    found = {}
    for seed in range(1 if check.tiny else 3):
        probs, seconds = check.timed(
            lambda s=seed: assign_clusters(
                images, clusters_of, sample=len(images), seed=s, device=check.device
            )
        )
        clusters = probs.argmax(1)
        named = fit_cluster_labels(clusters, labels, clusters_of)[clusters]
        accuracy = round(100 * accuracy_score(labels, named), 2)
        found[f"seed {seed}"] = {"accuracy": accuracy, "seconds": round(seconds, 2)}
    return found


STEPS = {
    "facts": (facts, 60),
    "smoke": (lambda check: trained(check, "smoke"), 150),
    "eager": (lambda check: trained(check, "eager", "--no-cuda-graphs"), 150),
    "float32": (lambda check: trained(check, "float32", "--precision", "32-true"), 150),
    "resume": (resumed, 200),
    "pseudo-labels": (layouts, 120),
    "encode": (encoded, 120),
    "attribution": (explained, 200),
    "counterfactuals": (changed, 200),
    "notebook": (drawn, 120),
    "moved": (moved, 60),
    "commands": (verified, 200),
    "default": (lambda check: trained(check, "default", "--preset", "default"), 240),
}


def main(arguments=None):
    """Run the steps, print them, and end with the number of those that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--bundle", default="mnist")
    parser.add_argument("--tiny", action="store_true", help="the smallest sizes")
    parser.add_argument("--only", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--work", type=Path, required=True, help="an empty folder for bundles")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    check = Check(given.device, given.bundle, given.tiny, given.out, given.work)
    for name in given.only:
        check.step(name, *STEPS[name])
    failed = [name for name, result in check.found.items() if "error" in result]
    print(f"\nfailed: {', '.join(failed) or 'nothing'}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
