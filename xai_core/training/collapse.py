"""Small trainings with and without the cluster term, recorded per epoch for a replay.

The same networks, images and seed are trained three times: on the bound alone, with a decoder
conditioned on c and a prior p(z) that is not; on the bound alone, with the prior p(z|c) of the
default model; and the latter with the term that makes q(c|x) separate images. The recording holds
q(c|x) and the bound of the same test images after every epoch.

References:
    Deep Unsupervised Clustering with Gaussian Mixture Variational Autoencoders (Dilokthanakul
    et al., 2016), https://arxiv.org/abs/1611.02648, where the collapse is described.
"""

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .._types import Images, Labels
from .._version import __version__
from ..atomic_write import atomic_write
from ..bundle.migrations import RENAMED
from ..data.dataset import Dataset
from ..data.preprocessing import to_float
from ..errors import ConfigError, DataError
from ..evaluation.metrics import (
    binarise,
    cluster_accuracy,
    fit_cluster_labels,
)
from ..latent_space.encoding import evaluating
from ..models.config import ClusterVAEConfig
from ..models.vae import ClusterVAE
from ..runtime import Launch
from ..theory.cluster_choices import cluster_cost
from .checkpoint import read_state
from .config import TrainingConfig
from .progress import EpochMetrics
from .stages.sequence import train_models
from .stages.table import VAE

__all__ = [
    "RECIPES",
    "Price",
    "Recipe",
    "Recording",
    "last_common_epoch",
    "mean_price",
    "read_all_seeds",
    "read_collapse",
    "record_collapse",
]

