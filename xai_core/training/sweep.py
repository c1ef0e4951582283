"""Train cluster VAEs with other K and seeds, to see which clusters of a bundle persist."""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from .._arguments import checked
from .._types import ByteImages
from ..atomic_write import atomic_write
from ..bundle.reading import Bundle, load_bundle
from ..data.dataset import Dataset, Split, build_dataset
from ..data.preprocessing import to_float
from ..engine.api import Engine
from ..errors import BundleError, ConfigError
from ..evaluation.persistence import Clusters, Sweep, persistence, sweep_file
from ..models.adopted import AdoptedVAE
from ..models.config import ClusterVAEConfig
from ..models.vae import ClusterVAE
from .checkpoint import TrainingState, read_state, write_state
from .config import TrainingConfig
from .stages.pseudo_labels import cluster_layout, clusters_on_layout
from .stages.sequence import train_models
from .stages.table import PSEUDO_LABELS

__all__ = ["sweep"]

EPOCHS = 2
"""Epochs of a training: enough for its clusters, not for its reconstructions."""
AT_ONCE = 500
LAYOUT = "layout"
SETTINGS = (
    *("batch_size", "learning_rate", "pseudo_label_weight"),
    *("agreement_weight", "sample_weight", "cluster_samples"),
)
"""Settings of the bundle's training that the sweep keeps."""


