"""Bundles: a folder that holds a trained model and all it learned about a data set.

A bundle is written beside its place and renamed, so it is whole or absent; it is opened only when
every file agrees with the manifest's hash and with the model.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .._notebook import drawn
from ..data.dataset import Dataset, parse_id
from ..data.preprocessing_config import Preprocessing
from ..errors import BundleError, DataError
from ..image_spec import ImageSpec
from ..latent_space.index import LatentIndex
from ..models.classifier import Classifier
from ..models.critic import Critic
from ..models.vae import ClusterVAE
from .cluster_names import ClusterNames, name_clusters
from .files import read_table
from .manifest import (
    MANIFEST,
    Manifest,
    check_hashes,
    read_manifest,
    readable,
)
from .parts import (
    largest_sizes,
    read_classifier,
    read_critics,
    read_dataset,
    read_index,
    read_model,
)
from .paths import find_bundle

__all__ = [
    "HISTORY_COLUMNS",
    "Bundle",
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
"""Columns every history has, with their types; a training may add others."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bundle:
    """An opened bundle. It is shared by all its readers: never change what it holds.

    Attributes:
        path: Its folder.
        name: The folder's name.
        manifest: Its data, settings, and scores.
        digest: SHA-256 of `manifest.json`, which holds the hash of everything else.
        model: The cluster VAE on `device`, in evaluation mode, its weights fixed.
        classifier: The independent CNN, likewise; None if the data have no labels.
        critics: Those of the classifier and of the clusters, likewise, by the names "classifier"
            and "cluster"; none in a bundle that was trained without critics.
        index: One row per image, train and then test, with `index.index_columns`.
        history: One row per epoch, with at least `HISTORY_COLUMNS`.
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

    def __repr__(self) -> str:
        """Name the bundle and its size."""
        clusters = self.model.config.num_clusters
        return f"Bundle('{self.name}', {clusters} clusters, {len(self.index):,} images)"

    def _repr_html_(self) -> str:
        return drawn("bundle", self)

    @cached_property
    def dataset(self) -> Dataset:
        """Read the images, from the bundle or from the package, and check that they are the ones.

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

    @cached_property
    def clusters(self) -> ClusterNames:
        """Return what the clusters are called, and the order in which they are listed."""
        return name_clusters(
            self.index, self.model.config.num_clusters, self.manifest.dataset.class_names
        )

    def image(self, image_id: str) -> UInt8[Tensor, "channels height width"]:
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
    check_hashes(folder, manifest, largest_sizes(folder, manifest))
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


def _digest(folder: Path) -> str:
    path = folder / MANIFEST
    with readable(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
