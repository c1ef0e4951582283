"""How good a model is: bounds, likelihood, clustering, calibration, reconstruction.

Labels only score the clusters. Clusters are matched one-to-one with labels on the train split, and
the test split keeps that matching.

References:
    Importance Weighted Autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    On Calibration of Modern Neural Networks (Guo et al., 2017), https://arxiv.org/abs/1706.04599
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .._arguments import checked
from .._types import ByteImages, Images, Labels, Latents, Probs
from ..data.dataset import Dataset, Split
from ..data.preprocessing import to_float
from ..latent_space.encoding import Encoding, classify, encode_dataset, evaluating
from ..models.distributions import draw_uniform, normal_log_prob, sample_normal
from ..models.vae import ClusterVAE, ElboTerms
from ..runtime import resolve_device
from .coherence import mixture_probs, optimum_gap, sample_fidelity

__all__ = [
    "Encoding",
    "Evaluation",
    "binarise",
    "classify",
    "cluster_accuracy",
    "cluster_information",
    "encode_dataset",
    "evaluate",
    "expected_calibration_error",
    "fit_cluster_labels",
    "log_likelihood",
]

GAP_IMAGES = 500
"""Images on which the gap to q* is measured, the first ones."""
LIKELIHOOD_ROWS = 250
"""Images decoded at once while likelihoods are estimated."""
NEGLIGIBLE = 1e-6
"""Clusters of a smaller p(c|z), relative to the largest, are left out of likelihoods."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one split; None where labels, the classifier or the decoder are missing.

    Attributes:
        accuracy: Share of images whose cluster carries their label, one label a cluster.
        nmi: Normalised mutual information of cluster and label.
        ari: Adjusted Rand index of cluster and label.
        cluster_information: I(c; x) in nats, at most ln K.
        agreement: Share of images for which q(c|x) and the mixture's p(c|z(x)) name one cluster.
        mixture_accuracy: `accuracy` of p(c|z(x)) in the place of q(c|x).
        optimum_gap: Mean KL(q(c|x) || q*) in nats, see `coherence.optimum_gap`.
        sample_fidelity: Share of samples of a cluster that the classifier sees as its label, mean
            over clusters; see `coherence.sample_fidelity`.
        sample_fidelity_worst: Its lowest value over clusters.
        sample_fidelity_by_cluster: Its values; None for clusters without a label.
        ece: Calibration error of max q(c|x) as the probability of being accurate.
        elbo: Mean bound, in nats per image, of grey pixels.
        reconstruction: Its term E_q[log p(x|z, c)].
        expected_log_prior: Its term E_q[log p(z|c)].
        kl_c: Its term KL(q(c) || p(c)), subtracted.
        entropy_z: Its term -E_q[log q(z|x)].
        reconstruction_l1: Mean over images of sum over pixels of |x - g(z(x))|.
        cluster_kept: Share of images whose reconstruction falls into their own cluster.
        classifier_accuracy: Accuracy of the independent classifier.
        log_likelihood: Mean log p(x) in nats, of binarised images for a Bernoulli likelihood.
        log_likelihood_standard_error: Standard error of that mean, over images.
        log_likelihood_samples: Draws of z per image.
        log_likelihood_images: Number of images it is estimated on.
    """

    accuracy: float | None = None
    nmi: float | None = None
    ari: float | None = None
    cluster_information: float
    agreement: float | None = None
    mixture_accuracy: float | None = None
    optimum_gap: float | None = None
    sample_fidelity: float | None = None
    sample_fidelity_worst: float | None = None
    sample_fidelity_by_cluster: list[float | None] | None = None
    ece: float | None = None
    elbo: float | None = None
    reconstruction: float | None = None
    expected_log_prior: float
    kl_c: float
    entropy_z: float
    reconstruction_l1: float | None = None
    cluster_kept: float | None = None
    classifier_accuracy: float | None = None
    log_likelihood: float | None = None
    log_likelihood_standard_error: float | None = None
    log_likelihood_samples: int | None = None
    log_likelihood_images: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the scores by name, ready for JSON."""
        return dataclasses.asdict(self)


