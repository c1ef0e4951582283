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
"""Pixels of a side at most on which scores are computed; larger images are averaged to it."""
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
        if not 1 <= self.budget < LARGEST_SIDE**2:
            raise ConfigError(f"`budget` must be in [1, {LARGEST_SIDE**2}), got {self.budget}.")
        if self.hidden < 1:
            raise ConfigError(f"`hidden` must be at least 1, got {self.hidden}.")


class Critic(nn.Module):
    """Images and targets to masks in [0, 1].

    Exactly `config.budget` pixels of a mask are above 1/2; the others are in their order. The
    layers are dense, for a pixel's worth depends on strokes anywhere, and images are aligned. Of
    images larger than `GRID` the worth of a pixel is that of its place on a coarser grid.
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
        """Score each pixel, within +-`HIGHEST`; the differences between pixels count.

        The score of a pixel is a + b x: what it is worth if black, and the more for its ink.
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
        """Mark the pixels that speak for `target`: the threshold of the budget is at 1/2."""
        scores = self.scores(x, target)
        top = scores.flatten(1).topk(self.config.budget + 1).values
        threshold = (top[:, -1] + top[:, -2]) / 2
        return torch.sigmoid(scores - threshold.view(-1, 1, 1))


def critic_config(image: ImageSpec) -> CriticConfig:
    """Return the settings of a critic of images: 31 of MNIST's 784 pixels, and the same share."""
    return CriticConfig(budget=image.share_of(31), hidden=256 if image.pixels <= 784 else 64)


def marked(mask: Mask, budget: int) -> Mask:
    """Return the mask of zeros and ones of the `budget` highest pixels, as it is judged."""
    return top_pixels(mask, budget)
