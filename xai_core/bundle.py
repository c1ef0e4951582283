"""Bundles: a folder that holds a trained model and all it learned about a data set.

A bundle is written beside its place and renamed, so it is whole or absent; it is opened only when
every file agrees with the manifest's hash and with the model.
"""

import dataclasses
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ._version import __version__
from .bundle_files import read_table, write_bytes, write_table, write_tensors
from .bundle_parts import (
    dataset_card,
    image_tensors,
    largest_sizes,
    read_classifier,
    read_critics,
    read_dataset,
    read_index,
    read_model,
)
from .bundle_places import bundle_folders, bundle_roots, find_bundle, replaced_folder
from .data.sources import Dataset, parse_id
from .errors import BundleError, DataError
from .explain.critic import Critic
from .index import LatentIndex, index_columns
from .manifest import (
    MANIFEST,
    Manifest,
    damage,
    file_entry,
    read_manifest,
    readable,
    regular_file,
)
from .model.classifier import Classifier
from .model.vae import ClusterVAE

__all__ = [
    "HISTORY_COLUMNS",
    "Bundle",
    "BundleSummary",
    "find_bundle",
    "list_bundles",
    "load_bundle",
    "read_manifest",
    "save_bundle",
]

HISTORY_COLUMNS = {
    "epoch": "int64",
    "stage": "str",
    **dict.fromkeys(
        (
            *("loss", "elbo", "reconstruction", "prior_alignment", "kl_c", "entropy_z"),
            *("cluster_information", "accuracy", "nmi", "ari", "seconds"),
        ),
        "float64",
    ),
}
"""Columns every history has, with their types; a training may add others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """An opened bundle. It is shared by whoever reads it, so never change what it holds.

    Attributes:
        path: Its folder.
        name: The folder's name.
        manifest: What it is, how it was made, how good it is.
        digest: SHA-256 of `manifest.json`, which holds the hash of everything else.
        model: The cluster VAE on `device`, in evaluation mode, its weights fixed.
        classifier: The independent CNN, likewise; None where the data have no labels.
        critics: Those of the classifier and of the clusters, likewise, by the names "classifier"
            and "cluster"; none in a bundle trained without.
        index: A row an image, train and then test, with `index.index_columns`.
        history: A row an epoch, with at least `HISTORY_COLUMNS`.
        device: Where the models live.
    """

    path: Path
    name: str
    manifest: Manifest
    digest: str
    model: ClusterVAE
    classifier: Classifier | None
    critics: Mapping[str, Critic]
    index: pd.DataFrame
    history: pd.DataFrame
    device: torch.device

    @cached_property
    def dataset(self) -> Dataset:
        """Read the images, from the bundle or from the package, and check that they are the ones.

        Raises:
            BundleError: If they are damaged, or not those the bundle was made of.
        """
        return read_dataset(self.path, self.manifest)

    @cached_property
    def latents(self) -> Float[Tensor, "images latent"]:
        """Return the means of q(z|x) of all images, in the order of `index`, on the CPU."""
        columns = [f"mean_{axis}" for axis in range(self.model.config.latent_dim)]
        return torch.from_numpy(self.index[columns].to_numpy(np.float32, copy=True))

    @cached_property
    def latent_index(self) -> LatentIndex:
        """Return what finds neighbours among all images and places new ones on the map."""
        places = self.index[["umap_x", "umap_y"]].to_numpy(np.float32, copy=True)
        return LatentIndex(self.latents, torch.from_numpy(places))

    @property
    def cluster_labels(self) -> tuple[int, ...]:
        """Return the label of each cluster as fitted on the train split, -1 for none."""
        unnamed = [-1] * self.model.config.num_clusters
        return tuple(self.manifest.metrics.get("cluster_labels", unnamed))

    def image(self, image_id: str) -> UInt8[Tensor, "28 28"]:
        """Return one image.

        Raises:
            DataError: If there is no such id; the message says which there are.
        """
        return self.dataset.image(image_id)

    def position(self, image_id: str) -> int:
        """Return the row of an image in `index` and `latents`.

        Raises:
            DataError: If there is no such id; the message says which there are.
        """
        split, row = parse_id(image_id)
        data = self.manifest.dataset
        if row >= (data.num_train if split == "train" else data.num_test):
            raise DataError(
                f"There is no image '{image_id}' in '{self.name}', which has train:0 to "
                f"train:{data.num_train - 1} and test:0 to test:{data.num_test - 1}."
            )
        return row if split == "train" else data.num_train + row

    def row(self, image_id: str) -> pd.Series:
        """Return what the index says about one image.

        Raises:
            DataError: If there is no such id; the message says which there are.
        """
        return self.index.iloc[self.position(image_id)]


@dataclass(frozen=True, kw_only=True)
class BundleSummary:
    """A bundle that was found: its manifest, or the error that opening it would meet."""

    name: str
    path: Path
    manifest: Manifest | None
    error: str | None


def load_bundle(
    name_or_path: str | Path = "mnist", *, device: torch.device | str = "cpu"
) -> Bundle:
    """Open a bundle once every file of it has been checked.

    Args:
        name_or_path: As `find_bundle` takes it.
        device: Where the models shall live.

    Returns:
        The bundle; its images are read at first use.

    Raises:
        BundleNotFoundError: If there is none; the message says which there are.
        BundleVersionError: If it was written by another schema version.
        BundleError: If a file is missing, damaged, a link, or does not fit the manifest or the
            model; the message names the file.
    """
    folder = find_bundle(name_or_path)
    manifest = read_manifest(folder)
    digest = _digest(folder)
    _check_files(folder, manifest)
    device = torch.device(device)
    model = read_model(folder, manifest, device)
    opened = Bundle(
        path=folder,
        name=folder.name,
        manifest=manifest,
        digest=digest,
        model=model,
        classifier=read_classifier(folder, manifest, device),
        critics=read_critics(folder, manifest, device),
        index=read_index(folder, manifest, model.config),
        history=read_table(folder / "history.parquet", HISTORY_COLUMNS, more_columns=True),
        device=device,
    )
    if read_manifest(folder) != manifest or _digest(folder) != digest:
        raise BundleError(f"`{folder}` was replaced while it was opened. Open it again.")
    return opened


def list_bundles(roots: Iterable[Path] | None = None) -> list[BundleSummary]:
    """List the bundles in `roots`, by default where names are looked for; broken ones too.

    Manifests, the presence of files and their sizes are checked, hashes are not. Of two bundles
    of one name the first is the one that the name means.
    """
    places = bundle_roots() if roots is None else roots
    return [_summary(folder) for folder in bundle_folders(places)]


def save_bundle(
    path: str | Path,
    *,
    model: ClusterVAE,
    classifier: Classifier | None,
    dataset: Dataset,
    index: pd.DataFrame,
    history: pd.DataFrame,
    configs: Mapping[str, Mapping[str, Any]],
    seed: int,
    metrics: Mapping[str, Any],
    device: str,
    seconds: Mapping[str, float],
    critics: Mapping[str, Critic] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a bundle beside its place, open it as a check, and rename it.

    Args:
        path: Its folder; the last part is the bundle's name.
        model: The cluster VAE.
        classifier: The independent CNN, or None.
        dataset: The images; they are written too unless they are the package's MNIST.
        index: As `build_index` makes it.
        history: A row an epoch, with `HISTORY_COLUMNS` and others if there are.
        configs: Settings by part; "model", "classifier" and "critic" are added.
        seed: Of everything random.
        metrics: As `Manifest.metrics` describes them.
        device: What it was trained on.
        seconds: Spent, by stage.
        critics: All of one configuration, by the name of what each explains.
        overwrite: Whether to replace a bundle that is there; it is kept until the new one is
            whole.

    Returns:
        The folder.

    Raises:
        BundleError: If the place is taken or cannot be written, or the parts do not fit together.
        ValueError: If a table lacks a column, or settings or metrics cannot be written as JSON.
    """
    target = Path(os.path.abspath(path))
    card = dataset_card(dataset)
    settings = {name: dict(part) for name, part in configs.items()}
    settings["model"] = dataclasses.asdict(model.config)
    with replaced_folder(target, overwrite=overwrite) as folder:
        write_tensors(folder / "model.safetensors", model.state_dict())
        if classifier is not None:
            settings["classifier"] = {"num_classes": classifier.num_classes}
            write_tensors(folder / "classifier.safetensors", classifier.state_dict())
        if critics:
            settings["critic"] = _critic_settings(critics)
            write_tensors(folder / "critic.safetensors", nn.ModuleDict(critics).state_dict())
        if card.own_images:
            write_tensors(folder / "images.safetensors", image_tensors(dataset))
        columns = index_columns(model.config.latent_dim)
        write_table(folder / "index.parquet", index, columns)
        write_table(folder / "history.parquet", history, _history_columns(history))
        manifest = Manifest(
            name=target.name,
            dataset=card,
            configs=settings,
            seed=seed,
            device=device,
            versions=_versions(),
            metrics=dict(metrics),
            files={entry.name: file_entry(entry) for entry in sorted(folder.iterdir())},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=dict(seconds),
        )
        write_bytes(folder / MANIFEST, manifest.to_json().encode())
        _check_whole(folder, target)
    return target


