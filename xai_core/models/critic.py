"""The critic: a network that marks, in one pass, the pixels a decision needs.

References:
    Real Time Image Saliency for Black Box Classifiers (Dabkowski & Gal, 2017),
    https://arxiv.org/abs/1705.07857.
    Have We Learned to Explain? (Jethani et al., 2021), https://arxiv.org/abs/2103.01890, for
    selectors that write the answer into the shape of their mask.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .._types import Images, Mask
from ..errors import ConfigError
from ..image_spec import LARGEST_SIDE, ImageSpec
from .pixel_masks import top_pixels

__all__ = ["Critic", "CriticConfig", "critic_config", "marked"]

GRID = 28
"""Largest side of the grid of scores, in pixels; larger images are averaged down to it."""
HIGHEST = 12.0
"""Scores are limited to this, so that distinct ones stay distinct after the float32 sigmoid."""


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """Settings of a critic.

    Attributes:
        budget: Number of pixels marked per image.
        hidden: Width of its two hidden layers.
    """

    budget: int = 31
    hidden: int = 256

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        if not 1 <= self.budget < LARGEST_SIDE**2:
            raise ConfigError(f"`budget` must be in [1, {LARGEST_SIDE**2}), got {self.budget}.")
        if self.hidden < 1:
            raise ConfigError(f"`hidden` must be at least 1, got {self.hidden}.")


class Critic(nn.Module):
    """Map images and targets to masks in [0, 1].

    Exactly `config.budget` pixels of a mask are above 1/2; all values keep the order of the
    scores. The layers are dense because a pixel's score depends on strokes anywhere and images are
    aligned. Images larger than `GRID` are scored on a coarser grid.
    """

    def __init__(
        self,
        config: CriticConfig,
        num_targets: int,
        image: ImageSpec = ImageSpec(),  # noqa: B008
    ) -> None:
        super().__init__()
        if config.budget >= image.pixels:
            raise ConfigError(f"`budget` must be below {image.pixels}, got {config.budget}.")
        self.config = config
        self.image = image
        self.num_targets = num_targets
        self.factor = -(-max(image.height, image.width) // GRID)
        self.grid = -(-image.height // self.factor), -(-image.width // self.factor)
        pixels, hidden = math.prod(self.grid), config.hidden
        self.first = nn.Linear(image.channels * pixels, hidden)
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
        """Score each pixel within +-`HIGHEST`; only differences between pixels matter.

        The score is a + b x: a value for a black pixel plus a term for its ink.
        """
        seen = x if self.factor == 1 else functional.adaptive_avg_pool2d(x, self.grid)
        hidden = (self.first(seen.flatten(1)) + self.first_of_target(target)).relu()
        hidden = (self.second(hidden) + self.second_of_target(target)).relu()
        worth = self.last(hidden) + self.last_of_target(target)
        black, ink = worth.view(len(x), 2, *self.grid).unbind(1)
        if self.factor > 1:
            black, ink = (self._enlarged(part) for part in (black, ink))
        brightness = x[:, 0] if x.shape[1] == 1 else x.mean(1)
        return HIGHEST * functional.softsign((black + ink * brightness) / HIGHEST)

    def _enlarged(self, scores: Float[Tensor, "batch _ _"]) -> Float[Tensor, "batch _ _"]:
        size = self.image.height, self.image.width
        return functional.interpolate(scores[:, None], size, mode="bilinear")[:, 0]

    def forward(self, x: Images, target: Int[Tensor, " batch"]) -> Mask:
        """Mark the evidence for `target`, scaled so that the budget's threshold is at 1/2."""
        scores = self.scores(x, target)
        top = scores.flatten(1).topk(self.config.budget + 1).values
        threshold = (top[:, -1] + top[:, -2]) / 2
        return torch.sigmoid(scores - threshold.view(-1, 1, 1))


def critic_config(image: ImageSpec) -> CriticConfig:
    """Return the settings for a form of images: a budget of 31 of 784 pixels or the same share."""
    return CriticConfig(budget=image.share_of(31), hidden=256 if image.pixels <= 784 else 64)


def marked(mask: Mask, budget: int) -> Mask:
    """Binarise a mask, as it is evaluated: ones at the `budget` highest pixels."""
    return top_pixels(mask, budget)