RECORDED = Path(__file__).parent / "recorded" / "collapse.parquet"
"""The recording shipped with the library."""
OTHER_SEEDS = "seed_*.parquet"
"""Recordings of the same trainings from other seeds, in the same folder; last epochs only."""
TERMS = ("elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z")
DRAWS = 8
"""Draws of z per image, for its bound."""
PURE = ClusterVAEConfig(
    decoder_conditioning="z+c",
    prior="standard",
    channels=(16, 32, 32),
    decoder_channels=(16, 16, 32),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One of the trainings compared.

    Attributes:
        title: Title in a few words.
        model: The model trained; all recipes have the same networks.
        pseudo_label_weight: Weight of the explicit term for clusters, in nats per image.
    """

    title: str
    model: ClusterVAEConfig
    pseudo_label_weight: float


RECIPES: Mapping[str, Recipe] = {
    "pure": Recipe(title="Decoder reads c", model=PURE, pseudo_label_weight=0.0),
    "prior": Recipe(
        title="Prior reads c",
        model=replace(PURE, decoder_conditioning="z", prior="mixture"),
        pseudo_label_weight=0.0,
    ),
    "cure": Recipe(
        title="Prior reads c + cluster term",
        model=replace(PURE, decoder_conditioning="z", prior="mixture"),
        pseudo_label_weight=50.0,
    ),
}


@dataclass(frozen=True)
class Price:
    """Difference between two trainings' bounds on the same images, in nats per image.

    The standard error is over the images, or over the seeds for a mean of several prices.
    """

    nats: float
    standard_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Trainings epoch by epoch.

    Attributes:
        table: One row per run, epoch and image: id, label, the bound's terms in nats (binarised
            images), and q(c|x) as prob_0, prob_1, ...
        about: Provenance: data set, seed, sizes, seconds, version.
    """

    table: pd.DataFrame
    about: Mapping[str, object]

    @cached_property
    def runs(self) -> list[str]:
        """Return the names of the runs, in the order of `RECIPES`."""
        found = set(self.table["run"])
        return [name for name in RECIPES if name in found]

    @cached_property
    def epochs(self) -> list[int]:
        """List the epochs; 0 is before training."""
        return sorted(int(epoch) for epoch in self.table["epoch"].unique())

    def at(self, run: str, epoch: int) -> pd.DataFrame:
        """Return the rows of one run after one epoch, one row per image."""
        there = (self.table["run"] == run) & (self.table["epoch"] == epoch)
        return self.table[there].reset_index(drop=True)

    def probs(self, run: str, epoch: int) -> np.ndarray:
        """Return q(c|x) after an epoch: (images, clusters)."""
        columns = [name for name in self.table if name.startswith("prob_")]
        return self.at(run, epoch)[columns].to_numpy(np.float32, copy=True)

    def summary(self) -> pd.DataFrame:
        """Average the bound's terms over the images and score q(c|x), per run and epoch."""
        rows = []
        for run in self.runs:
            for epoch in self.epochs:
                here, probs = self.at(run, epoch), torch.from_numpy(self.probs(run, epoch))
                means = {name: float(here[name].mean()) for name in TERMS}
                cost = cluster_cost(probs)
                accuracy = _accuracy(probs, torch.from_numpy(here["label"].to_numpy(copy=True)))
                rows.append(
                    {"run": run, "epoch": epoch, **means,
                     "information": cost.information, "unevenness": cost.unevenness,
                     "accuracy": accuracy}
                )  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def seed(self) -> int:
        """Return the seed of the trainings."""
        return int(str(self.about["seed"]))

    def price(self, dear: str, cheap: str, epoch: int) -> Price:
        """Compare the bound of `cheap` with that of `dear`, image by image."""
        gap = (self.at(cheap, epoch)["elbo"] - self.at(dear, epoch)["elbo"]).to_numpy(float)
        return Price(float(gap.mean()), float(gap.std(ddof=1) / math.sqrt(len(gap))))


def record_collapse(
    dataset: Dataset,
    out: Path,
    *,
    images: int = 500,
    train_images: int = 20_000,
    epochs: int = 10,
    seed: int = 0,
    runs: Sequence[str] = tuple(RECIPES),
    only_last: bool = False,
    launch: Launch | None = None,
    on_epoch: Callable[[str, EpochMetrics], None] = lambda run, row: None,
) -> Recording:
    """Train by some recipes and record q(c|x) and the bound after each epoch.

    Args:
        dataset: The data set; its labels are not used in training.
        out: The .parquet to write.
        images: Number of test images recorded, drawn by `seed`.
        train_images: Number of train images used.
        epochs: Number of epochs of each training.
        seed: Seed of all random draws; all recipes see the same batches and noise.
        runs: The recipes, names in `RECIPES`.
        only_last: Whether to keep the last epoch alone: enough for the price of the cluster term.
        launch: Device; None for the best one.
        on_epoch: Called with the recipe and the epoch's metrics.

    Returns:
        What was written.

    Raises:
        ConfigError: If there are no images to record or to train on, or a recipe is unknown.
        DataError: If there are no two grey test images, or the file cannot be written.
    """
    available = len(dataset.test.images)
    if dataset.spec.channels > 1 or available < 2:
        raise DataError(
            f"A recording needs at least 2 grey test images, which it binarises; `{dataset.name}` "
            f"has {available} with {dataset.spec.channels} channels."
        )
    if not 2 <= images <= available:
        raise ConfigError(f"`images` must be in [2, {available}], got {images}.")
    if unknown := [name for name in runs if name not in RECIPES]:
        known = ", ".join(RECIPES)
        raise ConfigError(f"There is no recipe {unknown[0]!r}; the recipes are {known}.")
    order = torch.randperm(len(dataset.test.images), generator=torch.Generator().manual_seed(seed))
    rows = order[:images].sort().values
    x = binarise(to_float(dataset.test.images[rows], "cpu"), torch.Generator().manual_seed(seed))
    training = TrainingConfig(
        epochs=epochs,
        train_images=train_images,
        pseudo_label_images=min(train_images, 20_000),
        critic=None,
    )
    labels = dataset.test.labels
    told = {
        "id": [f"test:{row}" for row in rows.tolist()],
        "label": [-1] * images if labels is None else labels[rows].tolist(),
    }
    parts, seconds = [], {}
    for run in runs:
        seen, taken = _record(RECIPES[run], dataset, x, training, seed, launch, run, on_epoch)
        seconds[run] = round(taken, 1)
        kept = seen[-1:] if only_last else seen
        parts += [pd.DataFrame({"run": run, "epoch": e, **told, **found}) for e, found in kept]
    about = {
        "data": dataset.name,
        "sha256": dataset.sha256,
        "images": f"{images} binarised test images",
        "train_images": train_images,
        "epochs": epochs,
        "seed": seed,
        "runs": {name: asdict(RECIPES[name]) for name in runs},
        "seconds": seconds,
        "version": __version__,
    }
    recording = Recording(table=pd.concat(parts, ignore_index=True), about=about)
    _write(recording, out)
    return recording


def read_collapse(path: Path = RECORDED) -> Recording:
    """Read a recording, by default the library's own.

    Raises:
        DataError: If it is missing or not a recording.
    """
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"about"])
        return Recording(table=table.to_pandas().rename(columns=RENAMED), about=about)
    except (OSError, ArrowException, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"`{path}` is not a recording ({error}). Make one with `xai record-collapse`."
        ) from error


