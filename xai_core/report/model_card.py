"""A bundle's settings and scores, as rows of text for tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._numbers import Number
from ..plots.probabilities import share
from ..plots.style import signed

if TYPE_CHECKING:
    from ..bundle.manifest import Manifest
    from ..models.config import ClusterVAEConfig

__all__ = [
    "Measure",
    "defined",
    "differences",
    "duration",
    "files",
    "headlines",
    "image_kind",
    "making",
    "map_words",
    "measures",
    "number",
    "size",
    "summary",
]

Metrics = Mapping[str, Any]

_MEASURES = (
    ("accuracy", "Clustering accuracy", "%",
     "Images whose cluster carries their label. Labels were never used to train; "
     "clusters were named afterwards, one label per cluster, on the train images."),
    ("nmi", "NMI", "",
     "Normalised mutual information of cluster and label; 1 if they agree fully."),
    ("ari", "ARI", "",
     "Adjusted Rand index: agreement on pairs of images, 0 by chance, 1 at best."),
    ("cluster_information", "Cluster information", "nats",
     "I(c; x): information about the image in its cluster. At most "
     "{ceiling}, for {clusters} clusters of equal size; near 0, the clusters have collapsed."),
    ("agreement", "Encoder and mixture agree", "%",
     "Images for which the encoder's q(c|x) and the mixture's p(c|z), at the image's code, name "
     "the same cluster. Samples come from the mixture."),
    ("mixture_accuracy", "Accuracy of the mixture", "%",
     "Clustering accuracy of p(c|z) alone."),
    ("optimum_gap", "Gap to the best q(c|x)", "nats",
     "KL(q(c|x) || q*): what the bound loses because the encoder's q(c|x) is not the best one for "
     "its q(z|x)."),
    ("sample_fidelity", "Samples seen as their cluster", "%",
     "Samples of a cluster that the classifier sees as the cluster's label; the mean over "
     "clusters. The cluster VAE is trained without the classifier."),
    ("sample_fidelity_worst", "The same, worst cluster", "%",
     "The lowest share over the clusters."),
    ("ece", "Calibration error", "%",
     "Expected calibration error: mean gap of confidence and accuracy."),
    ("elbo", "ELBO", "nats",
     "A lower bound on log p(x) of the grey images, and part of the training "
     "objective. The sum of the next four."),
    ("reconstruction", "Reconstruction", "nats",
     "E[log p(x|z,c)]: how well the decoder explains the pixels."),
    ("expected_log_prior", "Expected log prior", "nats",
     "E[log p(z|c)]: how well codes fit the clusters' Gaussians."),
    ("kl_c", "KL of the cluster", "nats",
     "KL(q(c|x) || p(c)): the cost of a certain q(c|x); at most {ceiling}."),
    ("entropy_z", "Entropy of the code", "nats",
     "-E[log q(z|x)]: how spread out q(z|x) is."),
    ("log_likelihood", "Log-likelihood", "nats",
     "log p(x) of {images} binarised images by importance sampling, "
     "{samples} draws each; with its standard error over the images."),
    ("reconstruction_l1", "Pixel error", "",
     "Absolute difference of image and reconstruction, summed over "
     "the pixels, each from 0 to 1."),
    ("cluster_kept", "Cluster kept", "%",
     "Images that share their cluster with their reconstruction."),
    ("classifier_accuracy", "Classifier accuracy", "%",
     "The independent classifier kept in the bundle to be explained; "
     "it was trained with labels and shares nothing with the cluster VAE."),
)  # fmt: skip
"""Field of `Evaluation`, name, unit and meaning of each score."""

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
           "eleven", "twelve")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One row of the model card, as text."""

    name: str
    test: str
    train: str
    meaning: str


def measures(metrics: Metrics, num_clusters: int) -> list[Measure]:
    """Return the measures of test and train images; undefined ones are left out."""
    test, train = metrics.get("test", {}), metrics.get("train", {})
    words = {
        "clusters": num_clusters,
        "ceiling": f"ln {num_clusters} = {math.log(num_clusters):.2f}",
        "samples": test.get("log_likelihood_samples") or "several",
        "images": test.get("log_likelihood_images") or "",
    }
    return [
        Measure(
            name=name,
            test=_with_error(test, key, unit),
            train=number(train.get(key), unit),
            meaning=meaning.format(**words),
        )
        for key, name, unit, meaning in _MEASURES
        if defined(test.get(key))
    ]


def differences(first: Metrics, second: Metrics) -> list[tuple[str, str, str, str]]:
    """Return two bundles' test measures: name, both values, second minus first.

    A measure that one of them lacks is listed with a dash.
    """
    one, two = first.get("test", {}), second.get("test", {})
    rows = []
    for key, name, unit, _ in _MEASURES:
        a, b = one.get(key), two.get(key)
        if defined(a) or defined(b):
            both = defined(a) and defined(b)
            rows.append((name, number(a, unit), number(b, unit),
                         _change(b - a, unit) if both else number(None, unit)))  # fmt: skip
    return rows


def _change(value: Number, unit: str) -> str:
    """Return a difference with its sign, in points for percentages."""
    if unit == "%":
        return f"{signed(100 * value, 2)} points"
    return f"{signed(value, 2 if unit == 'nats' else 3)} {unit}".strip()


def headlines(metrics: Metrics, num_clusters: int) -> list[tuple[str, str, str]]:
    """Return the three most important measures: name, value, and its reference."""
    test = metrics.get("test", {})
    ceiling = f"of ln {num_clusters} = {math.log(num_clusters):.2f}"
    rows = [
        ("Clustering accuracy", "accuracy", "%", "labels never used"),
        ("Calibration error", "ece", "%", "confidence against accuracy"),
        ("Cluster information", "cluster_information", "nats", ceiling),
        ("Log-likelihood", "log_likelihood", "nats", _estimated_on(test)),
        ("Cluster kept", "cluster_kept", "%", "by the reconstruction"),
    ]
    return [(n, number(test.get(k), u), why) for n, k, u, why in rows if defined(test.get(k))][:3]


