"""Train critics without labels, against frozen functions.

First a surrogate learns p(decision | pixels seen) of the explained functions, on random masks
only. Then each critic learns which pixels raise this probability. The surrogate is never trained
on a critic's masks, so a critic cannot encode the answer in the shape of a mask.

References:
    Have We Learned to Explain? (Jethani et al., 2021), https://arxiv.org/abs/2103.01890: a
    predictor trained on random masks and a selector trained against it.
    FastSHAP (Jethani et al., 2022), https://arxiv.org/abs/2107.07436: surrogates of a classifier.
    Real Time Image Saliency for Black Box Classifiers (Dabkowski & Gal, 2017),
    https://arxiv.org/abs/1705.07857: keep, destroy, be small, be smooth.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ..._types import ByteImages, Images, Logits, Probs
from ...data.preprocessing import to_float
from ...evaluation.infill import infill_from_rest
from ...image_spec import ImageSpec
from ...models.classifier import Classifier
from ...models.critic import Critic, CriticConfig, critic_config
from ...models.pixel_masks import log_uniform, random_masks
from ...models.vae import ClusterVAE
from ..config import CriticTraining
from ..loop import EpochLoop, no_scores
from .critic_objective import CriticObjective, Explained, Surrogate, SurrogateObjective
from .table import CRITIC, SURROGATE

__all__ = [
    "Fit",
    "critic_stage",
    "fit_one_cycle",
    "train_critics",
]

Made = TypeVar("Made")
AT_ONCE = 500
NOISE = 0.5
"""Scale of the logistic noise on scores."""
FIRST_REMOVED, LAST_REMOVED = (40.0, 300.0), (100.0, 700.0)
"""Range of the number of pixels removed, of 784, for the top-ranked and the lowest-ranked."""


@runtime_checkable
class Fit(Protocol):
    """Trains an objective on batches that `batches` makes from rows; supplied by the caller."""

    def __call__(
        self,
        stage: str,
        objective: nn.Module,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        *,
        count: int,
        epochs: int,
        learning_rate: float,
    ) -> None:
        """Train in place."""
        ...


def train_critics(
    images: ByteImages,
    *,
    explained: Explained,
    reconstruct: Callable[[Images], Images],
    config: CriticConfig,
    training: CriticTraining,
    image: ImageSpec = ImageSpec(),  # noqa: B008  frozen
    fit: Fit | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> dict[str, Critic]:
    """Train a surrogate of frozen functions, and one critic per function against it.

    No label is used: a target is the function's decision or any other output.

    Args:
        images: Train images.
        explained: The functions, their weights frozen, on `device`.
        reconstruct: Maps images to their reconstructions, for the in-fill.
        config: Settings of the critics.
        training: Settings of their training.
        image: Form of the images.
        fit: Trains an objective in place, called for `SURROGATE` and `CRITIC`; None for
            `fit_one_cycle`.
        device: Device of models and images.
        seed: Seed of the weights; `fit` draws order and noise.

    Returns:
        The critics by the name of the function.

    Raises:
        ValueError: If a function decides between fewer than two targets.
    """
    fit = fit or fit_one_cycle
    pixels = images[: training.train_images].to(device)
    with torch.no_grad():
        probs = {name: _answers(forward, pixels) for name, forward in explained.items()}
    for name, answers in probs.items():
        if answers.shape[1] < 2:
            raise ValueError(f"`explained` must have at least two targets, '{name}' has one.")
    numbers = {name: answers.shape[1] for name, answers in probs.items()}
    surrogate = _seeded(lambda: Surrogate(numbers, image).to(device), seed + 2)
    fit(
        SURROGATE,
        SurrogateObjective(surrogate),
        lambda rows, generator: _masked(pixels, probs, rows, generator),
        count=len(pixels),
        epochs=training.surrogate_epochs,
        learning_rate=training.surrogate_learning_rate,
    )
    surrogate.eval().requires_grad_(False)
    critics = _seeded(
        lambda: {n: Critic(config, k, image).to(device) for n, k in numbers.items()}, seed + 3
    )
    neutral = pixels.mean(0, dtype=torch.float32).div(255)[None]
    batches = _Batches(pixels, probs, config.budget, training.other_targets)
    fit(
        CRITIC,
        CriticObjective(
            critics,
            surrogate=surrogate.__call__,
            explained=explained,
            infill=infill_from_rest(reconstruct, neutral=neutral, rounds=1),
            training=training,
        ),
        batches,
        count=len(pixels),
        epochs=training.epochs,
        learning_rate=training.learning_rate,
    )
    return critics


def fit_one_cycle(
    stage: str,
    objective: nn.Module,
    batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
    *,
    count: int,
    epochs: int,
    learning_rate: float,
) -> None:
    """Train by Adam on batches of 256 in one process, without saving state; a `Fit`."""
    device = next(objective.parameters()).device
    generator = torch.Generator(device).manual_seed(sum(stage.encode()))
    size = min(256, count)
    steps = epochs * (count // size)
    optimizer = torch.optim.Adam(objective.parameters(), lr=learning_rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1)
    for _ in range(epochs):
        order = torch.randperm(count, generator=generator, device=device)
        for rows in order[: count // size * size].split(size):
            objective(*batches(rows, generator)).backward()
            nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            cycle.step()


class _Batches:
    """Draws the inputs of one training step of the critics, from the loop's generator."""

    def __init__(
        self, pixels: ByteImages, probs: Mapping[str, Probs], budget: int, other_targets: float
    ) -> None:
        self.pixels = pixels
        self.decisions = torch.stack([of.argmax(-1) for of in probs.values()], 1)
        self.numbers = torch.tensor([of.shape[1] for of in probs.values()], device=pixels.device)
        self.budget = budget
        self.other_targets = other_targets

    def __call__(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        x = _images(self.pixels, rows)
        count, device = len(rows), x.device

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=device)

        decisions = self.decisions[rows]
        shift = 1 + (uniform(*decisions.shape) * (self.numbers - 1)).long()
        asks_other = uniform(count, 1) < self.other_targets
        asked = torch.where(asks_other, (decisions + shift) % self.numbers, decisions)
        varied = (
            log_uniform(self.budget / 4, self.budget * 4.0, uniform(count)).long().clamp_min(1)
        )
        most, pixels = x[0, 0].numel() - 1, x[0, 0].numel()
        budgets = torch.where(uniform(count) < 0.5, self.budget, varied.clamp_max(most))
        share = uniform(count)
        ends = (
            (of[0] * pixels / 784, of[1] * pixels / 784) for of in (FIRST_REMOVED, LAST_REMOVED)
        )
        removals = torch.stack([log_uniform(low, high, share).long() for low, high in ends], 1)
        draws = uniform(count, decisions.shape[1], *x.shape[2:]).clamp(1e-6, 1 - 1e-6)
        noise = NOISE * torch.logit(draws)
        order = torch.arange(count, device=device).roll(1)
        return x, x[order], decisions, decisions[order], asked, budgets, removals, noise