def fit_cluster_labels(
    clusters: Labels, labels: Labels, num_clusters: int
) -> Int[Tensor, " clusters"]:
    """Match clusters with labels one-to-one so that most images agree (Hungarian method).

    Args:
        clusters: Cluster of each train image, in [0, num_clusters).
        labels: Label of each train image, from 0.
        num_clusters: K.

    Returns:
        The label of each cluster; -1 for clusters beyond the number of labels.
    """
    from scipy.optimize import linear_sum_assignment

    num_labels = int(labels.max()) + 1
    pairs = torch.bincount(clusters * num_labels + labels, minlength=num_clusters * num_labels)
    counts = pairs.reshape(num_clusters, num_labels)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    fitted = torch.full((num_clusters,), -1, dtype=torch.int64)
    fitted[torch.from_numpy(rows)] = torch.from_numpy(columns)
    return fitted


def cluster_accuracy(
    clusters: Labels, labels: Labels, cluster_labels: Int[Tensor, " clusters"]
) -> float:
    """Return the share of images whose cluster is matched with their label."""
    return (cluster_labels[clusters] == labels).double().mean().item()


def cluster_information(probs: Probs) -> float:
    """Estimate I(c; x) = H(mean_x q(c|x)) - mean_x H(q(c|x)), in nats.

    0 where every image has the same q(c|x); ln K where all are certain and clusters are equal.
    """
    marginal = torch.special.entr(probs.double().mean(0)).sum()
    return (marginal - torch.special.entr(probs.double()).sum(-1).mean()).item()


def expected_calibration_error(
    confidence: Float[Tensor, " images"], correct: Bool[Tensor, " images"], *, num_bins: int = 15
) -> float:
    """Return the mean distance of confidence and accuracy over bins of confidence.

    Args:
        confidence: Probabilities of being correct.
        correct: Whether it was.
        num_bins: Bins of equal width; bin i is (i / num_bins, (i + 1) / num_bins].

    Returns:
        Mean distance weighted by the images in a bin, in [0, 1].
    """
    bins = (confidence.double() * num_bins).ceil().long().sub(1).clamp(0, num_bins - 1)
    gaps = torch.zeros(num_bins, dtype=torch.float64)
    gaps.index_add_(0, bins, correct.double() - confidence.double())
    return (gaps.abs().sum() / len(confidence)).item()


def binarise(images: Images, generator: torch.Generator) -> Images:
    """Draw binary images whose pixels are 1 with the probabilities in `images`."""
    return (draw_uniform(images, generator) < images).to(images.dtype)


@torch.inference_mode()
def log_likelihood(
    model: ClusterVAE,
    images: Images,
    *,
    generator: torch.Generator,
    num_samples: int = 500,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, " batch"]:
    """Estimate log p(x) by importance sampling from q(z|x).

    log mean_k [sum_c p(x|z_k, c) p(z_k, c) / q(z_k|x)], in log space: its expectation rises with
    `num_samples` towards log p(x) from below. If the decoder reads c, clusters with p(c|z) below
    `NEGLIGIBLE` times the largest are left out of the sum, which lowers it a little.

    Args:
        model: The model, on the device of `images`.
        images: Binary images for a Bernoulli likelihood (see `binarise`), grey for a Gaussian.
        generator: Source of the noise, on the same device.
        num_samples: Draws of z per image.
        on_progress: Called with the number of images done and the number of all.

    Returns:
        One estimate per image, in nats.

    Raises:
        ValueError: If `num_samples` is below 1.
    """
    if num_samples < 1:
        raise ValueError(f"`num_samples` must be at least 1, got {num_samples}.")
    parts = []
    with evaluating(model):
        for batch in images.split(LIKELIHOOD_ROWS):
            parts.append(_log_mean_weight(model, batch, generator, num_samples))
            on_progress(min(len(parts) * LIKELIHOOD_ROWS, len(images)), len(images))
    return torch.cat(parts)