def read_all_seeds(path: Path = RECORDED) -> list[Recording]:
    """Read a recording and those of other seeds beside it, in the order of their seeds.

    Raises:
        DataError: If one is missing or not a recording.
    """
    found = [read_collapse(file) for file in (path, *path.parent.glob(OTHER_SEEDS))]
    return sorted(found, key=lambda recording: recording.seed)


def last_common_epoch(recordings: Sequence[Recording]) -> int:
    """Return the last epoch that all recordings hold.

    Raises:
        DataError: If there is none.
    """
    common = set.intersection(*(set(recording.epochs) for recording in recordings))
    if not common:
        raise DataError("The recordings of different seeds have no epoch in common.")
    return max(common)


def mean_price(prices: Sequence[Price]) -> Price:
    """Average prices over seeds; the error is that of their mean. A single price is unchanged."""
    if len(prices) == 1:
        return prices[0]
    nats = np.array([price.nats for price in prices])
    return Price(float(nats.mean()), float(nats.std(ddof=1)) / math.sqrt(len(nats)))


def _record(
    recipe: Recipe,
    dataset: Dataset,
    x: Images,
    training: TrainingConfig,
    seed: int,
    launch: Launch | None,
    run: str,
    on_epoch: Callable[[str, EpochMetrics], None],
) -> tuple[list[tuple[int, dict[str, np.ndarray]]], float]:
    """Train by one recipe; evaluate the images before training and after every epoch."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ClusterVAE(recipe.model, dataset.spec)
    seen = [(0, _look(model, x, seed))]

    with tempfile.TemporaryDirectory() as folder:

        def keep(row: EpochMetrics) -> None:
            state = read_state(Path(folder), VAE)
            assert state is not None
            prefix = "weights.model."
            model.load_state_dict(
                {
                    name.removeprefix(prefix): value
                    for name, value in state.tensors.items()
                    if name.startswith(prefix)
                }
            )
            seen.append((row.epoch, _look(model, x, seed)))
            on_epoch(run, row)

        trained = train_models(
            dataset.without_labels(),
            Path(folder),
            model=recipe.model,
            training=replace(training, pseudo_label_weight=recipe.pseudo_label_weight),
            seed=seed,
            launch=launch,
            on_epoch=keep,
        )
    return seen, sum(trained.seconds.values())


@torch.inference_mode()
def _look(model: ClusterVAE, x: Images, seed: int) -> dict[str, np.ndarray]:
    """Evaluate q(c|x) and the bound's terms of some images, with the same noise every time."""
    noise = torch.Generator().manual_seed(seed)
    with evaluating(model):
        probs = torch.cat([model.cluster_probs(batch) for batch in x.split(100)])
        terms = [model.elbo(batch, generator=noise, num_samples=DRAWS) for batch in x.split(100)]
    found = {
        name: torch.cat([getattr(part, name) for part in terms]).numpy().round(3) for name in TERMS
    }
    return found | {f"prob_{c}": probs[:, c].numpy().round(4) for c in range(probs.shape[1])}


def _accuracy(probs: Tensor, labels: Labels) -> float:
    """Return the accuracy of clusters matched one-to-one on these images; NaN without labels."""
    if bool((labels < 0).any()):
        return math.nan
    clusters = probs.argmax(-1)
    return cluster_accuracy(clusters, labels, fit_cluster_labels(clusters, labels, probs.shape[1]))


def _write(recording: Recording, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(recording.table, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"about": json.dumps(recording.about).encode()}
    )
    with atomic_write(out, make_folder=True) as file:
        pq.write_table(table, file, compression="zstd")
