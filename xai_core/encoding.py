"""What a model says about images: q(z|x), q(c|x) and the bound of each, in one pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ._types import ByteImages, Labels
from .data.images import to_float
from .model.distributions import sample_normal
from .model.vae import ClusterVAE, ElboTerms

__all__ = ["Encoding", "classify", "encode_dataset", "evaluating"]


@dataclass(frozen=True, eq=False)
class Encoding:
    """What a model says about images, on the CPU: q(z|x), q(c|x) and the bound's terms."""

    mean: Float[Tensor, "images latent"]
    log_var: Float[Tensor, "images latent"]
    cluster_probs: Float[Tensor, "images clusters"]
    terms: ElboTerms
    """In nats per image, at one draw of z; log p(x|z, c) is that of the grey pixels."""

    @property
    def clusters(self) -> Labels:
        """Name the most probable cluster of each image."""
        return self.cluster_probs.argmax(-1)

    @property
    def confidence(self) -> Float[Tensor, " images"]:
        """Evaluate max_c q(c|x)."""
        return self.cluster_probs.amax(-1)


@torch.inference_mode()
def encode_dataset(
    model: ClusterVAE,
    images: ByteImages,
    *,
    device: torch.device | str,
    batch_size: int = 1000,
    seed: int = 0,
) -> Encoding:
    """Encode images and evaluate the bound of each, in one pass.

    Args:
        model: Lives on `device`.
        images: uint8 (N, 28, 28).
        device: Where to compute.
        batch_size: Images at once; the noise of an image depends on it.
        seed: Of the one draw of z per image.

    Returns:
        Tensors on the CPU, a row an image.
    """
    generator = torch.Generator(device).manual_seed(seed)
    columns: list[tuple[Tensor, ...]] = []
    with evaluating(model):
        for batch in images.split(batch_size):
            x = to_float(batch, device)
            posterior = model.encode(x)
            z = sample_normal(posterior.mean, posterior.log_var, generator=generator)
            terms = model.terms(posterior, x, z)
            row = (posterior.mean, posterior.log_var, posterior.cluster_probs, *_terms(terms))
            columns.append(tuple(part.cpu() for part in row))
    mean, log_var, probs, *terms = (torch.cat(parts) for parts in zip(*columns, strict=True))
    return Encoding(mean, log_var, probs, ElboTerms(*terms))


@torch.inference_mode()
def classify(
    classifier: nn.Module,
    images: ByteImages,
    *,
    device: torch.device | str,
    batch_size: int = 1000,
) -> Labels:
    """Name the classifier's most probable class of each image, on the CPU."""
    with evaluating(classifier):
        return torch.cat(
            [
                classifier(to_float(batch, device)).argmax(-1).cpu()
                for batch in images.split(batch_size)
            ]
        )


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Switch dropout off for a while, and back to what it was."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


def _terms(terms: ElboTerms) -> tuple[Tensor, ...]:
    return terms.reconstruction, terms.prior_alignment, terms.kl_c, terms.entropy_z
