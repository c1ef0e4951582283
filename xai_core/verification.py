"""Facts that hold for any model and image, measured on a bundle: both sides beside each other."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ._types import Images
from .bundle import Bundle
from .data.images import to_float
from .encoding import encode_dataset
from .evaluation import binarise, log_likelihood
from .model.distributions import categorical_kl_to_uniform, sample_normal

__all__ = ["Fact", "verify"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A statement `left relation right`, within `tolerance`.

    Attributes:
        name: What it says.
        left: The measured left side.
        relation: ">=", "<=" or "==".
        right: The measured or known right side.
        tolerance: By how much the relation may be missed.
    """

    name: str
    left: float
    relation: Literal[">=", "<=", "=="]
    right: float
    tolerance: float = 0.0

    @property
    def holds(self) -> bool:
        """Tell whether it does; never where a side is not a number."""
        excess = self.left - self.right
        if self.relation == "==":
            return abs(excess) <= self.tolerance
        return excess >= -self.tolerance if self.relation == ">=" else excess <= self.tolerance


def verify(
    bundle: Bundle, *, num_images: int = 200, num_samples: int = 100, seed: int = 0
) -> tuple[Fact, ...]:
    """Measure the facts on a sample of test images.

    The bundle's files were checked against their hashes when it was opened.

    Args:
        bundle: An opened bundle.
        num_images: Test images drawn by `seed`; fewer where there are fewer.
        num_samples: Draws of z an image.
        seed: Of the images and all noise.

    Returns:
        The facts; look at `holds` of each.

    Raises:
        ValueError: If there is nothing to measure on.
    """
    if num_images < 2 or num_samples < 2:
        raise ValueError(
            "`num_images` and `num_samples` must be at least 2, "
            f"got {num_images} and {num_samples}."
        )
    images = bundle.dataset.test.images
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    rows = order[:num_images]
    x = to_float(images[rows], bundle.device)
    generator = torch.Generator(bundle.device).manual_seed(seed)
    facts = [
        _jensen(bundle, x, generator, num_samples),
        _likelihood(bundle, x, generator, num_samples),
    ]
    return (*facts, *_collapse(bundle, x), *_stored(bundle, rows))


@torch.inference_mode()
def _jensen(bundle: Bundle, x: Images, generator: torch.Generator, num_samples: int) -> Fact:
    """Draw z of each image and average before and after the divergence, in float64."""
    posterior = bundle.model.encode(x)
    draws = [
        sample_normal(posterior.mean, posterior.log_var, generator=generator)
        for _ in range(num_samples)
    ]
    probs = [bundle.model.prior.responsibilities(z).double() for z in draws]
    return Fact(
        name="Jensen: E_q(z|x)[KL(q(c|z) || p(c))] >= KL(E_q(z|x)[q(c|z)] || p(c))",
        left=categorical_kl_to_uniform(torch.cat(probs)).mean().item(),
        relation=">=",
        right=categorical_kl_to_uniform(torch.stack(probs).mean(0)).mean().item(),
        tolerance=1e-9,
    )


@torch.inference_mode()
def _likelihood(bundle: Bundle, x: Images, generator: torch.Generator, num_samples: int) -> Fact:
    """Estimate both sides from draws of their own; three standard errors are allowed for."""
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, generator)
    evidence = log_likelihood(bundle.model, x, generator=generator, num_samples=num_samples)
    parts = [
        bundle.model.elbo(batch, generator=generator, num_samples=min(num_samples, 20)).elbo
        for batch in x.split(250)
    ]
    elbo = torch.cat(parts)
    error = (evidence - elbo).double().std().item() / math.sqrt(len(x))
    return Fact(
        name=f"The bound: log p(x), {num_samples} importance samples, >= ELBO",
        left=evidence.double().mean().item(),
        relation=">=",
        right=elbo.double().mean().item(),
        tolerance=3 * error,
    )


@torch.inference_mode()
def _collapse(bundle: Bundle, x: Images) -> Iterator[Fact]:
    """Compare what q(c|x) pays with its least, 0, and its most, ln K."""
    clusters = bundle.model.config.num_clusters
    most = math.log(clusters)
    certain = torch.eye(clusters, dtype=torch.float64)
    uniform = torch.full((1, clusters), 1 / clusters, dtype=torch.float64)
    paid: Tensor = categorical_kl_to_uniform(bundle.model.cluster_probs(x).double())
    for name, left, right in (
        ("KL(q(c|x) || p(c)) of a collapsed, uniform q(c|x) is 0", uniform, 0.0),
        ("KL(q(c|x) || p(c)) of a certain q(c|x) is ln K", certain, most),
    ):
        value = categorical_kl_to_uniform(left).mean().item()
        yield Fact(name=name, left=value, relation="==", right=right, tolerance=1e-9)
    name = "KL(q(c|x) || p(c)), the most of the sample, is at most ln K"
    yield Fact(name=name, left=paid.max().item(), relation="<=", right=most, tolerance=1e-6)


def _stored(bundle: Bundle, rows: Tensor) -> Iterator[Fact]:
    """Compare the index with what the models say now."""
    test = bundle.index[bundle.index["split"] == "test"]
    stored = test.iloc[rows.tolist()]
    encoding = encode_dataset(bundle.model, bundle.dataset.test.images[rows], device=bundle.device)
    columns = [f"mean_{axis}" for axis in range(encoding.mean.shape[1])]
    far = (encoding.mean - torch.from_numpy(stored[columns].to_numpy(copy=True))).abs().max()
    yield Fact(
        name="The index's latent means are the encoder's: largest difference",
        left=far.item(),
        relation="<=",
        right=0.1 if bundle.device.type == "cuda" else 1e-2,
    )
    same = stored["cluster"].to_numpy() == encoding.clusters.numpy()
    yield Fact(
        name="The index's clusters are the encoder's: share of the sample",
        left=float(same.mean()),
        relation=">=",
        right=0.99,
    )
    accuracy = bundle.manifest.metrics.get("test", {}).get("accuracy")
    if accuracy is not None:
        names = np.array(bundle.cluster_labels)
        found = names[test["cluster"].to_numpy()] == test["label"].to_numpy()
        yield Fact(
            name="The card's test accuracy is the index's",
            left=float(accuracy),
            relation="==",
            right=float(found.mean()),
            tolerance=1e-3,
        )
