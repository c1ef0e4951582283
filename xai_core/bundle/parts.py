"""The parts of a bundle as objects: models, images and index, checked against each other."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, no_type_check

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..data.dataset import Dataset, Split, build_dataset
from ..data.registry import load_dataset
from ..errors import ConfigError, DataError
from ..latent_space.index import index_columns
from ..models.classifier import Classifier
from ..models.config import ClusterVAEConfig
from ..models.critic import Critic, CriticConfig
from ..models.vae import ClusterVAE
from .files import LARGEST, TensorKind, kind_of, read_table, read_tensors
from .manifest import FORM, MANIFEST, DatasetCard, Manifest, damaged_bundle
from .migrations import is_newer

__all__ = [
    "dataset_card",
    "image_tensors",
    "largest_sizes",
    "read_classifier",
    "read_critics",
    "read_dataset",
    "read_index",
    "read_model",
]

Module = TypeVar("Module", bound=nn.Module)
Config = TypeVar("Config", ClusterVAEConfig, CriticConfig)

PACKAGED = ("mnist", "shapes", "shapes-shortcut")
"""Data sets whose images are package data or made by the package."""
CRITICS = ("classifier", "cluster")
"""What a critic may explain."""
SPARE = 1 << 20
"""Bytes that a file may have beside its numbers, for names and offsets: 1 MiB."""
LARGEST_HISTORY = 1 << 24
"""Bytes of a history at most: 16 MiB."""


def largest_sizes(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Bound the size of each file by what the manifest says is in it, in bytes.

    Raises:
        BundleError: If the settings are impossible.
    """
    model = _model(folder, manifest)
    parts = {
        "model.safetensors": model,
        "classifier.safetensors": _classifier(folder, manifest),
        "critic.safetensors": _critics(folder, manifest),
    }
    images = manifest.dataset.num_train + manifest.dataset.num_test
    columns = len(index_columns(0)) + 2 * model.config.latent_dim
    return {
        "history.parquet": LARGEST_HISTORY,
        "index.parquet": SPARE + 8 * images * (columns + 8),
        "images.safetensors": SPARE + (math.prod(manifest.dataset.spec.shape) + 8) * images,
        **{name: SPARE + _num_bytes(part) for name, part in parts.items() if part is not None},
    }


def read_model(folder: Path, manifest: Manifest, device: torch.device) -> ClusterVAE:
    """Build the cluster VAE of `configs.model` with the stored weights, fixed, on a device.

    Raises:
        BundleError: If the settings are impossible or the weights are not theirs.
    """
    return _with_weights(_model(folder, manifest), folder / "model.safetensors", device)


def read_classifier(folder: Path, manifest: Manifest, device: torch.device) -> Classifier | None:
    """Build the classifier likewise; None where the bundle has none.

    Raises:
        BundleError: If the settings are impossible or the weights are not theirs.
    """
    classifier = _classifier(folder, manifest)
    if classifier is None:
        return None
    return _with_weights(classifier, folder / "classifier.safetensors", device)


def read_critics(folder: Path, manifest: Manifest, device: torch.device) -> dict[str, Critic]:
    """Build the critics likewise, by the name of what each explains; none in an older bundle.

    Raises:
        BundleError: If the settings are impossible or the weights are not theirs.
    """
    critics = _critics(folder, manifest)
    if critics is None:
        return {}
    found = _with_weights(critics, folder / "critic.safetensors", device)
    return dict(found.items())  # type: ignore[arg-type]


def _model(folder: Path, manifest: Manifest) -> ClusterVAE:
    config = _config(folder, manifest, "model", ClusterVAEConfig)
    labels = manifest.metrics.get("cluster_labels")
    if labels is not None and len(labels) != config.num_clusters:
        problem = f"`metrics.cluster_labels` must have {config.num_clusters}, one a cluster"
        raise damaged_bundle(folder / MANIFEST, problem)
    return _on_meta(folder, lambda: ClusterVAE(config, manifest.dataset.spec))


def _classifier(folder: Path, manifest: Manifest) -> Classifier | None:
    if "classifier.safetensors" not in manifest.files:
        return None
    classes = manifest.configs.get("classifier", {}).get("num_classes")
    names = len(manifest.dataset.class_names)
    if type(classes) is not int or classes < 1 or classes != names:
        problem = f"`configs.classifier.num_classes` must be {names}, one a class of `dataset`"
        raise damaged_bundle(folder / MANIFEST, problem)
    return _on_meta(folder, lambda: Classifier(classes, manifest.dataset.spec))


