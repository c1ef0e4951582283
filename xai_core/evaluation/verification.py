"""Verify facts that hold for any model and image, by measuring both sides on a bundle."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .._arguments import checked
from .._types import ByteImages, Images
from ..bundle.explained_output import deciding_outputs
from ..bundle.reading import Bundle
from ..counterfactual.of_bundle import certify_images
from ..data.preprocessing import to_float
from ..latent_space.encoding import encode_dataset
from ..models.distributions import categorical_kl_to_uniform
from ..theory import bounds
from ..theory.bounds import Draws
from ..theory.cluster_choices import cluster_choices, cluster_cost, loss_of_choice
from ..theory.mixtures import (
    MixtureConfig,
    MixtureState,
    fit_gaussian_mixture,
    free_energy,
    reference_prior,
)
from ..theory.variational import (
    ESTIMATORS,
    MeanField,
    exact_gradient,
    gradient_moments,
    with_intercept,
)
from .metrics import binarise

__all__ = ["Fact", "verify"]

FEWEST = 2
"""With fewer test images, facts are measured on all images: means need a standard error."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A statement `left relation right`, within `tolerance`.

    Attributes:
        name: The statement in words.
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
        """Return whether it holds; False if a side is not a number."""
        excess = self.left - self.right
        if self.relation == "==":
            return abs(excess) <= self.tolerance
        return excess >= -self.tolerance if self.relation == ">=" else excess <= self.tolerance


@checked
def verify(
    bundle: Bundle, *, num_images: int = 200, num_samples: int = 100, seed: int = 0
) -> tuple[Fact, ...]:
    """Measure the facts on a sample of test images.

    The bundle's files were checked against their hashes when it was opened.

    Args:
        bundle: An opened bundle.
        num_images: Test images drawn, at most as many as there are; drawn from all images if
            there are fewer test images than `FEWEST`.
        num_samples: Draws of z per image.
        seed: Seed of the choice of images and of all noise.

    Returns:
        The facts; read `holds` of each.

    Raises:
        ValueError: If `num_images` or `num_samples` is below 2.
    """
    if num_images < 2 or num_samples < 2:
        raise ValueError(
            "`num_images` and `num_samples` must be at least 2, "
            f"got {num_images} and {num_samples}."
        )
    rows = _drawn(bundle, num_images, seed)
    images = bundle.dataset.images(bundle.index["id"].iloc[rows.tolist()].tolist())
    x = to_float(images, bundle.device)
    generator = torch.Generator(bundle.device).manual_seed(seed)
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, generator)
    draws = bounds.draw(bundle.model, x, num_samples=num_samples, generator=generator)
    return (
        *_bounds(bundle, draws),
        _likelihood(bundle, x, draws, generator),
        *_collapse(bundle, x),
        *_mixture(bundle, seed),
        *_mean_field(bundle, seed),
        *_manifold(bundle, images[:8]),
        *_stored(bundle, rows, images),
    )


def _bounds(bundle: Bundle, draws: Draws) -> Iterator[Fact]:
    """Compare the bounds of both factorisations with each other, from the same draws."""
    greater, lesser = bounds.jensen_sides(draws)
    yield Fact(
        name="Jensen: E_q(z|x)[KL(q(c|z) || p(c))] >= KL(E_q(z|x)[q(c|z)] || p(c))",
        left=greater.mean().item(),
        relation=">=",
        right=lesser.mean().item(),
        tolerance=1e-9,
    )
    yield Fact(
        name="Jensen, the image where the left side exceeds the right side least",
        left=(greater - lesser).min().item(),
        relation=">=",
        right=0.0,
        tolerance=1e-9,
    )
    yield from _difference(bundle, draws)
    yield from _evidence(draws)


def _difference(bundle: Bundle, draws: Draws) -> Iterator[Fact]:
    """Compute L - L^ from six expectations and from two divergences, and L^ from q*."""
    upper = bounds.bound_given_z(draws).elbo
    choices = cluster_choices(draws)
    best = bounds.bound_given_x(draws, choices["best"]).elbo
    for objective in (name for name in ("average", "encoder") if name in choices):
        lower = bounds.bound_given_x(draws, choices[objective]).elbo
        six = bounds.six_expectations(draws, choices[objective])
        yield Fact(
            name=f"L - L^ is the signed sum of six expectations, q(c|x): {objective}",
            left=(upper - lower).mean().item(),
            relation="==",
            right=six.difference.mean().item(),
            tolerance=1e-6,
        )
        if bundle.model.config.decoder_conditioning == "z":
            yield Fact(
                name=f"L >= L^ for every image, least difference, q(c|x): {objective}",
                left=six.difference.min().item(),
                relation=">=",
                right=0.0,
                tolerance=1e-4,
            )
    for choice, probs in choices.items():
        lower = bounds.bound_given_x(draws, probs).elbo
        rule, loss = bounds.bound_difference(draws, probs), loss_of_choice(draws, probs)
        for name, error in (
            (
                "L - L^ = E[KL(q(c|x) || p(c|x, z)) - KL(q(c|z) || p(c|x, z))]",
                upper - lower - rule,
            ),
            ("L^ = L^(q*) - KL(q(c|x) || q*)", best - lower - loss),
        ):
            yield Fact(
                name=f"{name}, largest error, q(c|x): {choice}",
                left=error.abs().max().item(),
                relation="<=",
                right=1e-4,
            )


def _evidence(draws: Draws) -> Iterator[Fact]:
    """Compare importance-sampled log p(x) at one draw and at all of them, and with the bound."""
    weights, elbo = draws.log_weights, bounds.bound_given_z(draws).elbo
    count = len(weights)
    estimate = weights.logsumexp(0) - math.log(count)
    yield Fact(
        name=f"log p(x) rises with the draws: {count} in one estimate against 1",
        left=estimate.mean().item(),
        relation=">=",
        right=weights.mean().item(),
        tolerance=1e-9,
    )
    error = (estimate - elbo).std().item() / math.sqrt(len(elbo))
    yield Fact(
        name=f"The bound: log p(x), {count} importance samples, >= L",
        left=estimate.mean().item(),
        relation=">=",
        right=elbo.mean().item(),
        tolerance=3 * error,
    )


@torch.inference_mode()
def _likelihood(bundle: Bundle, x: Images, draws: Draws, generator: torch.Generator) -> Fact:
    """Compare log p(x) with the bound of the training objective, from draws of its own."""
    evidence = draws.log_weights.logsumexp(0) - math.log(len(draws.log_weights))
    parts = [
        bundle.model.elbo(batch, generator=generator, num_samples=min(len(draws.z), 20)).elbo
        for batch in x.split(250)
    ]
    elbo = torch.cat(parts).double().cpu()
    error = (evidence - elbo).std().item() / math.sqrt(len(x))
    return Fact(
        name=f"The bound as trained: log p(x), {len(draws.z)} importance samples, >= ELBO",
        left=evidence.mean().item(),
        relation=">=",
        right=elbo.mean().item(),
        tolerance=3 * error,
    )


@torch.inference_mode()
def _collapse(bundle: Bundle, x: Images) -> Iterator[Fact]:
    """Compare KL(q(c|x) || p(c)) with its least value, 0, and its largest, ln K."""
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
    cost = cluster_cost(bundle.model.cluster_probs(x))
    yield Fact(
        name="mean KL(q(c|x) || p(c)) = I(c; x) + KL(mean q(c|x) || p(c))",
        left=cost.paid,
        relation="==",
        right=cost.information + cost.unevenness,
        tolerance=1e-6,
    )


