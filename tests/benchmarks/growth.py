"""`python -m tests.benchmarks.growth`: time and memory from 10,000 to 1,000,000 images.

The images are MNIST's, deformed. Each part runs in a process of its own; the memory is the peak
of that process, the images, torch and the import of everything included.
"""

import argparse
import concurrent.futures
import dataclasses
import logging
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dashboard.links import PAGES
from tests.benchmarks import results
from tests.benchmarks.compute import timed
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data import augmentation
from xai_core.data.augmentation import deform
from xai_core.data.dataset import Split, build_dataset
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset
from xai_core.latent_space.encoding import Encoding, encode_dataset
from xai_core.latent_space.umap_layout import build_index
from xai_core.models.vae import ElboTerms
from xai_core.training.checkpoint import TrainingState, write_state
from xai_core.training.config import PRESETS, TrainingConfig
from xai_core.training.stages.pseudo_labels import assign_clusters
from xai_core.training.stages.sequence import train_models

SIZES = (10_000, 70_000, 300_000, 1_000_000)
BUNDLE = Path("checkpoints/mnist").absolute()
SCRIPT = Path("dashboard/navigation.py").absolute()
AT_ONCE = 10_000
WARM_UP = 5
"""Steps of a training that are not timed."""


@dataclasses.dataclass(frozen=True)
class Task:
    """The work of one process."""

    size: int
    work: Path
    fitted: int
    steps: int

    @property
    def digits(self):
        """The images and labels, all train images before the test images."""
        return self.work / f"digits-{self.size}.npz"

    @property
    def bundle(self):
        """The bundle that `saving` leaves behind."""
        return self.work / "checkpoints" / f"digits-{self.size}"


class Enough(Exception):  # noqa: N818  no error
    """Stops a training after some steps."""


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.growth", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="images")
    parser.add_argument("--fitted", type=int, default=100_000, help="images UMAP is fitted on")
    parser.add_argument("--steps", type=int, default=40, help="training steps that are timed")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        tasks = [Task(n, Path(work), options.fitted, options.steps) for n in options.sizes]
        found = {task.size: _measured(task, options.only) for task in tasks}
    table = results.Table("growth", *(f"{n:,} images" for n in found))
    for what in dict.fromkeys(what for rows in found.values() for what in rows):
        table.row(what, *(rows.get(what, "-") for rows in found.values()))
    table.save()


def _measured(task, parts):
    """Run the parts one after the other, each in a new process; return their cells."""
    rows, needed = {}, {"index", "saving"} & set(parts)
    for name, part in PARTS.items():
        if name not in parts and name != "images":
            continue
        if name in ("opening", "map", "page") and len(needed) < 2:
            raise SystemExit(f"`{name}` needs `index` and `saving` too")
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
            cells, peak = process.submit(_in_process, part, task).result()
        for what, (template, *numbers) in cells.items():
            rows[what] = (f"{template}, {{:,.0f}} MB", *numbers, peak)
            words = results.as_words(rows[what])
            print(f"{task.size:,}: {what}: {words}", file=sys.stderr, flush=True)
    task.digits.unlink()
    return rows


