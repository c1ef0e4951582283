"""How well the parts of a cluster VAE agree: q(c|x), the mixture p(c|z), q* and samples.

A cluster VAE infers clusters twice: by the encoder's q(c|x), and by the mixture's
responsibilities p(c|z) at the code of an image. The first is scored as clustering; the second
belongs to the generative model, from which samples come. These scores say how far the two are one
model.

References:
    Variational Deep Embedding (Jiang et al., 2017), https://arxiv.org/abs/1611.05148, where
    q(c|x) is E_q(z|x)[p(c|z)]
    How good is my GAN? (Shmelkov et al., 2018), https://arxiv.org/abs/1807.09499, for samples
    classified by a network that saw only data
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import Images, Latents, Probs
from ..latent_space.encoding import evaluating
from ..models.vae import ClusterVAE
from ..theory.bounds import draw
from ..theory.cluster_choices import loss_of_choice

__all__ = ["mixture_probs", "optimum_gap", "sample_fidelity"]

SAMPLES = 500
"""Samples per cluster, for up to ten clusters."""
LEAST_SAMPLES = 20
DRAWS = 10
"""Draws of z per image for the gap to q*."""


@torch.inference_mode()
def mixture_probs(model: ClusterVAE, codes: Latents) -> Probs:
    """Evaluate p(c|z), the mixture's responsibilities, at codes on the CPU."""
    device = model.prior.mean.device
    return model.prior.responsibilities(codes.to(device)).cpu()


def optimum_gap(
    model: ClusterVAE, images: Images, *, generator: torch.Generator
) -> Float[Tensor, " batch"] | None:
    """Evaluate KL(q(c|x) || q*) per image, in nats: what the bound loses by the encoder's q(c|x).

    q*(c), proportional to p(c) exp E_q(z|x)[log p(x|z, c) + log p(z|c)], is the best q(c|x) for
    the model's q(z|x).

    Args:
        model: The model, on the device of `images`.
        images: Images.
        generator: Source of the noise, on the same device.

    Returns:
        One value per image, on the CPU; None for a model without the branch q(c|x).
    """
    draws = draw(model, images, num_samples=DRAWS, generator=generator)
    return None if draws.encoder_probs is None else loss_of_choice(draws, draws.encoder_probs)


@torch.inference_mode()
def sample_fidelity(
    model: ClusterVAE,
    classifier: nn.Module,
    cluster_labels: Sequence[int],
    *,
    generator: torch.Generator,
) -> list[float | None]:
    """Measure which share of a cluster's samples the classifier sees as the cluster's label.

    Samples are decoded from z ~ p(z|c), at temperature 1. The classifier is an independent judge:
    the cluster VAE is trained without it.

    Args:
        model: The model.
        classifier: The classifier, on the same device.
        cluster_labels: The label of each cluster; -1 for none.
        generator: Source of the noise, on the same device.

    Returns:
        One share per cluster; None for a cluster without a label.
    """
    clusters = model.config.num_clusters
    count = max(LEAST_SAMPLES, SAMPLES * 10 // max(10, clusters))
    one_hot = torch.eye(clusters, device=model.prior.mean.device)
    shares: list[float | None] = []
    with evaluating(model), evaluating(classifier):
        for cluster, label in enumerate(cluster_labels):
            if label < 0:
                shares.append(None)
                continue
            z = model.prior.sample(torch.full((count,), cluster), generator=generator)
            decided = classifier(model.decode(z, one_hot[cluster].expand(count, -1))).argmax(-1)
            shares.append((decided == label).double().mean().item())
    return shares