def _mixture(bundle: Bundle, seed: int) -> Iterator[Fact]:
    """Fit mixtures to at least two test latents by EM; the objective never falls."""
    latents = _some_latents(bundle, 1000, seed)
    clusters = min(bundle.model.config.num_clusters, len(latents) // 2)
    if not clusters:
        return
    prior = reference_prior(latents, clusters)
    for objective, given in (("likelihood", None), ("posterior", prior)):
        config = MixtureConfig(num_clusters=clusters, prior=given, max_steps=40, tolerance=-1.0)
        states = fit_gaussian_mixture(latents, config, seed=seed).states
        rises = [after.objective - before.objective for before, after in pairwise(states)]
        yield Fact(
            name=f"EM on {len(latents)} latents: the log {objective} never falls, its least rise",
            left=min(rises),
            relation=">=",
            right=0.0,
            tolerance=1e-6,
        )
        if given is None:
            yield from _chain(latents, states)
    least = torch.linalg.eigvalsh(states[-1].parameters.covariances).min().item()
    yield Fact(
        name="EM by MAP: the least variance is above what the prior's scale allows",
        left=least,
        relation=">=",
        right=prior.scale / (prior.degrees + len(latents) + latents.shape[1] + 2),
        tolerance=1e-12,
    )


def _chain(latents: Tensor, states: tuple[MixtureState, ...]) -> Iterator[Fact]:
    """Check log p(x|old) = F(q, old) <= F(q, new) <= log p(x|new) at every EM iteration."""
    touched = [free_energy(latents, s.responsibilities, s.parameters) for s in states]
    raised = [
        free_energy(latents, old.responsibilities, new.parameters) for old, new in pairwise(states)
    ]
    likelihoods = [state.log_likelihood for state in states]
    difference = max(abs(f - value) for f, value in zip(touched, likelihoods, strict=True))
    yield Fact(
        name="EM: after the E-step F(q, theta) is log p(x), largest error",
        left=difference,
        relation="<=",
        right=1e-6,
    )
    for name, before, after in (
        ("the M-step never lowers F(q, theta), its least rise", touched[:-1], raised),
        ("log p(x) is at least F(q, theta), the least difference", raised, likelihoods[1:]),
    ):
        least = min(high - low for low, high in zip(before, after, strict=True))
        yield Fact(name=f"EM: {name}", left=least, relation=">=", right=0.0, tolerance=1e-6)


def _mean_field(bundle: Bundle, seed: int) -> Iterator[Fact]:
    """Compare both gradient estimators with the exact gradient, and their variances."""
    latents = _some_latents(bundle, 200, seed)
    features = with_intercept((latents - latents.mean(0)) / latents.std(0).clamp(min=1e-9))
    outcomes = latents[:, 0] > latents[:, 0].median()
    q = MeanField(
        features.new_zeros(features.shape[1]), features.new_full(features.shape[1:], -1.0)
    )
    exact = exact_gradient(q, features, outcomes)
    moments = {
        estimator: gradient_moments(
            q,
            features,
            outcomes,
            estimator=estimator,
            num_samples=20_000,
            generator=torch.Generator().manual_seed(seed),
        )
        for estimator in ESTIMATORS
    }
    for estimator, found in moments.items():
        away = (found.mean - exact) / found.standard_error.clamp(min=1e-300)
        yield Fact(
            name=f"Mean-field: the {estimator} gradient's mean, in standard errors from exact",
            left=away.square().mean().sqrt().item(),
            relation="<=",
            right=2.0,
        )
    yield Fact(
        name="Mean-field: variance of the score-function gradient, of the reparameterised one",
        left=moments["score"].variance.sum().item(),
        relation=">=",
        right=moments["reparameterised"].variance.sum().item(),
    )


def _manifold(bundle: Bundle, images: ByteImages) -> Iterator[Fact]:
    """Check the first-order law of latent steps at the codes of some images, in float64.

    Skipped if classifier and clusters have only one class: there is no other class to reach.
    """
    if not deciding_outputs(bundle):
        return
    found = certify_images(bundle, images)
    yield Fact(
        name="A latent step: slope of the first-order law's residual, log-log, median of 8",
        left=found.slope.median().item(),
        relation="==",
        right=2.0,
        tolerance=0.1,
    )
    yield Fact(
        name="A latent step: share of a short step inside span(U), least of 8",
        left=found.share_in_span.min().item(),
        relation=">=",
        right=0.99,
    )


def _some_latents(bundle: Bundle, count: int, seed: int) -> Tensor:
    """Return the stored latent means of some images, in float64."""
    return bundle.latents[_drawn(bundle, count, seed)].double()


def _drawn(bundle: Bundle, count: int, seed: int) -> Tensor:
    """Draw rows of the index: test images, or any images if there are too few of those."""
    indexed = bundle.manifest.indexed
    first = indexed["train"] if indexed["test"] >= FEWEST else 0
    total = len(bundle.index) - first
    return first + torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count]


def _stored(bundle: Bundle, rows: Tensor, images: ByteImages) -> Iterator[Fact]:
    """Compare the index with newly computed outputs of the models."""
    test = bundle.index[bundle.index["split"] == "test"]
    stored = bundle.index.iloc[rows.tolist()]
    encoding = encode_dataset(bundle.model, images, device=bundle.device)
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