def _in_process(part, task):
    logging.disable(logging.WARNING)
    cells = part(task)
    unit = 1 if sys.platform == "darwin" else 1024
    return cells, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def images(task):
    """Deform MNIST's train images until there are enough, each time differently."""
    source, generator = load_dataset("mnist").train, torch.Generator().manual_seed(0)
    pixels = torch.empty(task.size, 28, 28, dtype=torch.uint8)
    rows = torch.arange(task.size) % len(source)
    for start in range(0, task.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        made = deform(to_float(source.images[rows[part]]), generator)
        pixels[part] = (made[:, 0] * 255).round().to(torch.uint8)
    np.savez(task.digits, images=pixels.numpy(), labels=source.labels[rows].numpy())
    seconds, _ = timed(lambda: _dataset(task))
    return {"reading and hashing the images": ("{:.1f} s", seconds)}


def guess(task):
    """Make the first guess of the clusters, its layout fitted on `fitted` images."""
    train = _dataset(task).train
    seconds, _ = timed(lambda: assign_clusters(train.images, 10, sample=task.fitted, seed=0))
    fitted = min(task.fitted, len(train))
    return {"first guess": ("{:.0f} s (fitted on {:,})", seconds, fitted)}


def steps(task):
    """Time some steps of the cluster VAE, from a random guess."""
    dataset, deformed, marks = _dataset(task), augmentation.deform, []
    config = TrainingConfig(epochs=1, classifier_epochs=1, critic=None)

    def counted(x, generator):
        marks.append(time.perf_counter())
        if len(marks) > WARM_UP + task.steps:
            raise Enough
        return deformed(x, generator)

    augmentation.deform = counted
    clusters = torch.randn(len(dataset.train), 10).softmax(-1)
    with tempfile.TemporaryDirectory(dir=task.work) as run:
        write_state(Path(run), "assign", TrainingState({"guess": clusters}, [{"seconds": 0.0}]))
        try:
            train_models(dataset, Path(run), model=PRESETS["default"][0], training=config)
        except Enough:
            seconds = (marks[-1] - marks[WARM_UP]) / task.steps
    return {"training steps": ("{:,.0f} images/s", config.batch_size / seconds)}


def encoding(task):
    """Compute q(z|x), q(c|x) and the bound of all images."""
    dataset, model = _dataset(task), load_bundle(BUNDLE).model
    seconds, _ = timed(lambda: encode_dataset(model, dataset.train.images, device="cpu"))
    rate = len(dataset.train) / seconds
    return {"encoding all": ("{:.0f} s ({:,.0f} images/s)", task.size / rate, rate)}


def mean_image(task):
    """Compute the mean image, which heatmaps use as baseline."""
    dataset = _dataset(task)
    seconds, _ = timed(lambda: dataset.mean_image)
    return {"mean image": ("{:.1f} s", seconds)}


def index(task):
    """Build neighbour graph, map and table from the codes of ten Gaussians."""
    dataset, marks = _dataset(task), []
    model = load_bundle(BUNDLE).model
    table, _ = build_index(
        model,
        None,
        dataset,
        device="cpu",
        seed=0,
        encodings=[_codes(task.size, model.config)],
        max_fitted=task.fitted,
        progress=lambda _: marks.append(time.perf_counter()),
    )
    marks.append(time.perf_counter())
    graph, layout, rest = np.diff(marks)
    table.to_parquet(task.work / f"index-{task.size}.parquet")
    return {
        "index: neighbours": ("{:.0f} s", graph),
        "index: map": ("{:.0f} s (UMAP on {:,})", layout, min(task.fitted, task.size)),
        "index: quality and table": ("{:.0f} s", rest),
    }


def saving(task):
    """Write a bundle with its images, and open it as a check."""
    dataset, source = _dataset(task), load_bundle(BUNDLE)
    table = pd.read_parquet(task.work / f"index-{task.size}.parquet")
    seconds, _ = timed(
        lambda: save_bundle(
            task.bundle,
            model=source.model,
            classifier=source.classifier,
            critics=source.critics,
            dataset=dataset,
            index=table,
            history=source.history,
            configs=source.manifest.configs,
            seed=0,
            metrics=source.manifest.metrics,
            device="cpu",
            seconds={},
        )
    )
    size = sum(file.stat().st_size for file in task.bundle.iterdir())
    return {"saving the bundle": ("{:.1f} s for {:,.0f} MB", seconds, size / 1e6)}


def opening(task):
    """Read a bundle, its images and its index of neighbours."""
    seconds, bundle = timed(lambda: load_bundle(task.bundle))
    more, _ = timed(lambda: (bundle.dataset, bundle.latent_index))
    return {"opening the bundle and its images": ("{:.1f} s", seconds + more)}


def map_files(task):
    """Make the files that the map sends to a browser."""
    from dashboard.ui.components.latent_map import files as map_files

    map_files.STATIC = task.work / "static"
    bundle = load_bundle(task.bundle)
    bundle.dataset  # noqa: B018  read now, not while the pictures are drawn
    started = time.perf_counter()
    files = map_files._make(bundle)
    seconds = time.perf_counter() - started
    for thread in threading.enumerate():
        if thread.name == "map pictures":
            thread.join()
    drawing = time.perf_counter() - started - seconds
    sent = sum((files.folder / f"{n}.bin").stat().st_size for n in ("points", "cluster", "label"))
    drawn = len(files.places.order)
    return {
        f"map: points and {len(files.columns)} colourings": (
            "{:.1f} s, {:,} points",
            seconds,
            drawn,
        ),
        "map: a first visit's data": ("{:.2f} MB", sent / 1e6),
        "map: sheets of pictures": ("{:.1f} s", drawing),
    }


def page(task):
    """Run the page of the map without a browser: first, and after a click."""
    from streamlit.testing.v1 import AppTest

    from dashboard.ui.components.latent_map import files as map_files

    map_files.STATIC = task.work / "static"
    os.chdir(task.bundle.parents[1])
    app = AppTest.from_file(str(SCRIPT), default_timeout=600)
    app.query_params["bundle"] = task.bundle.name
    seconds, _ = timed(app.run)
    app.switch_page(PAGES["latent_map"])
    first, _ = timed(app.run)
    clicks = []
    for row in range(5):
        app.session_state["image"] = f"test:{row}"
        clicks.append(timed(app.run)[0])
    assert not app.exception, app.exception[0].message
    return {
        "Home, bundle opened": ("{:.1f} s", seconds),
        "Latent map, first": ("{:.1f} s", first),
        "Latent map, a click": ("{:.2f} s", sorted(clicks)[2]),
    }


PARTS = {
    "images": images,
    "guess": guess,
    "steps": steps,
    "encoding": encoding,
    "mean": mean_image,
    "index": index,
    "saving": saving,
    "opening": opening,
    "map": map_files,
    "page": page,
}


def _dataset(task):
    """Read the images, six of seven for training."""
    with np.load(task.digits, allow_pickle=False) as arrays:
        pixels, labels = (torch.from_numpy(arrays[name]) for name in ("images", "labels"))
    cut = task.size * 6 // 7
    train, test = (
        Split(images=pixels[part], labels=labels[part]) for part in (slice(cut), slice(cut, None))
    )
    names = tuple("0123456789")
    return build_dataset(name=f"digits-{task.size}", train=train, test=test, class_names=names)


def _codes(count, config):
    """Draw codes from one Gaussian per cluster, in place of an encoder."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(*shape, generator=generator)

    clusters = torch.arange(count) % config.num_clusters
    centres = 2 * noise(config.num_clusters, config.latent_dim)
    probs = torch.nn.functional.one_hot(clusters, config.num_clusters).float()
    terms = ElboTerms(*(noise(count) for _ in range(4)))
    mean = centres[clusters] + 0.5 * noise(count, config.latent_dim)
    return Encoding(mean, noise(count, config.latent_dim) - 2, probs, terms)


if __name__ == "__main__":
    main()
