"""Encode images: q(z|x), q(c|x) and the bound of each image, in one pass."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import ByteImages, Labels, Probs
from ..data.dataset import Dataset
from ..data.preprocessing import to_float
from ..models.config import ClusterVAEConfig
from ..models.vae import ClusterVAE, ElboTerms
from ..runtime import map_batches

__all__ = [
    "BATCH",
    "Encoding",
    "classify",
    "encode_dataset",
    "evaluating",
    "predicted_classes",
]

BATCH = 1000
"""Default batch size."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """Encoded images, on the CPU: q(z|x), q(c|x) and the terms of the bound."""

    mean: Float[Tensor, "images latent"]
    log_var: Float[Tensor, "images latent"]
    cluster_probs: Float[Tensor, "images clusters"]
    terms: ElboTerms
    """In nats per image, at one draw of z; log p(x|z, c) is evaluated on the grey pixels."""

    @property
    def clusters(self) -> Labels:
        """Return the most probable cluster of each image."""
        return self.cluster_probs.argmax(-1)

    @property
    def confidence(self) -> Float[Tensor, " images"]:
        """Evaluate max_c q(c|x)."""
        return self.cluster_probs.amax(-1)

    @classmethod
    def concatenate(cls, encodings: Iterable["Encoding"]) -> "Encoding":
        """Concatenate the rows of several encodings."""
        columns = zip(*(encoding._columns() for encoding in encodings), strict=True)
        mean, log_var, probs, *terms = (torch.cat(parts) for parts in columns)
        return cls(mean, log_var, probs, ElboTerms(*terms))

    @classmethod
    def _room_for(cls, count: int, config: ClusterVAEConfig) -> "Encoding":
        terms = ElboTerms(*(torch.empty(count) for _ in range(4)))
        mean, log_var = torch.empty(2, count, config.latent_dim)
        return cls(mean, log_var, torch.empty(count, config.num_clusters), terms)

    def part(self, rows: slice) -> "Encoding":
        """Return some of the rows."""
        mean, log_var, probs, *terms = (column[rows] for column in self._columns())
        return Encoding(mean, log_var, probs, ElboTerms(*terms))

    def _columns(self) -> tuple[Tensor, ...]:
        terms = self.terms
        bound = (terms.reconstruction, terms.expected_log_prior, terms.kl_c, terms.entropy_z)
        return self.mean, self.log_var, self.cluster_probs, *bound

    def _put(self, rows: slice, found: "Encoding") -> None:
        for column, values in zip(self._columns(), found._columns(), strict=True):
            column[rows] = values


def encode_dataset(
    model: ClusterVAE,
    images: ByteImages,
    *,
    device: torch.device | str,
    batch_size: int = BATCH,
    seed: int = 0,
    first: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Encoding:
    """Encode images and evaluate the bound of each, in one pass.

    Args:
        model: The model, on `device`.
        images: uint8 (N, C, H, W).
        device: Device to compute on.
        batch_size: Images per draw of noise, and the largest batch processed at once; an image's
            noise depends on it.
        seed: Seed of the one draw of z per image.
        first: Number of images before these in a larger set, a multiple of the batch size; their
            noise is skipped.
        on_progress: Called with the numbers of images done and in total.

    Returns:
        Tensors on the CPU, one row per image. If memory runs out, smaller batches are used with
        the same noise.

    Raises:
        OutOfMemoryError: If there is not enough for a single image.
    """
    generator, dim = torch.Generator(device).manual_seed(seed), model.config.latent_dim
    for _ in range(first // batch_size):
        torch.randn(batch_size, dim, generator=generator, device=device)
    eps = torch.cat(
        [
            torch.randn(len(batch), dim, generator=generator, device=device)
            for batch in images.split(batch_size)
        ]
    )

    # written in place: keeping small views of each part would keep its large tensors alive
    found = Encoding._room_for(len(images), model.config)

    @torch.inference_mode()
    def encode(rows: slice) -> None:
        x = to_float(images[rows], device)
        posterior = model.encode(x)
        z = posterior.mean + torch.exp(0.5 * posterior.log_var) * eps[rows]
        terms = model.terms(posterior, x, z)
        found._put(
            rows, Encoding(posterior.mean, posterior.log_var, posterior.cluster_probs, terms)
        )

    with evaluating(model):
        map_batches(
            encode, len(images), device=device, at_once=batch_size, on_progress=on_progress
        )
    return found


def classify(
    classifier: nn.Module,
    images: ByteImages,
    *,
    device: torch.device | str,
    batch_size: int = BATCH,
) -> Probs:
    """Evaluate the classifier's probability of every class, (N, classes) on the CPU."""

    @torch.inference_mode()
    def probs(rows: slice) -> Probs:
        return classifier(to_float(images[rows], device)).softmax(-1).cpu()

    with evaluating(classifier):
        return torch.cat(map_batches(probs, len(images), device=device, at_once=batch_size))


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set a module to evaluation mode, then restore its previous mode."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


def predicted_classes(
    classifier: nn.Module | None, dataset: Dataset, device: torch.device | str
) -> list[Tensor]:
    """Return the classifier's predictions for train and test images; -1 without a classifier."""
    parts = (dataset.train.images, dataset.test.images)
    if classifier is None:
        return [torch.full((len(part),), -1) for part in parts]
    return [classify(classifier, part, device=device).argmax(-1) for part in parts]
