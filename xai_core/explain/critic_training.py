"""How critics are learned: without labels, against frozen functions.

First a surrogate learns what the explained functions would decide from a few pixels, on random
masks alone: p(decision | pixels seen). Then each critic learns which pixels raise it. The
surrogate never meets a critic's mask, so an answer written into a mask's shape tells it nothing.

References:
    Have We Learned to Explain? (Jethani et al., 2021), https://arxiv.org/abs/2103.01890: a
    predictor trained on random masks, a selector trained against it.
    FastSHAP (Jethani et al., 2022), https://arxiv.org/abs/2107.07436: surrogates of a classifier.
    Real Time Image Saliency for Black Box Classifiers (Dabkowski & Gal, 2017),
    https://arxiv.org/abs/1705.07857: keep, destroy, be small, be smooth.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .._types import ByteImages, Images, Logits, Mask, Probs
from ..data.images import to_float
from ..errors import ConfigError
from ..model.nn import ConvEncoder
from .critic import Critic, CriticConfig
from .infill import Infill, infill_from_rest
from .masking import log_uniform, random_masks

__all__ = [
    "CriticTraining",
    "Explained",
    "Fit",
    "Surrogate",
    "fit_one_cycle",
    "log_odds",
    "straight_through",
    "train_critics",
]

Explained = Mapping[str, Callable[[Images], Logits]]
"""Frozen functions by name, each from images to logits of what it can decide."""

Made = TypeVar("Made")

AT_ONCE = 500
NARROW, WIDE = 0.5, 2.0
"""How near to the threshold, in scores, pixels pay, and gain, in gradients."""
NOISE = 0.5
"""Scale of the logistic noise on scores."""
SURE = 5.0
"""Log odds of the decision from which a critic is content with a mask."""
APART = 3.0
"""Log odds, likewise, of another image's decision against the mask's own, and of in-fills."""
FIRST_REMOVED, LAST_REMOVED = (40.0, 300.0), (100.0, 700.0)
"""Fewest and most pixels of the 784 that are removed, of those ranked first and of the last."""


@dataclass(frozen=True, kw_only=True)
class CriticTraining:
    """How critics are trained.

    Attributes:
        train_images: Train images used at most.
        surrogate_epochs: Of the surrogate.
        epochs: Of the critics.
        surrogate_learning_rate: Peak of the one-cycle schedule of the surrogate.
        learning_rate: Peak of the one-cycle schedule of the critics.
        other_targets: Share of the images asked about another target than their decision.
        other_weight: Of those against the others.
        swap_weight: Of the mask's use on another image, whose decision must be seen through it.
        fill_weight: Of the explained function's own decision, kept by the pixels marked with
            all others filled in.
        removal_weight: Of that decision being lost where the pixels ranked first are filled in,
            and of another target winning where those ranked last for it are.
        smooth_weight: Of the mask's total variation.
    """

    train_images: int = 60_000
    surrogate_epochs: int = 3
    epochs: int = 4
    surrogate_learning_rate: float = 3e-3
    learning_rate: float = 3e-3
    other_targets: float = 0.25
    other_weight: float = 0.05
    swap_weight: float = 1.0
    fill_weight: float = 0.1
    removal_weight: float = 0.2
    smooth_weight: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings outside their range."""
        for name in ("train_images", "surrogate_epochs", "epochs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        for name in ("surrogate_learning_rate", "learning_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be in (0, 1), got {getattr(self, name)}.")
        if not 0 <= self.other_targets < 1:
            raise ConfigError(f"`other_targets` must be in [0, 1), got {self.other_targets}.")
        weights = [entry.name for entry in fields(self) if entry.name.endswith("_weight")]
        for name in weights:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` must be at least 0, got {getattr(self, name)}.")


@runtime_checkable
class Fit(Protocol):
    """Trains an objective on what `batches` makes of rows; the caller's loop."""

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


class Surrogate(nn.Module):
    """What each explained function would decide, from the pixels that a mask lets through."""

    def __init__(self, num_targets: Mapping[str, int]) -> None:
        super().__init__()
        self.num_targets = dict(num_targets)
        self.trunk = ConvEncoder((32, 64, 128), 192, sum(num_targets.values()), inputs=2)

    def forward(self, x: Images, mask: Mask) -> dict[str, Logits]:
        """Decide from x where the mask is 1; black pixels seen differ from pixels unseen."""
        seen = mask.unsqueeze(1)
        both = torch.cat([x * seen, seen.expand_as(x)], 1)
        logits = self.trunk(both.contiguous(memory_format=torch.channels_last))
        parts = logits.split(list(self.num_targets.values()), -1)
        return dict(zip(self.num_targets, parts, strict=True))


class SurrogateObjective(nn.Module):
    """Cross entropy of the surrogate to what the functions say of whole images, in nats."""

    def __init__(self, surrogate: Surrogate) -> None:
        super().__init__()
        self.surrogate = surrogate

    def forward(self, x: Images, mask: Mask, *probs: Probs) -> Tensor:
        """Evaluate the mean over the batch, summed over the functions."""
        logits = self.surrogate(x, mask).values()
        return sum(
            (functional.cross_entropy(*pair) for pair in zip(logits, probs, strict=True)),
            start=torch.zeros((), device=x.device),
        )


class CriticObjective(nn.Module):
    """The loss of all critics on one batch, one module so that processes average gradients."""

    def __init__(
        self,
        critics: Mapping[str, Critic],
        *,
        surrogate: Callable[[Images, Mask], Mapping[str, Logits]],
        explained: Explained,
        infill: Infill,
        training: CriticTraining,
    ) -> None:
        super().__init__()
        self.critics = nn.ModuleDict(critics)
        self._surrogate = surrogate
        self._explained = explained
        self._infill = infill
        self._training = training

    def forward(
        self,
        x: Images,
        other: Images,
        decisions: Int[Tensor, "batch names"],
        others: Int[Tensor, "batch names"],
        asked: Int[Tensor, "batch names"],
        budgets: Int[Tensor, " batch"],
        removals: Int[Tensor, "batch 2"],
        noise: Float[Tensor, "batch names height width"],
    ) -> Tensor:
        """Evaluate the loss.

        Args:
            x: Images.
            other: Another image for each.
            decisions: What each function decides of `x`.
            others: What it decides of `other`.
            asked: The target each critic is asked about, the decision or not.
            budgets: Pixels to mark.
            removals: Pixels to remove of those ranked first for the decision, and of those ranked
                last for another target.
            noise: On the scores.
        """
        total = torch.zeros((), device=x.device)
        for column, (name, critic) in enumerate(self.critics.items()):
            target, own = asked[:, column], asked[:, column] == decisions[:, column]
            scores = cast(Critic, critic).scores(x, target)
            noisy = scores + noise[:, column]
            mask = straight_through(noisy, budgets)
            kept = self._kept(name, x, mask, target, own)
            swapped = self._swapped(name, other, mask, target, others[:, column], own)
            filled = self._filled(name, x, mask, target, own)
            removed = self._removed(name, x, noisy, removals, target, own)
            total = total + kept + swapped + filled + removed + self._rough(scores)
        return total

    def _kept(
        self, name: str, x: Images, mask: Mask, target: Tensor, own: Bool[Tensor, " batch"]
    ) -> Tensor:
        """Let the pixels marked speak for the target, until the surrogate is sure."""
        odds = log_odds(self._surrogate(x, mask)[name], target)
        weight = torch.where(own, 1.0, self._training.other_weight)
        return (weight * functional.softplus(SURE - odds)).mean()

    def _swapped(
        self, name: str, other: Images, mask: Mask, target: Tensor, decision: Tensor, own: Tensor
    ) -> Tensor:
        """Let another image seen through the same mask speak for its own decision."""
        if not self._training.swap_weight:
            return mask.new_zeros(())
        logits = self._surrogate(other, mask)[name]
        gap = (
            logits.gather(1, decision.unsqueeze(1)) - logits.gather(1, target.unsqueeze(1))
        ).squeeze(1)
        weight = ((decision != target) & own).to(gap.dtype)
        return self._training.swap_weight * (weight * functional.softplus(APART - gap)).mean()

    def _filled(
        self, name: str, x: Images, mask: Mask, target: Tensor, own: Bool[Tensor, " batch"]
    ) -> Tensor:
        """Let the function, of an eighth of the batch, decide alike from the pixels marked."""
        if not self._training.fill_weight:
            return mask.new_zeros(())
        few = slice(math.ceil(len(x) / 8))
        odds = self._odds_filled(name, x[few], mask[few], target[few])
        return self._training.fill_weight * (own[few] * functional.softplus(APART - odds)).mean()

    def _removed(
        self, name: str, x: Images, scores: Tensor, removals: Tensor, target: Tensor, own: Tensor
    ) -> Tensor:
        """Let the function, of another quarter, decide otherwise without the first pixels.

        Asked about another target, let it decide so without the last ones, which speak against.
        """
        if not self._training.removal_weight:
            return scores.new_zeros(())
        few = slice(len(x) - math.ceil(len(x) / 4), None)
        count = removals[few].gather(1, (~own[few]).long().unsqueeze(1)).squeeze(1)
        sign = torch.where(own[few], 1.0, -1.0)
        rest = 1 - straight_through(sign.view(-1, 1, 1) * scores[few], count)
        odds = sign * self._odds_filled(name, x[few], rest, target[few])
        return self._training.removal_weight * functional.softplus(APART + odds).mean()

    def _odds_filled(
        self, name: str, x: Images, seen: Mask, target: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        return log_odds(self._explained[name](self._infill(x, seen)), target)

    def _rough(self, scores: Float[Tensor, "batch height width"]) -> Tensor:
        """Weigh the mean difference of neighbours."""
        down = (scores[:, 1:] - scores[:, :-1]).abs().mean()
        right = (scores[:, :, 1:] - scores[:, :, :-1]).abs().mean()
        return self._training.smooth_weight * (down + right)


def train_critics(
    images: ByteImages,
    *,
    explained: Explained,
    reconstruct: Callable[[Images], Images],
    config: CriticConfig,
    training: CriticTraining,
    fit: Fit | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> dict[str, Critic]:
    """Train a surrogate of frozen functions, and a critic of each against it.

    No label is read: a target is what the function decides, or any other.

    Args:
        images: Train images.
        explained: The functions, their weights frozen, on `device`.
        reconstruct: The model's image of an image, for the in-fill.
        config: What the critics are.
        training: How they are trained.
        fit: Trains an objective in place, called for "surrogate" and "critic"; `fit_one_cycle`
            where None.
        device: Where everything lives.
        seed: Of the weights; order and noise are the business of `fit`.

    Returns:
        A critic by name of function.

    Raises:
        ValueError: If a function decides between fewer than two targets.
    """
    fit = fit or fit_one_cycle
    pixels = images[: training.train_images].to(device)
    with torch.no_grad():
        probs = {name: _answers(forward, pixels) for name, forward in explained.items()}
    for name, answers in probs.items():
        if answers.shape[1] < 2:
            raise ValueError(f"`explained` must have two targets at least, '{name}' has one.")
    numbers = {name: answers.shape[1] for name, answers in probs.items()}
    surrogate = _seeded(lambda: Surrogate(numbers).to(device), seed + 2)
    fit(
        "surrogate",
        SurrogateObjective(surrogate),
        lambda rows, generator: _masked(pixels, probs, rows, generator),
        count=len(pixels),
        epochs=training.surrogate_epochs,
        learning_rate=training.surrogate_learning_rate,
    )
    surrogate.eval().requires_grad_(False)
    critics = _seeded(
        lambda: {n: Critic(config, k).to(device) for n, k in numbers.items()}, seed + 3
    )
    neutral = pixels.mean(0, dtype=torch.float32).div(255).reshape(1, 1, *pixels.shape[1:])
    batches = _Batches(pixels, probs, config.budget, training.other_targets)
    fit(
        "critic",
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
    """Train by Adam on batches of 256 in one process, without state; a `Fit`."""
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


def log_odds(logits: Logits, target: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Evaluate log p(target) - log(1 - p(target)), which does not level off as log p does."""
    column = target.unsqueeze(1)
    others = logits.scatter(1, column, -torch.inf).logsumexp(1)
    return logits.gather(1, column).squeeze(1) - others


def straight_through(
    scores: Float[Tensor, "batch height width"], budgets: Int[Tensor, " batch"]
) -> Mask:
    """Mark the top pixels exactly, with gradients as if a pixel could be marked in part.

    To raise a pixel is to pay for it with those at the threshold, so its score gains the
    difference of its worth and theirs: at rest all pixels marked are worth more than any other.
    """
    return _StraightThrough.apply(scores, budgets)  # type: ignore[no-any-return]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, budgets: Tensor) -> Tensor:  # noqa: ANN401  torch's
        flat = scores.flatten(1)
        order = flat.sort(1, descending=True).values
        ends = torch.stack([budgets - 1, budgets], 1)
        away = flat - order.gather(1, ends).mean(1, keepdim=True)
        ctx.save_for_backward(away)
        return (away > 0).to(scores.dtype).view_as(scores)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (away,) = ctx.saved_tensors
        worth = gradient.flatten(1)
        threshold = _bell(away / NARROW)
        price = (threshold * worth).sum(1, keepdim=True) / threshold.sum(1, keepdim=True)
        return (_bell(away / WIDE) * (worth - price)).view_as(gradient), None


def _bell(x: Tensor) -> Tensor:
    """Slope of the logistic function, 1 at its middle."""
    return 4 * torch.sigmoid(x) * torch.sigmoid(-x)


class _Batches:
    """Draws what a step of the critics needs, from the loop's generator."""

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
        most = x[0].numel() - 1
        budgets = torch.where(uniform(count) < 0.5, self.budget, varied.clamp_max(most))
        share = uniform(count)
        removals = torch.stack(
            [log_uniform(*ends, share).long() for ends in (FIRST_REMOVED, LAST_REMOVED)], 1
        )
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
