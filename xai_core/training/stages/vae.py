"""The stage that trains the cluster VAE by its evidence lower bound."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..._types import ByteImages, Images, Latents, Probs
from ...data.augmentation import deform
from ...data.preprocessing import to_float
from ...data.preprocessing_config import Preprocessing
from ...evaluation.metrics import cluster_accuracy, cluster_information, fit_cluster_labels
from ...latent_space.encoding import Encoding, encode_dataset
from ...latent_space.replay import REPLAYED_IMAGES
from ...models.config import ClusterVAEConfig
from ...models.distributions import categorical_kl_to_uniform, normal_entropy
from ...models.vae import ClusterVAE, Posterior
from ..codes import is_replayed, read_codes, write_codes
from ..config import TrainingConfig
from ..loop import EpochLoop, seeded
from .table import VAE

__all__ = [
    "vae_stage",
]

KEPT_WEIGHT = 0.2
"""Weight of the reconstructions' cross entropy, relative to the deformed images'."""
TERMS = ("reconstruction", "expected_log_prior", "kl_c", "entropy_z")


class VAEObjective(nn.Module):
    """The loss of one batch, one module so that processes average its gradients."""

    def __init__(self, model: ClusterVAE, training: TrainingConfig) -> None:
        super().__init__()
        self.model = model
        self.training_config = training

    def forward(
        self,
        x: Images,
        eps: Latents,
        views: Images | None,
        pseudo_labels: Probs | None,
        uniform: Float[Tensor, " batch"] | None = None,
    ) -> Tensor:
        """Evaluate the loss per pixel and channel, in nats.

        The loss is -ELBO(x) plus, with pseudo-labels, `pseudo_label_weight` times the cross
        entropies of q(c|views) to them and of q(c|g(z)) to q(c|x), so that deformed images and
        reconstructions keep their cluster. The second one bounds the mutual information of cluster
        and reconstruction (InfoGAN, Chen et al., 2016); to save time, it decodes a quarter of the
        batch. `agreement_weight` and `sample_weight` add the terms that `TrainingConfig`
        describes.

        Args:
            x: Images.
            eps: Standard normal noise of the codes.
            views: Deformed images, with pseudo-labels.
            pseudo_labels: Target of q(c|views).
            uniform: Noise in [0, 1) by which one cluster is drawn from q(c|x), where
                `cluster_samples` is 1.
        """
        weights = self.training_config
        posterior = self.model.encode(x)
        z = posterior.mean + torch.exp(0.5 * posterior.log_var) * eps
        loss = -self._elbo(posterior, x, z, uniform).mean()
        probs = posterior.cluster_probs.detach()
        if views is not None and pseudo_labels is not None:
            kept = slice(0, math.ceil(len(x) / 4))
            decoded = self.model.decode(posterior.mean[kept], probs[kept])
            logits = self.model.cluster_logits(torch.cat([views, decoded]))
            of_views = functional.cross_entropy(logits[: len(x)], pseudo_labels)
            of_decoded = functional.cross_entropy(logits[len(x) :], probs[kept])
            loss = loss + weights.pseudo_label_weight * (of_views + KEPT_WEIGHT * of_decoded)
        if weights.agreement_weight:
            by_mixture = functional.cross_entropy(self.model.prior.log_joint(z), probs)
            loss = loss + weights.agreement_weight * by_mixture
        if weights.sample_weight and self.model.cluster_encoder is not None:
            loss = loss + weights.sample_weight * self._of_samples(
                self.model.cluster_encoder, eps[: math.ceil(len(x) / 8)]
            )
        return loss / x[0].numel()

    def _elbo(
        self,
        posterior: Posterior,
        x: Images,
        z: Latents,
        uniform: Float[Tensor, " batch"] | None,
    ) -> Float[Tensor, " batch"]:
        """Evaluate the bound, its reconstruction term at one cluster drawn where there is noise.

        The gradient passes the draw unchanged (straight-through estimator, Bengio et al., 2013,
        https://arxiv.org/abs/1308.3432).
        """
        if uniform is None:
            return self.model.terms(posterior, x, z).elbo
        probs = posterior.cluster_probs
        drawn = (probs.detach().cumsum(-1) < uniform.unsqueeze(-1)).sum(-1)
        one_hot = functional.one_hot(drawn.clamp(max=probs.shape[-1] - 1), probs.shape[-1])
        logits = self.model.decode_logits(z, one_hot + probs - probs.detach())
        log_prior = self.model.prior.expected_log_prob(posterior.mean, posterior.log_var)
        return (
            self.model.log_likelihood(x, logits)
            + (probs * log_prior).sum(-1)
            - categorical_kl_to_uniform(probs)
            + normal_entropy(posterior.log_var)
        )

    def _of_samples(self, cluster_encoder: nn.Module, eps: Latents) -> Tensor:
        """Evaluate the cross entropy of q(c|g(z)) to c for z ~ p(z|c), all clusters in turn."""
        prior, count = self.model.prior, len(eps)
        clusters = torch.arange(count, device=eps.device) % len(prior.mean)
        z = prior.at_noise(clusters, eps)
        one_hot = functional.one_hot(clusters, len(prior.mean)).to(eps.dtype)
        frozen = {name: value.detach() for name, value in cluster_encoder.named_parameters()}
        logits = torch.func.functional_call(
            cluster_encoder, frozen, (self.model.decode(z, one_hot),)
        )
        return functional.cross_entropy(logits, clusters)


def vae_stage(
    loop: EpochLoop,
    images: ByteImages,
    pseudo_labels: Float[Tensor, "images clusters"] | None,
    labels: Tensor | None,
    model: ClusterVAEConfig,
    training: TrainingConfig,
    preprocessing: Preprocessing,
) -> ClusterVAE:
    """Train the cluster VAE on its bound; labels, if any, are only used for scores."""
    device = loop.fabric.device
    vae = seeded(lambda: ClusterVAE(model, preprocessing.spec), loop.seed)
    pixels = images.to(device)
    binary = model.likelihood == "bernoulli"
    drawn = training.cluster_samples > 0 and model.factorisation == "c_given_x"

    def batches(rows: Tensor, generator: torch.Generator) -> tuple[Tensor | None, ...]:
        x = to_float(pixels[rows], device).contiguous(memory_format=torch.channels_last)
        eps = torch.randn(len(rows), model.latent_dim, generator=generator, device=device)
        views = deform(x, generator, preprocessing) if pseudo_labels is not None else None
        seen = _half_binarised(x, generator) if binary else x
        targets = pseudo_labels[rows] if pseudo_labels is not None else None
        if not drawn:
            return seen, eps, views, targets
        uniform = torch.rand(len(rows), generator=generator, device=device)
        return seen, eps, views, targets, uniform

    def score(epoch: int, epochs: int) -> dict[str, float]:
        encoding = encode_dataset(vae, images[:REPLAYED_IMAGES], device=device)
        if loop.fabric.is_global_zero and is_replayed(epoch, epochs):
            write_codes(loop.run, epoch, encoding)
        return _scores(encoding, None if labels is None else labels[:REPLAYED_IMAGES])

    vae.to(device)
    if loop.fabric.is_global_zero and not read_codes(loop.run):
        before = encode_dataset(vae, images[:REPLAYED_IMAGES], device=device)
        write_codes(loop.run, 0, before)
    loop.fit(
        VAE,
        VAEObjective(vae, training),
        batches,
        count=len(images),
        epochs=training.epochs,
        min_steps=training.min_steps,
        learning_rate=training.learning_rate,
        num_clusters=model.num_clusters,
        score=score,
    )
    return vae


def _half_binarised(x: Images, generator: torch.Generator) -> Images:
    """Binarise half of the images, so that the model fits grey and binary ones."""
    noise = torch.rand(x.shape, generator=generator, device=x.device)
    drawn = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return torch.where(drawn, (noise < x).to(x.dtype), x)


def _scores(encoding: Encoding, labels: Tensor | None) -> dict[str, float]:
    """Average the bound's terms and score the clusters of the images encoded."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    terms = encoding.terms
    scores = {name: getattr(terms, name).mean().item() for name in ("elbo", *TERMS)}
    probs = encoding.cluster_probs
    scores["cluster_information"] = cluster_information(probs)
    if labels is not None:
        clusters = probs.argmax(-1)
        fitted = fit_cluster_labels(clusters, labels, probs.shape[-1])
        scores["accuracy"] = cluster_accuracy(clusters, labels, fitted)
        scores["nmi"] = float(normalized_mutual_info_score(labels, clusters))
        scores["ari"] = float(adjusted_rand_score(labels, clusters))
    return scores