@checked
def sweep(
    bundle: Bundle,
    *,
    clusters: Sequence[int],
    seeds: int = 3,
    num_images: int = 10_000,
    engine: Engine,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Train cluster VAEs with each K and seed, and compare their clusters with the bundle's.

    Each training takes two epochs on the same images, without labels. Results are written beside
    the bundle; trainings that an interrupted sweep finished are not repeated.

    Args:
        bundle: The bundle whose clusters are followed.
        clusters: Values of K, each at least 2.
        seeds: Number of seeds per K.
        num_images: Number of train images, the first ones.
        engine: Where the trainings run.
        on_progress: Called with the number of trainings done and of all.

    Raises:
        ConfigError: If a K or a number is out of its range.
        ProcessLostError: If some trainings failed three times; the others are kept.
    """
    if isinstance(bundle.model, AdoptedVAE):
        raise ConfigError(
            f"'{bundle.name}' was adopted, and only a cluster VAE can be trained again. Use a "
            "bundle that `xai train` made."
        )
    images = bundle.dataset.train.images[:num_images]
    values = tuple(sorted(set(clusters)))
    if not values or values[0] < 2 or seeds < 1 or values[-1] * 10 > len(images):
        raise ConfigError(
            f"`clusters` must be at least 2 and have 10 of the {len(images):,} images each, "
            f"`seeds` at least 1; got {values} and {seeds}."
        )
    work = bundle.path.with_name(f".{bundle.path.name}.sweep")
    about = f"{bundle.digest[:16]}-{len(images)}"  # other trainings are not continued
    task = _Training(
        bundle=str(bundle.path.resolve()),
        digest=bundle.digest,
        work=work.resolve() / about,
        count=len(images),
    )
    task.work.mkdir(parents=True, exist_ok=True)
    planned = [(number, seed) for seed in range(seeds) for number in values]
    missing = [one for one in planned if not task.file(*one).exists()]
    done = len(planned) - len(missing)
    on_progress(done, len(planned))
    layouts = [seed for seed in range(seeds) if not task.layout(seed)]
    engine.complete(task.lay_out, layouts, name=lambda failed: f"The layouts of seeds {failed}")
    engine.complete(
        task,
        missing,
        name=lambda failed: f"{len(failed)} of {len(planned)} trainings",
        on_progress=lambda more, _: on_progress(done + more, len(planned)),
    )
    found = {one: np.load(task.file(*one)) for one in planned}
    mine = _clusters(bundle.model, images, bundle.device)
    result = Sweep(
        digest=bundle.digest,
        num_images=len(images),
        clusters=values,
        seeds=tuple(range(seeds)),
        persistence=_table(mine, found, values, seeds, bundle),
        agreement=tuple(_agreement([found[k, s] for s in range(seeds)]) for k in values),
    )
    with atomic_write(sweep_file(bundle.path)) as file:
        file.write(json.dumps(asdict(result)).encode())
    shutil.rmtree(work, ignore_errors=True)
    return result


def _table(
    mine: Clusters,
    found: dict[tuple[int, int], Clusters],
    values: tuple[int, ...],
    seeds: int,
    bundle: Bundle,
) -> tuple[tuple[float, ...], ...]:
    number = bundle.model.config.num_clusters
    columns = [
        np.mean([persistence(mine, found[k, seed], number) for seed in range(seeds)], 0)
        for k in values
    ]
    return tuple(tuple(round(float(one), 4) for one in row) for row in np.stack(columns, 1))


def _agreement(runs: list[Clusters]) -> float:
    from sklearn.metrics import adjusted_rand_score

    pairs = [adjusted_rand_score(left, right) for left, right in combinations(runs, 2)]
    return round(float(np.mean(pairs)), 4) if pairs else 1.0


@dataclass(frozen=True, kw_only=True)
class _Training:
    """Trains one cluster VAE and writes the cluster of each image."""

    bundle: str
    digest: str
    work: Path
    count: int

    def file(self, num_clusters: int, seed: int) -> Path:
        return self.work / f"K{num_clusters:04d}-seed{seed:03d}.npy"

    def layout(self, seed: int) -> TrainingState | None:
        return read_state(self.work, f"{LAYOUT}{seed:03d}")

    def lay_out(self, seed: int) -> None:
        dataset, config, _ = _of(self.bundle, self.digest, self.count)
        layout = cluster_layout(
            dataset.train.images,
            config.num_clusters,
            seed=seed,
            natural=dataset.preprocessing.strategy == "natural",
        )
        state = TrainingState({LAYOUT: torch.from_numpy(layout)}, [])
        write_state(self.work, f"{LAYOUT}{seed:03d}", state)

    def __call__(self, one: tuple[int, int]) -> None:
        number, seed = one
        dataset, config, training = _of(self.bundle, self.digest, self.count)
        state = self.layout(seed)
        assert state is not None, "layouts are made first"
        probs = clusters_on_layout(state.tensors[LAYOUT].numpy(), number, seed)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            run = Path(folder)
            write_state(run, PSEUDO_LABELS, TrainingState({"guess": probs}, [{"seconds": 0.0}]))
            trained = train_models(
                dataset,
                run,
                model=dataclasses.replace(config, num_clusters=number),
                training=training,
                seed=seed,
            )
        with atomic_write(self.file(number, seed)) as file:
            np.save(file, _clusters(trained.model, dataset.train.images, torch.device("cpu")))


@torch.inference_mode()
def _clusters(model: ClusterVAE, images: ByteImages, device: torch.device) -> Clusters:
    parts = (to_float(part, device) for part in images.split(AT_ONCE))
    return np.concatenate([model.cluster_probs(x).argmax(-1).cpu().numpy() for x in parts])


@lru_cache(maxsize=1)
def _of(bundle: str, digest: str, count: int) -> tuple[Dataset, ClusterVAEConfig, TrainingConfig]:
    """Return the first train images without labels, and the settings of their trainings.

    A process reads them once; `digest` tells a bundle from one that has replaced it.
    """
    opened = load_bundle(bundle)
    if opened.digest != digest:
        raise BundleError(f"`{bundle}` was replaced meanwhile. Run `xai sweep` again.")
    data = opened.dataset
    part = Split(images=data.train.images[:count], labels=None)
    dataset = build_dataset(
        name=data.name, train=part, test=part, class_names=(), preprocessing=data.preprocessing
    )
    kept = {
        name: value
        for name, value in opened.manifest.configs.get("training", {}).items()
        if name in SETTINGS
    }
    training = TrainingConfig(**kept, epochs=EPOCHS, critic=None)
    return dataset, opened.model.config, training