@checked
def evaluate(
    model: ClusterVAE,
    classifier: nn.Module | None,
    dataset: Dataset,
    split: str,
    *,
    device: torch.device | str,
    cluster_labels: Sequence[int] | None = None,
    encoding: Encoding | None = None,
    predicted: Tensor | None = None,
    seed: int = 0,
    batch_size: int = 1000,
    num_reconstructed_images: int | None = None,
    num_likelihood_images: int = 500,
    num_likelihood_samples: int = 500,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score a model on one split.

    Args:
        model: The model, on `device`.
        classifier: The classifier, on `device`, or None.
        dataset: Images, and labels where it has any.
        split: "train" or "test".
        device: Device to compute on.
        cluster_labels: The label of each cluster, as `fit_cluster_labels` found it on the train
            split; found here where None.
        encoding: Encoding of this split, if it is known already.
        predicted: The classifier's classes of this split, if they are known already.
        seed: Seed of all noise and of the choice of images for the likelihood.
        batch_size: Images per batch.
        num_reconstructed_images: Images that are reconstructed, the first ones; all where None.
        num_likelihood_images: Images on which the likelihood is estimated; 0 leaves it out.
        num_likelihood_samples: Draws of z for each of them.
        on_progress: Called with the number of images whose likelihood is known and of all.

    Returns:
        The scores.
    """
    device = resolve_device(device)
    part = dataset.split(split)
    if encoding is None:
        encoding = encode_dataset(
            model, part.images, device=device, batch_size=batch_size, seed=seed
        )
    if cluster_labels is None:
        cluster_labels = _train_cluster_labels(model, dataset, device, batch_size)
    return Evaluation(
        **_clustering(encoding, part.labels, cluster_labels),
        cluster_information=cluster_information(encoding.cluster_probs),
        **_coherence(model, encoding, part, cluster_labels, device, seed),
        **_samples(model, classifier, cluster_labels, device, seed),
        **_bound(encoding.terms),
        **_reconstruction(
            model, part.images[:num_reconstructed_images], encoding, device, batch_size
        ),
        classifier_accuracy=_classifier_accuracy(
            classifier, part.images, part.labels, predicted, device, batch_size
        ),
        **_likelihood(
            model,
            part.images,
            device,
            seed,
            num_likelihood_images,
            num_likelihood_samples,
            on_progress,
        ),
    )


def _log_mean_weight(
    model: ClusterVAE, x: Images, generator: torch.Generator, num_samples: int
) -> Float[Tensor, " batch"]:
    """Compute log weights draw by draw, so that only the weights stay in memory."""
    posterior = model.encode(x)
    weights = []
    for _ in range(num_samples):
        z = sample_normal(posterior.mean, posterior.log_var, generator=generator)
        log_q = normal_log_prob(z, posterior.mean, posterior.log_var)
        weights.append(_log_joint(model, x, z) - log_q)
    return torch.stack(weights).logsumexp(0) - math.log(num_samples)


def _log_joint(model: ClusterVAE, x: Images, z: Latents) -> Float[Tensor, " batch"]:
    """Evaluate log p(x, z), without the negligible clusters if the decoder reads c."""
    log_prior = model.prior.log_joint(z)
    if model.config.decoder_conditioning == "z":
        return model.log_likelihood(x, model.decode_logits(z)) + log_prior.logsumexp(-1)
    likely = log_prior > log_prior.max(-1, keepdim=True).values + math.log(NEGLIGIBLE)
    rows, clusters = likely.nonzero(as_tuple=True)
    one_hot = functional.one_hot(clusters, log_prior.shape[-1]).to(z.dtype)
    joint = torch.full_like(log_prior, -math.inf)
    joint[rows, clusters] = log_prior[rows, clusters] + model.log_likelihood(
        x[rows], model.decode_logits(z[rows], one_hot)
    )
    return joint.logsumexp(-1)


def _train_cluster_labels(
    model: ClusterVAE, dataset: Dataset, device: torch.device | str, batch_size: int
) -> list[int] | None:
    """Match clusters and labels by q(c|x) on the train split, without decoding."""
    if dataset.train.labels is None:
        return None
    with evaluating(model), torch.inference_mode():
        batches = dataset.train.images.split(batch_size)
        parts = [model.cluster_logits(to_float(batch, device)).argmax(-1) for batch in batches]
    clusters = torch.cat(parts).cpu()
    return fit_cluster_labels(clusters, dataset.train.labels, model.config.num_clusters).tolist()


def _clustering(
    encoding: Encoding, labels: Labels | None, cluster_labels: Sequence[int] | None
) -> dict[str, Any]:
    if labels is None or cluster_labels is None:
        return {}
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    clusters, names = encoding.clusters, torch.tensor(list(cluster_labels))
    return {
        "accuracy": cluster_accuracy(clusters, labels, names),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "ece": expected_calibration_error(encoding.confidence, names[clusters] == labels),
    }


def _coherence(
    model: ClusterVAE,
    encoding: Encoding,
    part: Split,
    cluster_labels: Sequence[int] | None,
    device: torch.device | str,
    seed: int,
) -> dict[str, Any]:
    """Compare q(c|x) with the mixture and, where there is a decoder, with q*."""
    if "encode" not in model.parts:
        return {}
    clusters = mixture_probs(model, encoding.mean).argmax(-1)
    scores: dict[str, Any] = {"agreement": (clusters == encoding.clusters).double().mean().item()}
    if part.labels is not None and cluster_labels is not None:
        names = torch.tensor(list(cluster_labels))
        scores["mixture_accuracy"] = cluster_accuracy(clusters, part.labels, names)
    if "decode" in model.parts:
        x = to_float(part.images[:GAP_IMAGES], device)
        gap = optimum_gap(model, x, generator=torch.Generator(device).manual_seed(seed))
        scores["optimum_gap"] = None if gap is None else gap.mean().item()
    return scores


def _samples(
    model: ClusterVAE,
    classifier: nn.Module | None,
    cluster_labels: Sequence[int] | None,
    device: torch.device | str,
    seed: int,
) -> dict[str, Any]:
    if classifier is None or cluster_labels is None or "decode" not in model.parts:
        return {}
    generator = torch.Generator(device).manual_seed(seed)
    shares = sample_fidelity(model, classifier, cluster_labels, generator=generator)
    known = [share for share in shares if share is not None]
    if not known:
        return {}
    return {
        "sample_fidelity": sum(known) / len(known),
        "sample_fidelity_worst": min(known),
        "sample_fidelity_by_cluster": shares,
    }


def _bound(terms: ElboTerms) -> dict[str, Any]:
    names = ("elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z")
    means = {name: getattr(terms, name).double().mean().item() for name in names}
    return {name: None if math.isnan(mean) else mean for name, mean in means.items()}


@torch.inference_mode()
def _reconstruction(
    model: ClusterVAE,
    images: ByteImages,
    encoding: Encoding,
    device: torch.device | str,
    batch_size: int,
) -> dict[str, Any]:
    """Decode the means and encode the reconstructions."""
    if "decode" not in model.parts:
        return {}
    distance, kept = 0.0, 0
    parts = (images, encoding.mean[: len(images)], encoding.cluster_probs[: len(images)])
    batches = zip(*(part.split(batch_size) for part in parts), strict=True)
    with evaluating(model):
        for batch, mean, probs in batches:
            reconstruction = model.decode(mean.to(device), probs.to(device))
            distance += (to_float(batch, device) - reconstruction).abs().sum().item()
            clusters = model.cluster_logits(reconstruction).argmax(-1)
            kept += int((clusters.cpu() == probs.argmax(-1)).sum())
    return {"reconstruction_l1": distance / len(images), "cluster_kept": kept / len(images)}


def _classifier_accuracy(
    classifier: nn.Module | None,
    images: ByteImages,
    labels: Labels | None,
    predicted: Tensor | None,
    device: torch.device | str,
    batch_size: int,
) -> float | None:
    if classifier is None or labels is None:
        return None
    if predicted is None:
        predicted = classify(classifier, images, device=device, batch_size=batch_size).argmax(-1)
    return (predicted == labels).double().mean().item()


def _likelihood(
    model: ClusterVAE,
    images: ByteImages,
    device: torch.device | str,
    seed: int,
    num_images: int,
    num_samples: int,
    on_progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Estimate on a seeded sample of the images, drawn on the CPU whatever the device."""
    if num_images < 1 or "decode" not in model.parts:
        return {}
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    x = to_float(images[order[:num_images]], device)
    generator = torch.Generator(device).manual_seed(seed)
    if model.config.likelihood == "bernoulli":
        x = binarise(x, generator)
    found = log_likelihood(
        model, x, generator=generator, num_samples=num_samples, on_progress=on_progress
    ).double()
    error = (found.std() / math.sqrt(len(x))).item() if len(x) > 1 else None
    return {
        "log_likelihood": found.mean().item(),
        "log_likelihood_standard_error": error,
        "log_likelihood_samples": num_samples,
        "log_likelihood_images": len(x),
    }
