"""The critic: a network that marks, in one pass, the pixels a decision needs.

References:
    Real Time Image Saliency for Black Box Classifiers (Dabkowski & Gal, 2017),
    https://arxiv.org/abs/1705.07857.
    Have We Learned to Explain? (Jethani et al., 2021), https://arxiv.org/abs/2103.01890, for
    selectors that write the answer into the shape of their mask.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .._types import Images, Mask
from ..errors import ConfigError
from .pixel_masks import top_pixels

__all__ = ["Critic", "CriticConfig", "marked"]

SIDE = 28
HIGHEST = 12.0
"""Scores end here, so that no two values of a mask fall together in float32."""


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """What a critic is.

    Attributes:
        budget: Pixels it marks of each image.
        hidden: Width of its two hidden layers.
    """

    budget: int = 31
    hidden: int = 256

    def __post_init__(self) -> None:
        """Refuse settings outside their range."""
        if not 1 <= self.budget < SIDE * SIDE:
            raise ConfigError(f"`budget` must be in [1, {SIDE * SIDE}), got {self.budget}.")
        if self.hidden < 1:
            raise ConfigError(f"`hidden` must be at least 1, got {self.hidden}.")


class Critic(nn.Module):
    """Images (batch, 1, 28, 28) and targets to masks in [0, 1].

    Exactly `config.budget` pixels of a mask are above 1/2; the others are in their order. The
    layers are dense, for a pixel's worth depends on strokes anywhere, and images are aligned.
    """

    def __init__(self, config: CriticConfig, num_targets: int) -> None:
        super().__init__()
        self.config = config
        self.num_targets = num_targets
        pixels, hidden = SIDE * SIDE, config.hidden
        self.first = nn.Linear(pixels, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 2 * pixels)
        self.first_of_target = nn.Embedding(num_targets, hidden)
        self.second_of_target = nn.Embedding(num_targets, hidden)
        self.last_of_target = nn.Embedding(num_targets, 2 * pixels)
        for layer in (self.first, self.second, self.last):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        for embedding in (self.first_of_target, self.second_of_target):
            nn.init.normal_(embedding.weight, std=0.3)
        nn.init.zeros_(self.last_of_target.weight)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def scores(
        self, x: Images, target: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch height width"]:
        """Score each pixel, within +-`HIGHEST`; the differences between pixels count.

        The score of a pixel is a + b x: what it is worth if black, and the more for its ink.
        """
        flat = x.flatten(1)
        hidden = (self.first(flat) + self.first_of_target(target)).relu()
        hidden = (self.second(hidden) + self.second_of_target(target)).relu()
        black, ink = (self.last(hidden) + self.last_of_target(target)).chunk(2, 1)
        scores = HIGHEST * functional.softsign((black + ink * flat) / HIGHEST)
        return scores.view_as(x[:, 0])

    def forward(self, x: Images, target: Int[Tensor, " batch"]) -> Mask:
        """Mark the pixels that speak for `target`: the threshold of the budget is at 1/2."""
        scores = self.scores(x, target)
        top = scores.flatten(1).topk(self.config.budget + 1).values
        threshold = (top[:, -1] + top[:, -2]) / 2
        return torch.sigmoid(scores - threshold.view(-1, 1, 1))


def marked(mask: Mask, budget: int) -> Mask:
    """Return the mask of zeros and ones of the `budget` highest pixels, as it is judged."""
    return top_pixels(mask, budget)