def _critics(folder: Path, manifest: Manifest) -> nn.ModuleDict | None:
    if "critic.safetensors" not in manifest.files:
        return None
    targets = manifest.configs.get("critic", {}).get("targets")
    if not isinstance(targets, dict) or not targets.keys() <= set(CRITICS) or not targets:
        raise damaged_bundle(
            folder / MANIFEST, f"`configs.critic.targets` must name some of {CRITICS}"
        )
    there = {
        "classifier": manifest.configs.get("classifier", {}).get("num_classes"),
        "cluster": manifest.configs.get("model", {}).get("num_clusters"),
    }
    if any(type(k) is not int or k < 2 or k != there[of] for of, k in targets.items()):
        problem = "`configs.critic.targets` must be as many as there are classes and clusters, two"
        raise damaged_bundle(folder / MANIFEST, f"{problem} at least")
    config = _config(folder, manifest, "critic", CriticConfig, but="targets")
    image = manifest.dataset.spec
    return _on_meta(
        folder, lambda: nn.ModuleDict({of: Critic(config, k, image) for of, k in targets.items()})
    )


def _num_bytes(module: nn.Module) -> int:
    return sum(part.numel() * part.element_size() for part in module.state_dict().values())


def read_index(folder: Path, manifest: Manifest, config: ClusterVAEConfig) -> pd.DataFrame:
    """Read the index: one row per image, in order, with existing classes and finite numbers.

    Raises:
        BundleError: If it is damaged or anything else.
    """
    path, data = folder / "index.parquet", manifest.dataset
    columns = index_columns(config.latent_dim)
    index = read_table(path, columns, num_rows=data.num_train + data.num_test)
    for split, count in (("train", data.num_train), ("test", data.num_test)):
        rows = index.iloc[: data.num_train] if split == "train" else index.iloc[data.num_train :]
        if rows["id"].tolist() != [f"{split}:{row}" for row in range(count)]:
            raise damaged_bundle(
                path, f"the ids are not {split}:0 to {split}:{count - 1} in order"
            )
        if not (rows["split"] == split).all():
            raise damaged_bundle(path, "the column `split` contradicts the ids")
    classes = len(data.class_names)
    limits = {
        "label": (-1, classes),
        "cluster": (0, config.num_clusters),
        "predicted": (-1, classes),
    }
    for name, (least, end) in limits.items():
        if index[name].min() < least or index[name].max() >= end:
            raise damaged_bundle(path, f"the column `{name}` has a value outside its range")
    for name in (name for name, kind in columns.items() if kind == "float32"):
        values = index[name].to_numpy()
        if not np.isfinite(values).all():
            raise damaged_bundle(path, f"the column `{name}` has a missing value, NaN or infinity")
        if np.abs(values).max() > LARGEST:
            raise damaged_bundle(path, f"the column `{name}` has numbers beyond {LARGEST:g}")
    return index


def dataset_card(dataset: Dataset) -> DatasetCard:
    """Describe a data set; those of the package are recognised by their hash."""
    packaged = dataset.name in PACKAGED and dataset.sha256 == load_dataset(dataset.name).sha256
    return DatasetCard(
        name=dataset.name,
        sha256=dataset.sha256,
        num_train=len(dataset.train),
        num_test=len(dataset.test),
        class_names=dataset.class_names,
        source=dataset.source,
        report=dataset.report,
        own_images=not packaged,
        image=dataclasses.asdict(dataset.spec),
        preprocessing={
            name: value
            for name, value in dataclasses.asdict(dataset.preprocessing).items()
            if name not in FORM
        },
    )


def image_tensors(dataset: Dataset) -> dict[str, Tensor]:
    """Name the tensors that a bundle with images of its own carries."""
    tensors = {}
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        images = split.images  # grey ones are stored without their axis of one channel
        tensors[f"{name}_images"] = images[:, 0] if images.shape[1] == 1 else images
        if split.labels is not None:
            tensors[f"{name}_labels"] = split.labels
    return tensors


