"""Bundles: folders that hold trained models and their results on a data set.

A bundle is written beside its final path and then renamed, so it is complete or absent. It opens
only if every file agrees with its hash in the manifest and with the model.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .._arguments import checked
from .._notebook import drawn
from ..data.dataset import Dataset, parse_id
from ..data.preprocessing_config import Preprocessing
from ..errors import BundleError, ConfigError, DataError
from ..image_spec import ImageSpec
from ..latent_space.index import LatentIndex
from ..models.classifier import Classifier
from ..models.critic import Critic
from ..models.vae import ClusterVAE
from ..runtime import resolve_device
from .cluster_names import ClusterNames, name_clusters
from .files import read_table
from .manifest import (
    MANIFEST,
    Manifest,
    check_hashes,
    read_manifest,
    readable,
)
from .notes import Draft, Notes, Subject, change_notes, check_name, read_notes
from .parts import (
    largest_sizes,
    read_classifier,
    read_critics,
    read_dataset,
    read_index,
    read_model,
    read_replay,
)
from .paths import find_bundle

__all__ = [
    "HISTORY_COLUMNS",
    "Bundle",
    "digest_of",
    "load_bundle",
]

HISTORY_COLUMNS = {
    "epoch": "int64",
    "stage": "str",
    **dict.fromkeys(
        (
            *("loss", "elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z"),
            *("cluster_information", "accuracy", "nmi", "ari", "seconds"),
        ),
        "float64",
    ),
}
"""Columns of every history, with their types; a training may add others."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bundle:
    """An opened bundle, shared by all readers: never change its content.

    Attributes:
        path: Its folder.
        name: The folder's name.
        manifest: Its data, settings, and scores.
        digest: SHA-256 of `manifest.json`, which contains the hash of every other file.
        model: The cluster VAE on `device`, in evaluation mode, with frozen weights.
        classifier: The independent CNN, in the same state; None if the data have no labels.
        critics: The critics, in the same state, by the names "classifier" and "cluster"; empty in
            a bundle trained without critics.
        index: One row per image, with `index.index_columns`: the first `manifest.indexed_train`
            train images and then all test images.
        history: One row per epoch, with at least `HISTORY_COLUMNS`.
        device: Device of the models.
        notes: What people wrote about it.
        replay: Where train images were on the map after each epoch, see `lay_out_replay`; None in
            a bundle without it.
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
    notes: Notes = field(default_factory=Notes)
    replay: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """Name the bundle and its size."""
        clusters = self.model.config.num_clusters
        return f"Bundle('{self.name}', {clusters} clusters, {len(self.index):,} images)"

    def _repr_html_(self) -> str:
        return drawn("bundle", self)

    @cached_property
    def dataset(self) -> Dataset:
        """Read the images, from the bundle or from the package, and check their hash.

        Raises:
            BundleError: If they are damaged, or not those the bundle was made of.
        """
        return read_dataset(self.path, self.manifest)

    @property
    def preprocessing(self) -> Preprocessing:
        """Return how the images were read; new images are read in the same way."""
        return self.manifest.dataset.reading

    @property
    def spec(self) -> ImageSpec:
        """Return the form of the images."""
        return self.manifest.dataset.spec

    @cached_property
    def latents(self) -> Float[Tensor, "images latent"]:
        """Return the means of q(z|x), in the order of `index`, on the CPU."""
        columns = [f"mean_{axis}" for axis in range(self.model.config.latent_dim)]
        return torch.from_numpy(self.index[columns].to_numpy(np.float32, copy=True))

    @cached_property
    def latent_index(self) -> LatentIndex:
        """Return the index that finds neighbours and places new images on the map."""
        places = self.index[["umap_x", "umap_y"]].to_numpy(np.float32, copy=True)
        return LatentIndex(self.latents, torch.from_numpy(places))

    @property
    def cluster_labels(self) -> tuple[int, ...]:
        """Return the label of each cluster as fitted on the train split, -1 for none."""
        unnamed = [-1] * self.model.config.num_clusters
        return tuple(self.manifest.metrics.get("cluster_labels", unnamed))

    @cached_property
    def clusters(self) -> ClusterNames:
        """Return the names of the clusters and the order in which to list them."""
        found = name_clusters(
            self.index, self.model.config.num_clusters, self.manifest.dataset.class_names
        )
        return found.renamed(self.notes.cluster_names)

    @checked
    def name_cluster(self, cluster: int, name: str | None) -> "Bundle":
        """Name a cluster, in the file of notes beside the bundle.

        Args:
            cluster: The cluster.
            name: Its name, of 1 to 40 characters; None for its automatic name.

        Returns:
            The bundle with all names that are in the file now; it shares everything else.

        Raises:
            ConfigError: If there is no such cluster, the name is empty, too long or taken, or
                the bundle is not saved.
            BundleError: If the notes are damaged or cannot be written.
            DataError: If there is no room to write them.
        """
        last = len(self.clusters.names) - 1
        if cluster not in range(last + 1):
            raise ConfigError(f"There is no cluster {cluster}; there are 0 to {last}.")
        others = [called for c, called in enumerate(self.clusters.names) if c != cluster]
        if name is not None and check_name(name) in others:
            raise ConfigError(f"Another cluster is called {name.strip()!r}. Choose another name.")

        def edit(draft: Draft) -> None:
            draft.names.pop(cluster, None)
            if name is not None:
                draft.names[cluster] = check_name(name)

        change_notes(self.noted, edit)
        return self.with_notes()

    @property
    def noted(self) -> Subject:
        """Return what notes on this bundle are about.

        Raises:
            ConfigError: If the bundle is not saved.
        """
        if not (self.path / MANIFEST).is_file():
            raise ConfigError(
                f"The bundle '{self.name}' is not saved, so its notes have no place. Save it with "
                "`save_bundle`, open it with `load_bundle`, and write the notes there."
            )
        return Subject(self.path, self.digest, self.manifest.dataset.sha256)

    def with_notes(self) -> "Bundle":
        """Return the bundle with the notes beside it as they are now; it shares all else.

        Raises:
            BundleError: If the notes are damaged.
        """
        other = copy.copy(self)
        vars(other).pop("clusters", None)
        subject = Subject(self.path, self.digest, self.manifest.dataset.sha256)
        notes = read_notes(subject, self.model.config.num_clusters)
        object.__setattr__(other, "notes", notes)
        return other

    def image(self, image_id: str) -> UInt8[Tensor, "channels height width"]:
        """Return one image.

        Raises:
            DataError: If there is no such id; the message lists those that exist.
        """
        return self.dataset.image(image_id)

    def position(self, image_id: str) -> int:
        """Return the row of an image in `index` and `latents`.

        Raises:
            DataError: If there is no such id; the message lists those that exist.
        """
        split, row = parse_id(image_id)
        counts = self.manifest.indexed
        if row >= counts[split]:
            raise DataError(
                f"There is no image '{image_id}' in the index of '{self.name}', which has train:0 "
                f"to train:{counts['train'] - 1} and test:0 to test:{counts['test'] - 1}."
            )
        return row if split == "train" else counts["train"] + row

    def row(self, image_id: str) -> pd.Series:
        """Return the row of the index of one image.

        Raises:
            DataError: If there is no such id; the message lists those that exist.
        """
        return self.index.iloc[self.position(image_id)]


@checked
def load_bundle(
    name_or_path: str | Path = "mnist", *, device: torch.device | str = "cpu"
) -> Bundle:
    """Open a bundle after checking all its files.

    Args:
        name_or_path: Name or path, as `find_bundle` accepts it.
        device: Device of the models.

    Returns:
        The bundle; its images are read at first use.

    Raises:
        ConfigError: If there is no such device.
        BundleNotFoundError: If there is none; the message lists those that exist.
        BundleVersionError: If it was written by another schema version.
        BundleError: If a file is missing, damaged, a link, or does not fit the manifest or the
            model; the message names the file.
    """
    folder = find_bundle(name_or_path)
    manifest = read_manifest(folder)
    digest = digest_of(folder)
    check_hashes(folder, manifest, largest_sizes(folder, manifest))
    device = resolve_device(device)
    classifier = read_classifier(folder, manifest, device)
    model = read_model(folder, manifest, device, classifier)
    opened = Bundle(
        path=folder,
        name=folder.name,
        manifest=manifest,
        digest=digest,
        model=model,
        classifier=classifier,
        critics=read_critics(folder, manifest, device),
        index=read_index(folder, manifest, model.config),
        history=read_table(folder / "history.parquet", HISTORY_COLUMNS, more_columns=True),
        device=device,
        replay=read_replay(folder, manifest),
    )
    if read_manifest(folder) != manifest or digest_of(folder) != digest:
        raise BundleError(f"`{folder}` was replaced while it was opened. Open it again.")
    return opened.with_notes()


def digest_of(folder: Path) -> str:
    """Return the digest of the bundle in a folder, see `Bundle`."""
    path = folder / MANIFEST
    with readable(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