def image_kind(strategy: str) -> str:
    """Return the word for images that a strategy reads: "digit" or "image"."""
    return "digit" if strategy == "digits" else "image"


def summary(manifest: "Manifest", filled: int) -> str:
    """Return what the model did and how well, in one sentence with Markdown.

    Args:
        manifest: The bundle's manifest.
        filled: Number of clusters that hold any image.
    """
    data = manifest.dataset
    kind = f"{image_kind(data.reading.strategy)}s"
    if filled < 2:
        count = data.num_train + data.num_test
        return f"This model put all {count:,} {kind} into one group."
    groups = _COUNTS[filled] if filled < len(_COUNTS) else f"{filled:,}"
    sentence = f"This model sorted {data.num_train:,} {kind} into {groups} groups without labels"
    accuracy = manifest.metrics.get("test", {}).get("accuracy")
    if not defined(accuracy):
        return f"{sentence}."
    unseen = f"{data.num_test:,} unseen {kind}"
    return f"{sentence}; **{share(accuracy)}** of {unseen} land in the right one."


def _estimated_on(scores: Metrics) -> str:
    error, images = (scores.get(f"log_likelihood_{key}") for key in ("standard_error", "images"))
    known = [] if error is None else [f"\N{PLUS-MINUS SIGN} {error:.1f}"]
    return ", ".join([*known, f"of {images or 'several'} images"])


def _with_error(scores: Metrics, key: str, unit: str) -> str:
    text, error = number(scores.get(key), unit), scores.get(f"{key}_standard_error")
    return (
        text if error is None else text.replace(" nats", f" \N{PLUS-MINUS SIGN} {error:.2f} nats")
    )


def number(value: Number | None, unit: str) -> str:
    """Return a number with its unit and suitable digits; a dash for None."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if unit == "%":
        return f"{100 * value:.2f} %"
    text = f"{value:.2f}" if unit == "nats" else f"{value:.3f}"
    return f"{text} {unit}".strip().replace("-", "\N{MINUS SIGN}")


def defined(value: Number | None) -> bool:
    """Return whether a value is a finite number."""
    return value is not None and math.isfinite(value)


def duration(seconds: Number) -> str:
    """Return a duration in words, such as 8 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(num_bytes: int) -> str:
    """Return a file size in words, such as 9.8 MB."""
    return f"{num_bytes / 1e6:.1f} MB" if num_bytes >= 1e5 else f"{num_bytes / 1e3:.1f} kB"


def _indexed(manifest: "Manifest") -> list[tuple[str, str]]:
    counts = manifest.indexed
    if counts["train"] == manifest.dataset.num_train:
        return []
    return [("Index and map", f"the first {counts['train']:,} train and all test images")]


def making(manifest: "Manifest", config: "ClusterVAEConfig") -> list[tuple[str, str]]:
    """Return how the bundle was made: data, settings, time, device and versions.

    Args:
        manifest: The bundle's manifest.
        config: The cluster VAE's config.
    """
    data, seconds = manifest.dataset, manifest.seconds
    stages = ", ".join(f"{name.replace('_', ' ')} {duration(s)}" for name, s in seconds.items())
    factorisation = {"c_given_x": "q(c|x) q(z|x)", "c_given_z": "p(c|z) q(z|x)"}
    return [
        ("Data set", f"{data.name}: {data.num_train:,} train and {data.num_test:,} test"),
        *_indexed(manifest),
        ("Source", str(data.source)),
        ("Data SHA-256", str(data.sha256)),
        ("Clusters, latent dimensions", f"K = {config.num_clusters}, d = {config.latent_dim}"),
        ("Posterior q(z, c|x)", factorisation[config.factorisation] + _encoder(config)),
        ("Likelihood p(x|z, c)", f"{config.likelihood}; the decoder reads {_reads(config)}"),
        ("Labels in training", "none for the cluster VAE; the classifier was trained with them"),
        ("Training time", f"{duration(sum(seconds.values()))} ({stages})"),
        ("Device, seed", f"{manifest.device}, seed {manifest.seed}"),
        ("Created", f"{manifest.created[:16].replace('T', ' ')} UTC"),
        ("Versions", ", ".join(f"{name} {v}" for name, v in manifest.versions.items())),
    ]


def files(manifest: "Manifest") -> list[tuple[str, str, str]]:
    """Return a bundle's files: name, size, SHA-256."""
    return [(name, size(e["bytes"]), e["sha256"]) for name, e in manifest.files.items()]


def map_words(metrics: Metrics) -> str:
    """Return a sentence on how well the map preserves neighbours in the latent space."""
    found = metrics.get("map", {})
    needed = ("trustworthiness", "continuity", "n_neighbors", "sample")
    if not all(defined(found.get(name)) for name in needed):
        return "The quality of this map was not measured."
    return (
        f"Trustworthiness **{found['trustworthiness']:.3f}** and continuity "
        f"**{found['continuity']:.3f}** (1 is perfect), measured over {found['n_neighbors']} "
        f"neighbours of {found['sample']:,} images."
    )


def _encoder(config: "ClusterVAEConfig") -> str:
    reads_c = config.encoder_conditioning == "x+c"
    return "; the encoder of z reads x and q(c|x)" if reads_c else ""


def _reads(config: "ClusterVAEConfig") -> str:
    return "z and c" if config.decoder_conditioning == "z+c" else "z only"
