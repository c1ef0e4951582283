"""Write a bundle atomically."""

import dataclasses
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from .._arguments import checked
from .._paths import expand_home
from .._version import __version__
from ..atomic_write import atomic_write
from ..data.dataset import Dataset
from ..errors import BundleError
from ..latent_space.index import index_columns
from ..latent_space.own_columns import OWN, own_columns
from ..latent_space.replay import REPLAY_COLUMNS
from ..models.adopted import AdoptedClassifier
from ..models.classifier import Classifier
from ..models.critic import Critic
from ..models.vae import ClusterVAE
from .adopted import own_tensors, refuse_functions
from .files import write_bytes, write_table, write_tensors
from .manifest import MANIFEST, Manifest, file_entry, read_manifest
from .parts import REPLAY, dataset_card, image_tensors
from .paths import replaced_folder
from .reading import HISTORY_COLUMNS, Bundle, load_bundle

__all__ = [
    "save_bundle",
    "save_scores",
    "versions",
]


@checked
def save_bundle(
    path: str | Path,
    bundle: Bundle | None = None,
    *,
    model: ClusterVAE | None = None,
    classifier: Classifier | None = None,
    dataset: Dataset | None = None,
    index: pd.DataFrame | None = None,
    history: pd.DataFrame | None = None,
    replay: pd.DataFrame | None = None,
    configs: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    metrics: Mapping[str, Any] | None = None,
    device: str = "cpu",
    seconds: Mapping[str, float] | None = None,
    critics: Mapping[str, Critic] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a bundle to a temporary folder, open it as a check, and rename the folder.

    Args:
        path: Its folder; the last part is the bundle's name.
        bundle: A bundle, such as one that `adopt` returned; all other arguments but `overwrite`
            are then left out.
        model: The cluster VAE.
        classifier: The independent CNN, or None.
        dataset: The images; they are stored too, unless they are the package's MNIST.
        index: The table from `build_index`; it may lack train images at the end of the split.
        history: One row per epoch, with `HISTORY_COLUMNS` and possibly others.
        replay: The table from `lay_out_replay`, if there is one.
        configs: Settings by part; "model", "classifier" and "critic" are added.
        seed: Seed of all random draws.
        metrics: Scores, as described in `Manifest.metrics`.
        device: Device it was trained on.
        seconds: Training time by stage.
        critics: Critics with the same settings, by explained output.
        overwrite: Whether to replace an existing bundle; it is kept until the new one is complete.

    Returns:
        The folder.

    Raises:
        BundleError: If the place is taken or cannot be written, the parts do not fit together, or
            one of them is a function that cannot be stored.
        TypeError: If there is neither a bundle nor a model, images and tables.
        ValueError: If a table lacks a column, or settings or metrics cannot be written as JSON.
    """
    if bundle is not None:
        about = bundle.manifest
        model, classifier, critics = bundle.model, bundle.classifier, bundle.critics
        dataset, index, history = bundle.dataset, bundle.index, bundle.history
        replay = bundle.replay
        configs, metrics, seconds = about.configs, about.metrics, about.seconds
        seed, device = about.seed, about.device
    if model is None or dataset is None or index is None or history is None:
        raise TypeError("`save_bundle` needs a bundle, or model, dataset, index and history.")
    target = Path(os.path.abspath(expand_home(path)))
    settings = _settings(configs or {}, model, classifier, critics or {})
    with replaced_folder(target, overwrite=overwrite) as folder:
        own = own_columns(index)
        card = dataset_card(dataset, tuple(own))
        images = dataset if card.own_images else None
        _write_parts(folder, model, classifier, critics or {}, images)
        columns = index_columns(model.config.latent_dim) | {
            OWN + name: "str" if own[name].dtype.kind != "f" else "float64" for name in own
        }
        write_table(folder / "index.parquet", index, columns)
        write_table(folder / "history.parquet", history, _history_columns(history))
        if replay is not None:
            write_table(folder / REPLAY, replay, REPLAY_COLUMNS)
        manifest = Manifest(
            name=target.name,
            dataset=card,
            indexed_train=int((index["split"] == "train").sum()),
            configs=settings,
            seed=seed,
            device=device,
            versions=versions(),
            metrics=dict(metrics or {}),
            files={entry.name: file_entry(entry) for entry in sorted(folder.iterdir())},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=dict(seconds or {}),
        )
        write_bytes(folder / MANIFEST, manifest.to_json().encode())
        _check_whole(folder, target)
    return target


def save_scores(folder: Path, split: str, scores: Mapping[str, Any]) -> None:
    """Write scores of one split into a bundle's manifest; scores that are None keep their value.

    Args:
        folder: The bundle.
        split: "train" or "test".
        scores: By name, as `evaluate` returns them.

    Raises:
        BundleError: If the manifest cannot be read.
        DataError: If it cannot be written; it stays as it is.
    """
    manifest = read_manifest(folder)
    new = {name: value for name, value in scores.items() if value is not None}
    merged = manifest.metrics.get(split, {}) | new
    updated = dataclasses.replace(manifest, metrics=manifest.metrics | {split: merged})
    with atomic_write(folder / MANIFEST) as file:
        file.write(updated.to_json().encode())


def _settings(
    configs: Mapping[str, Mapping[str, Any]],
    model: ClusterVAE,
    classifier: Classifier | None,
    critics: Mapping[str, Critic],
) -> dict[str, dict[str, Any]]:
    settings = {name: dict(part) for name, part in configs.items()}
    if isinstance(classifier, AdoptedClassifier):
        adopted = settings.setdefault("adopted", {})
        settings["adopted"] = {**adopted, "class_probs": classifier.description}
    refuse_functions(settings.get("adopted", {}))
    settings["model"] = dataclasses.asdict(model.config)
    if classifier is not None:
        settings["classifier"] = {"num_classes": classifier.num_classes}
    if critics:
        settings["critic"] = _critic_settings(critics)
    return settings


def _write_parts(
    folder: Path,
    model: ClusterVAE,
    classifier: Classifier | None,
    critics: Mapping[str, Critic],
    dataset: Dataset | None,
) -> None:
    """Write weights and images, if there are any to write, each tensor once."""
    write_tensors(folder / "model.safetensors", own_tensors(model, classifier))
    if classifier is not None:
        write_tensors(folder / "classifier.safetensors", own_tensors(classifier))
    if critics:
        write_tensors(folder / "critic.safetensors", nn.ModuleDict(critics).state_dict())
    if dataset is not None:
        write_tensors(folder / "images.safetensors", image_tensors(dataset))


def _critic_settings(critics: Mapping[str, Critic]) -> dict[str, Any]:
    first = next(iter(critics.values()))
    targets = {name: critic.num_targets for name, critic in critics.items()}
    return {**dataclasses.asdict(first.config), "targets": targets}


def _check_whole(folder: Path, target: Path) -> None:
    """Open the written folder, so that no unreadable bundle is put in place."""
    try:
        load_bundle(folder).dataset  # noqa: B018  reads and checks the images
    except BundleError as error:
        raise BundleError(f"`{target}` was not saved, its parts do not fit: {error}") from error


def _history_columns(history: pd.DataFrame) -> dict[str, str]:
    """Name the history's columns with their types, those of `HISTORY_COLUMNS` first."""
    more = {
        name: {"i": "int64", "f": "float64"}.get(dtype.kind, "str")
        for name, dtype in history.dtypes.items()
        if name not in HISTORY_COLUMNS
    }
    return {**HISTORY_COLUMNS, **more}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    packages = ("torch", "numpy", "umap-learn", "scikit-learn", "pandas", "pyarrow", "safetensors")
    return {
        "xai_core": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }
