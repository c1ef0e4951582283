"""The objective of the critic: keep the decision, be small, be smooth."""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..._types import Images, Logits, Mask
from ...evaluation.infill import Infill
from ...image_spec import ImageSpec
from ...models.critic import Critic
from ...models.layers import ConvEncoder
from ..config import CriticTraining

__all__ = [
    "Explained",
    "Surrogate",
    "log_odds",
    "straight_through",
]

Explained = Mapping[str, Callable[[Images], Logits]]
"""Frozen functions by name, each from images to logits."""
NARROW, WIDE = 0.5, 2.0
"""Distances from the threshold, in scores, within which pixels lose and gain gradient."""
SURE = 5.0
"""Log odds of the decision above which a mask adds no loss."""
APART = 3.0
"""Log odds beyond which the swap, fill and removal terms add almost no loss."""


class Surrogate(nn.Module):
    """Predicts each explained function's decision from the pixels that a mask shows."""

    def __init__(self, num_targets: Mapping[str, int], image: ImageSpec = ImageSpec()) -> None:  # noqa: B008
        super().__init__()
        self.num_targets = dict(num_targets)
        outputs = sum(num_targets.values())
        self.trunk = ConvEncoder((32, 64, 128), 192, outputs, image=image, more_inputs=1)

    def forward(self, x: Images, mask: Mask) -> dict[str, Logits]:
        """Predict from x where the mask is 1; visible black pixels differ from hidden ones."""
        seen = mask.unsqueeze(1)
        both = torch.cat([x * seen, seen], 1)
        logits = self.trunk(both.contiguous(memory_format=torch.channels_last))
        parts = logits.split(list(self.num_targets.values()), -1)
        return dict(zip(self.num_targets, parts, strict=True))


class SurrogateObjective(nn.Module):
    """Cross entropy of the surrogate to the functions' decisions on whole images, in nats."""

    def __init__(self, surrogate: Surrogate) -> None:
        super().__init__()
        self.surrogate = surrogate

    def forward(self, x: Images, mask: Mask, *probs: Float[Tensor, "batch _"]) -> Tensor:
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
            decisions: Each function's decision on `x`.
            others: Each function's decision on `other`.
            asked: The target of each critic, which may differ from the decision.
            budgets: Number of pixels to mark.
            removals: Number of pixels to remove among those ranked first for the decision, and
                among those ranked last for another target.
            noise: Noise added to the scores.
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
        """Raise the target's log odds under the surrogate, given the marked pixels."""
        odds = log_odds(self._surrogate(x, mask)[name], target)
        weight = torch.where(own, 1.0, self._training.other_weight)
        return (weight * functional.softplus(SURE - odds)).mean()

    def _swapped(
        self, name: str, other: Images, mask: Mask, target: Tensor, decision: Tensor, own: Tensor
    ) -> Tensor:
        """Raise the log odds of another image's decision when seen through the same mask."""
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
        """Keep the function's decision given the marked pixels, on an eighth of the batch."""
        if not self._training.fill_weight:
            return mask.new_zeros(())
        few = slice(math.ceil(len(x) / 8))
        odds = self._odds_filled(name, x[few], mask[few], target[few])
        return self._training.fill_weight * (own[few] * functional.softplus(APART - odds)).mean()

    def _removed(
        self, name: str, x: Images, scores: Tensor, removals: Tensor, target: Tensor, own: Tensor
    ) -> Tensor:
        """Change the function's decision without the top-ranked pixels, on another quarter.

        For another target, make it the decision without the lowest-ranked pixels, its
        counterevidence.
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
        """Return the weighted mean difference of neighbouring pixels."""
        down = (scores[:, 1:] - scores[:, :-1]).abs().mean()
        right = (scores[:, :, 1:] - scores[:, :, :-1]).abs().mean()
        return self._training.smooth_weight * (down + right)


def log_odds(logits: Logits, target: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Evaluate log p(target) - log(1 - p(target)), which does not saturate as log p does."""
    column = target.unsqueeze(1)
    others = logits.scatter(1, column, -torch.inf).logsumexp(1)
    return logits.gather(1, column).squeeze(1) - others


def straight_through(
    scores: Float[Tensor, "batch height width"], budgets: Int[Tensor, " batch"]
) -> Mask:
    """Mark the top pixels exactly, with gradients as if a pixel could be marked in part.

    Raising a pixel displaces those at the threshold, so the gradient of its score is the
    difference between its value and theirs: at a stationary point, all marked pixels are worth
    more than the others.
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
        threshold = _gaussian_kernel(away / NARROW)
        price = (threshold * worth).sum(1, keepdim=True) / threshold.sum(1, keepdim=True)
        return (_gaussian_kernel(away / WIDE) * (worth - price)).view_as(gradient), None


def _gaussian_kernel(x: Tensor) -> Tensor:
    """Slope of the logistic function, 1 at its middle."""
    return 4 * torch.sigmoid(x) * torch.sigmoid(-x)