def read_dataset(folder: Path, manifest: Manifest) -> Dataset:
    """Read a bundle's images, from the bundle or from the package.

    Raises:
        BundleError: If they are damaged, or not those the bundle was made of.
    """
    card = manifest.dataset
    if not card.own_images:
        return _packaged_dataset(folder, card)
    path = folder / "images.safetensors"
    expected: dict[str, TensorKind] = {}
    for name, count in (("train", card.num_train), ("test", card.num_test)):
        shape = card.spec.shape if card.spec.channels > 1 else card.spec.shape[1:]
        expected[f"{name}_images"] = (torch.uint8, (count, *shape))
        if card.class_names:
            expected[f"{name}_labels"] = (torch.int64, (count,))
    tensors = read_tensors(path, expected)
    train, test = (
        Split(images=tensors[f"{name}_images"], labels=tensors.get(f"{name}_labels"))
        for name in ("train", "test")
    )
    try:
        dataset = build_dataset(
            name=card.name,
            train=train,
            test=test,
            class_names=card.class_names,
            report=card.report,
            source=card.source,
            preprocessing=card.reading,
        )
    except DataError as error:
        raise damaged_bundle(path, str(error)) from error
    if dataset.sha256 != card.sha256:
        raise damaged_bundle(path, "the images or labels are not those of `dataset.sha256`")
    return dataset


def _packaged_dataset(folder: Path, card: DatasetCard) -> Dataset:
    path = folder / MANIFEST
    if card.name not in PACKAGED:
        raise damaged_bundle(
            path, f"it has no images of its own, and {card.name!r:.60} is not packaged"
        )
    dataset = load_dataset(card.name)
    found = (dataset.sha256, len(dataset.train), len(dataset.test), dataset.class_names)
    if found != (card.sha256, card.num_train, card.num_test, card.class_names):
        raise damaged_bundle(path, f"it was made of other images than this package's {card.name}")
    return dataset


def _config(
    folder: Path, manifest: Manifest, part: str, kind: type[Config], *, but: str = ""
) -> Config:
    """Read the settings of a part; each must have the type of its default."""
    path, defaults = folder / MANIFEST, dataclasses.asdict(kind())
    newer = is_newer(manifest.schema_version)
    found = {
        name: value
        for name, value in manifest.configs.get(part, {}).items()
        if name != but and (name in defaults or not newer)
    }
    if found.keys() != defaults.keys():
        other = min(found.keys() ^ defaults.keys())
        state = "is missing" if other in defaults else "is unknown"
        raise damaged_bundle(path, f"the setting `configs.{part}.{other:.60}` {state}")
    settings = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
    }
    for name, default in defaults.items():
        if not _alike(settings[name], default):
            problem = f"the setting `configs.{part}.{name}` cannot be {found[name]!r:.60}"
            raise damaged_bundle(path, problem)
    try:
        return kind(**settings)  # type: ignore[arg-type]  # checked just above
    except (ConfigError, TypeError) as error:
        raise damaged_bundle(path, str(error)) from error


def _alike(value: object, default: object) -> bool:
    """Return whether a setting has the type of its default, item by item."""
    if isinstance(value, tuple) and isinstance(default, tuple):
        return list(map(type, value)) == list(map(type, default))
    return type(value) is type(default)


class _Uninitialised(TorchFunctionMode):
    """Skips in-place functions: on the meta device, initialisation would import half of torch."""

    @no_type_check  # called for every function of torch, by torch
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever torch returns
        if func.__name__.endswith("_") and not func.__name__.endswith("__"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _on_meta(folder: Path, build: Callable[[], Module]) -> Module:
    """Build a module without memory, so that impossible sizes cost nothing."""
    try:
        with torch.device("meta"), _Uninitialised():
            return build()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise damaged_bundle(
            folder / MANIFEST, f"`configs` give an impossible model: {error}"
        ) from error


def _with_weights(module: Module, path: Path, device: torch.device) -> Module:
    """Load stored weights into a module; set it to evaluation mode, without gradients."""
    expected = {name: kind_of(tensor) for name, tensor in module.state_dict().items()}
    module.load_state_dict(read_tensors(path, expected), assign=True)
    module.to(memory_format=torch.channels_last).to(device)  # type: ignore[call-overload]
    return module.eval().requires_grad_(False)