def _critic_settings(critics: Mapping[str, Critic]) -> dict[str, Any]:
    first = next(iter(critics.values()))
    targets = {name: critic.num_targets for name, critic in critics.items()}
    return {**dataclasses.asdict(first.config), "targets": targets}


def _check_whole(folder: Path, target: Path) -> None:
    """Open what was written, so that nothing is put in place that cannot be opened."""
    try:
        load_bundle(folder).dataset  # noqa: B018  reads and checks the images
    except BundleError as error:
        raise BundleError(f"`{target}` was not saved, its parts do not fit: {error}") from error


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Compare each file with the manifest, once its size is one that can be read."""
    largest = largest_sizes(folder, manifest)
    for path, entry in _sized_files(folder, manifest):
        if entry["bytes"] > largest[path.name]:
            problem = f"it has {entry['bytes']} bytes, for what is in it {largest[path.name]} do"
            raise damage(path, problem)
        with readable(path):
            found = file_entry(path)
        if found != entry:
            raise damage(path, "its SHA-256 is not the one in the manifest: it was changed")


def _digest(folder: Path) -> str:
    path = folder / MANIFEST
    with readable(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _sized_files(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files of a bundle that are there and as long as the manifest says."""
    for name, entry in manifest.files.items():
        path, size = regular_file(folder, name), entry["bytes"]
        with readable(path):
            found = path.stat().st_size
        if found != size:
            raise damage(path, f"it has {found} bytes, the manifest says {size}")
        yield path, entry


def _history_columns(history: pd.DataFrame) -> dict[str, str]:
    """Name the history's columns with their types, those of `HISTORY_COLUMNS` first."""
    more = {
        name: {"i": "int64", "f": "float64"}.get(dtype.kind, "str")
        for name, dtype in history.dtypes.items()
        if name not in HISTORY_COLUMNS
    }
    return {**HISTORY_COLUMNS, **more}


def _versions() -> dict[str, str]:
    packages = ("torch", "numpy", "umap-learn", "scikit-learn", "pandas", "pyarrow", "safetensors")
    return {
        "xai_core": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _summary(folder: Path) -> BundleSummary:
    manifest, problem = None, None
    try:
        manifest = read_manifest(folder)
        for _ in _sized_files(folder, manifest):
            pass
    except BundleError as error:
        problem = str(error)
    return BundleSummary(
        name=folder.name, path=Path(os.path.abspath(folder)), manifest=manifest, error=problem
    )