def _masked(
    pixels: ByteImages, probs: Mapping[str, Probs], rows: Tensor, generator: torch.Generator
) -> tuple[Tensor, ...]:
    x = _images(pixels, rows)
    return x, random_masks(x, generator), *(of[rows] for of in probs.values())


def _images(pixels: ByteImages, rows: Tensor) -> Images:
    x = to_float(pixels[rows], pixels.device)
    return x.contiguous(memory_format=torch.channels_last)


def _answers(forward: Callable[[Images], Logits], pixels: ByteImages) -> Probs:
    parts = [forward(to_float(part, pixels.device)).softmax(-1) for part in pixels.split(AT_ONCE)]
    return torch.cat(parts)


def _seeded(make: Callable[[], Made], seed: int) -> Made:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def critic_stage(
    loop: EpochLoop,
    images: ByteImages,
    vae: ClusterVAE,
    classifier: Classifier | None,
    training: CriticTraining | None,
    image: ImageSpec,
) -> dict[str, Critic]:
    """Train one critic per function with classes, without labels."""
    vae.eval().requires_grad_(False)
    explained: dict[str, Callable[[Images], Logits]] = {}
    if classifier is not None and classifier.num_classes > 1:
        explained["classifier"] = classifier.eval().requires_grad_(False)
    if vae.config.num_clusters > 1:
        explained["cluster"] = vae.cluster_logits
    if training is None or not explained:
        return {}
    return train_critics(
        images,
        explained=explained,
        reconstruct=vae.reconstruct,
        fit=functools.partial(
            loop.fit, min_steps=training.min_steps, num_clusters=1, score=no_scores
        ),
        device=loop.fabric.device,
        config=critic_config(image),
        image=image,
        training=training,
        seed=loop.seed,
    )
