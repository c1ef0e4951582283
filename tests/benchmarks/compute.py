"""Measure how fast models train, encode and open, without a browser."""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset
from xai_core.latent_space.encoding import encode_dataset
from xai_core.latent_space.index import LatentIndex
from xai_core.models.vae import ClusterVAE
from xai_core.runtime import Launch
from xai_core.training.checkpoint import TrainingState, write_state
from xai_core.training.config import PRESETS
from xai_core.training.stages.sequence import train_models
from xai_core.training.stages.vae import VAEObjective

MNIST = "mnist"


def training_rates(device, count):
    """Return the images/s of each stage in its second epoch, from a random pseudo-labels."""
    model, training = PRESETS["default"]
    twice = {"epochs": 2, "min_steps": 1, "classifier_epochs": 2, "classifier_min_steps": 1}
    critic = replace(training.critic, min_steps=1)
    training = replace(training, train_images=count, critic=critic, **twice)
    guess = torch.randn(count, model.num_clusters).softmax(-1)
    marks = {}

    def mark(progress):
        second_epoch = progress.done > progress.total // 2
        if second_epoch:
            marks.setdefault(progress.stage, []).append((time.perf_counter(), progress.done))

    with tempfile.TemporaryDirectory() as run:
        write_state(Path(run), "assign", TrainingState({"guess": guess}, []))
        train_models(
            load_dataset(MNIST),
            Path(run),
            model=model,
            training=training,
            launch=Launch(device=device),
            on_progress=mark,
        )
    return {
        stage: training.batch_size * (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0])
        for stage, times in marks.items()
        if len(times) > 1
    }


def encoding_seconds(bundle, device, count):
    """Time q(z|x), q(c|x) and the bound of `count` images, as `xai encode` computes them."""
    images = torch.cat([bundle.dataset.train.images, bundle.dataset.test.images])[:count]
    model = bundle.model.to(device)
    encode_dataset(model, images[:2000], device=device)
    seconds, _ = timed(lambda: encode_dataset(model, images, device=device))
    bundle.model.to("cpu")
    return seconds, len(images)


@torch.inference_mode()
def plain_encoding_seconds(bundle, device, count):
    """Time the same work as a plain loop over a DataLoader, in batches of 256."""
    images = torch.cat([bundle.dataset.train.images, bundle.dataset.test.images])[:count]
    model, found = bundle.model.to(device), []

    def loop():
        for (batch,) in DataLoader(TensorDataset(images), batch_size=256):
            x = to_float(batch, device)
            posterior = model.encode(x)
            z = posterior.mean + (0.5 * posterior.log_var).exp() * torch.randn_like(posterior.mean)
            elbo = model.terms(posterior, x, z).elbo
            found.append([t.cpu() for t in (posterior.mean, posterior.cluster_probs, elbo)])
        return [torch.cat(parts) for parts in zip(*found, strict=True)]

    seconds, _ = timed(loop)
    bundle.model.to("cpu")
    return seconds


def limit(device):
    """Return the operations per second of a large matrix product in float32."""
    side = 8192 if device == "cuda" else 2048
    a, b = torch.randn(2, side, side, device=device)

    def product():
        for _ in range(5):
            a @ b
        if device == "cuda":
            torch.cuda.synchronize()

    product()
    return 5 * 2 * side**3 / min(timed(product)[0] for _ in range(3))


def operations(count=64):
    """Return the operations per image of a training step and of encoding, preset default."""
    config, training = PRESETS["default"]
    objective = VAEObjective(ClusterVAE(config), training)
    x = torch.rand(count, 1, 28, 28)
    guess = torch.rand(count, config.num_clusters).softmax(-1)
    eps = torch.randn(count, config.latent_dim)
    with FlopCounterMode(display=False) as step:
        objective(x, eps, x, guess).backward()
    with FlopCounterMode(display=False) as encoding, torch.no_grad():
        posterior = objective.model.encode(x)
        objective.model.terms(posterior, x, posterior.mean)
    return {
        "vae": step.get_total_flops() / count,
        "encoding": encoding.get_total_flops() / count,
    }


def opening_seconds(path, repeats):
    """Time opening a bundle with all checks: in a new process with its images, and again."""
    script = f"import xai_core; xai_core.load_bundle({str(path)!r}).dataset"
    command = [sys.executable, "-c", script]
    new = [timed(lambda: subprocess.run(command, check=True))[0] for _ in range(repeats)]
    again = [timed(lambda: load_bundle(path))[0] for _ in range(repeats)]
    return statistics.median(new), statistics.median(again)


def command_seconds(command, repeats):
    """Time a line for the shell from its start to its end, in a new process each."""
    line = [sys.executable, "-m", "xai_core", *command]
    done = {"check": True, "stdout": subprocess.DEVNULL}
    return statistics.median(
        timed(lambda: subprocess.run(line, **done))[0] for _ in range(repeats)
    )


@torch.inference_mode()
def placing_seconds(bundle, repeats):
    """Time one image from its bytes to its position on the map."""
    index, dim = bundle.index, bundle.model.config.latent_dim
    latents = torch.tensor(index[[f"mean_{axis}" for axis in range(dim)]].to_numpy())
    known = LatentIndex(latents, torch.tensor(index[["umap_x", "umap_y"]].to_numpy()))
    images = bundle.dataset.test.images

    def place(row):
        return known.place(bundle.model.encode(to_float(images[row : row + 1], "cpu")).mean)

    place(0)
    return statistics.median(timed(lambda row=row: place(row))[0] for row in range(repeats))


def timed(call):
    """Return seconds and result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result
