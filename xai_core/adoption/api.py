"""Make a bundle of a user's own models: any latent model, any classifier, any images."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .._arguments import checked
from ..bundle.adopted import (
    Adopted,
    Factory,
    adopt_classifier,
    adopt_function,
    factory_of,
    own_tensors,
    with_class_names,
)
from ..bundle.manifest import Manifest
from ..bundle.parts import dataset_card
from ..bundle.paths import check_name
from ..bundle.reading import HISTORY_COLUMNS, Bundle
from ..bundle.writing import versions
from ..data.dataset import Dataset
from ..data.preprocessing import to_float
from ..evaluation.health_scores import score_health
from ..evaluation.metrics import evaluate, fit_cluster_labels
from ..image_spec import ImageSpec
from ..latent_space.encoding import Encoding, encode_dataset, predicted_classes
from ..latent_space.umap_layout import build_index
from ..models.adopted import FITTED_CLUSTERS, AdoptedClassifier, AdoptedVAE
from ..models.graph.onnx_file import OnnxNetwork, read_onnx
from ..runtime import resolve_device
from .fitting import fit_clusters, fit_variances
from .images import dataset_of

__all__ = ["adopt"]

Given = Callable[[Tensor], object] | OnnxNetwork | str | Path
"""A network, one of its methods, any function of a tensor, or an ONNX file."""
EXAMPLES = 64
"""Number of train images on which the shapes of results are determined."""
PARTS = ("encode", "decode", "cluster_probs", "classify")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Models:
    """The adapted parts, and their description in the manifest."""

    model: AdoptedVAE
    classifier: AdoptedClassifier | None
    described: dict[str, Any]


@checked
def adopt(
    images: Dataset | Tensor | np.ndarray,
    *,
    labels: Sequence[int] | Tensor | np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    encode: Given | None = None,
    decode: Given | None = None,
    cluster_probs: Given | None = None,
    classify: Given | None = None,
    num_clusters: int | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    factories: Mapping[str, Factory | str] | None = None,
    name: str = "adopted",
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] | None = None,
) -> Bundle:
    """Make a bundle of your own models, which all functions for bundles accept.

    Any part may be missing; what needs it then raises an error. Without `encode`, the classifier's
    outputs serve as codes, for the map and for neighbours. Without `cluster_probs`, a Gaussian
    mixture with equal weights is fitted on the codes, and named as such. A network is used as it
    is, in evaluation mode.

    Args:
        images: A data set; or images, uint8 or floats in [0, 1], (N, C, H, W), (N, H, W) or
            (N, H, W, 3), of which one in seven is drawn for test.
        labels: The label of each image, whole numbers from 0; not with a data set.
        class_names: Their names; the numbers where None.
        encode: Images in [0, 1] (N, C, H, W) to codes (N, d), or to mean and log variance.
        decode: Codes to images in [0, 1].
        cluster_probs: Images to q(c|x), rows that sum to one.
        classify: Images to logits or probabilities of the classes, one or two columns for two.
        num_clusters: Clusters of the mixture; the number of classes where None, or 10.
        mean: Value subtracted from images before `classify`: one, or one per channel.
        std: Value by which they are then divided; 1 / 255 for a classifier that reads 0 to 255.
        factories: For each part that is to be stored and is no ONNX file, its import path
            `package.module:Factory`, or a `Factory` with keyword arguments; see `Factory`.
        name: Name of the bundle.
        seed: Seed of the test images, the mixture, and the map.
        device: Device of the models.
        progress: Called with a description of each step as it begins.

    Returns:
        The bundle, in memory; `save_bundle(path, bundle)` writes it.

    Raises:
        ValueError: If there is neither `encode` nor `classify`, or a part returns another form.
        ConfigError: If there is no such device.
        BundleError: If the name could not be that of a bundle.
        DataError: If the images or labels cannot be used, or an ONNX file cannot be read.
    """
    if encode is None and classify is None:
        raise ValueError("`adopt` needs at least one of `encode` and `classify`.")
    check_name(name)
    device = resolve_device(device)
    began, report = time.perf_counter(), progress or (lambda _: None)
    dataset = dataset_of(images, labels, class_names, name=name, seed=seed)
    given = {"encode": encode, "decode": decode, "cluster_probs": cluster_probs}
    read = {part: _read(function, dataset.spec) for part, function in given.items()}
    made = {part: factory_of(factory) for part, factory in (factories or {}).items()}
    if unknown := made.keys() - {*PARTS}:
        raise ValueError(f"`factories` must name some of {', '.join(PARTS)}, got {min(unknown)}.")
    classifier: AdoptedClassifier | None = None
    described: dict[str, Any] = {}
    examples = to_float(dataset.train.images[:EXAMPLES])
    if classify is not None:
        classifier = adopt_classifier(
            _read(classify, dataset.spec),  # type: ignore[arg-type]  # it is not None
            examples,
            dataset.spec,
            mean=tuple(mean),
            std=tuple(std),
            factory=made.get("classify"),
        )
        described["class_probs"] = classifier.description
        dataset = with_class_names(dataset, classifier.num_classes)
    report("Fitting the clusters and variances that the model does not provide")
    found = _latent_model(dataset, read, made, classifier, described, num_clusters, seed)
    return _bundle(dataset, found, name, seed, device, began, report)


def _read(
    given: Given | None, image: ImageSpec
) -> Callable[[Tensor], object] | OnnxNetwork | None:
    return read_onnx(given, free=image.height) if isinstance(given, str | Path) else given


def _latent_model(
    dataset: Dataset,
    given: Mapping[str, Any],
    factories: Mapping[str, Factory | None],
    classifier: AdoptedClassifier | None,
    described: dict[str, Any],
    num_clusters: int | None,
    seed: int,
) -> _Models:
    """Build the latent model, and fit the clusters and variances that it does not give."""
    image = dataset.spec
    parts: dict[str, Adopted] = {
        part: adopt_function(
            function, part, None if part == "decode" else image, factories.get(part)
        )
        for part, function in given.items()
        if function is not None
    }
    if "encode" not in parts:
        parts["encode"] = adopt_function(classifier, "classify", image)  # type: ignore[arg-type]
    described |= {part: found.description for part, found in parts.items()}
    if given["encode"] is None:
        del described["encode"]
    x = to_float(dataset.train.images[:2])
    dim = parts["encode"].called.read(x, "codes", image).shape[1]
    probs = parts.get("cluster_probs")
    if probs is not None:
        clusters = probs.called.read(x, "outputs", image).shape[1]
    else:
        clusters = min(num_clusters or len(dataset.class_names) or 10, len(dataset.train))
    model = AdoptedVAE(
        image,
        num_clusters=clusters,
        latent_dim=dim,
        encode=parts["encode"].called,
        decode=None if given["decode"] is None else parts["decode"].called,
        cluster_probs=None if probs is None else probs.called,
        own_codes=given["encode"] is not None,
    ).eval()
    fit_clusters(model, dataset.train.images, seed)
    fit_variances(model, dataset.train.images)
    described["clusters"] = FITTED_CLUSTERS if probs is None else "the given q(c|x)"
    described["codes"] = (
        "the given encoder" if given["encode"] is not None else "the outputs of the classifier"
    )
    return _Models(model=model.requires_grad_(False), classifier=classifier, described=described)


def _bundle(
    dataset: Dataset,
    found: _Models,
    name: str,
    seed: int,
    device: torch.device,
    began: float,
    report: Callable[[str], None],
) -> Bundle:
    """Encode, score and index all images."""
    model, classifier = found.model.to(device), found.classifier
    if classifier is not None:
        classifier.to(device).requires_grad_(False)
    report("Encoding all images")
    encodings = [
        encode_dataset(model, part.images, device=device, seed=seed)
        for part in (dataset.train, dataset.test)
    ]
    predicted = predicted_classes(classifier, dataset, device)
    metrics = _metrics(dataset, model, classifier, encodings, predicted, device, seed)
    index, quality = build_index(
        model, classifier, dataset, device=device, seed=seed, encodings=encodings,
        predicted=predicted, progress=report,
    )  # fmt: skip
    configs: dict[str, dict[str, Any]] = {"model": dataclasses.asdict(model.config)}
    if classifier is not None:
        configs["classifier"] = {"num_classes": classifier.num_classes}
    manifest = Manifest(
        name=name,
        dataset=dataset_card(dataset, tuple(dataset.columns)),
        indexed_train=len(dataset.train),
        configs={**configs, "adopted": found.described},
        seed=seed,
        device=str(device),
        versions=versions(),
        metrics={**metrics, "map": dataclasses.asdict(quality)},
        files={},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds={"adoption": time.perf_counter() - began},
    )
    bundle = Bundle(
        path=Path(name),
        name=name,
        manifest=manifest,
        digest=_digest(manifest, model, classifier),
        model=model,
        classifier=classifier,
        critics={},
        index=index,
        history=pd.DataFrame(
            {key: pd.Series(dtype=kind) for key, kind in HISTORY_COLUMNS.items()}
        ),
        device=device,
    )
    vars(bundle)["dataset"] = dataset  # what the property would read from the folder
    return bundle


def _metrics(
    dataset: Dataset,
    model: AdoptedVAE,
    classifier: AdoptedClassifier | None,
    encodings: Sequence[Encoding],
    predicted: Sequence[Tensor],
    device: torch.device,
    seed: int,
) -> dict[str, Any]:
    labels, clusters = dataset.train.labels, model.config.num_clusters
    names = [-1] * clusters
    if labels is not None:
        names = fit_cluster_labels(encodings[0].clusters, labels, clusters).tolist()
    metrics: dict[str, Any] = {"cluster_labels": names}
    for split, encoding, classes in zip(("train", "test"), encodings, predicted, strict=True):
        metrics[split] = evaluate(
            model, classifier, dataset, split, device=device, cluster_labels=names, seed=seed,
            encoding=encoding, predicted=classes, num_likelihood_images=0,
        ).as_dict()  # fmt: skip
    metrics["health"] = score_health(model, classifier, dataset, device=device)
    return metrics


def _digest(manifest: Manifest, *modules: torch.nn.Module | None) -> str:
    """Hash what identifies a bundle that is not on disk."""
    digest = hashlib.sha256(manifest.to_json().encode())
    for module in modules:
        for tensor in () if module is None else own_tensors(module).values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
