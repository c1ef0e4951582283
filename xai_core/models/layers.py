"""The networks: one ReLU module per use and no normalisation layers.

Every layer is one that Captum's hook-based methods have rules for, and none mixes the images
of a batch, so that processes which share a batch compute what one process would.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import Images, Latents

__all__ = ["ConvDecoder", "ConvEncoder", "initialise"]


class ConvEncoder(nn.Sequential):
    """Images (batch, inputs, 28, 28) to `outputs` numbers, by three strided convolutions."""

    def __init__(
        self, channels: tuple[int, int, int], hidden: int, outputs: int, inputs: int = 1
    ) -> None:
        first, second, third = channels
        super().__init__(
            nn.Conv2d(inputs, first, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(third * 16, hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )
        initialise(self)


class ConvDecoder(nn.Module):
    """Latents, and cluster probabilities where it reads them, to logits of pixels.

    The last layers are sub-pixel convolutions (Shi et al., 2016, https://arxiv.org/abs/1609.05158):
    they cost half of a transposed convolution at full resolution.
    """

    def __init__(
        self, latent_dim: int, num_conditions: int, channels: tuple[int, int, int], hidden: int
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.from_latent = nn.Linear(latent_dim, hidden)
        self.from_cluster = (
            nn.Linear(num_conditions, hidden, bias=False) if num_conditions else None
        )
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Linear(hidden, third * 49),
            nn.ReLU(),
            nn.Unflatten(1, (third, 7, 7)),
            nn.Conv2d(third, second * 4, 3, padding=1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            nn.Conv2d(second, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )
        initialise(self)

    def forward(
        self, z: Latents, conditions: Float[Tensor, "batch clusters"] | None = None
    ) -> Images:
        """Decode to logits of shape (batch, 1, 28, 28)."""
        hidden = self.from_latent(z)
        if self.from_cluster is not None and conditions is not None:
            hidden = hidden + self.from_cluster(conditions)
        return self.layers(hidden)


def initialise(module: nn.Module) -> None:
    """Scale the weights for ReLU (He et al., 2015), in channels-last memory."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    last = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(0.5)
    module.to(memory_format=torch.channels_last)
