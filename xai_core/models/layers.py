"""The networks: one ReLU module per use and no normalisation layers.

Captum's hook-based methods have rules for every layer. No layer mixes the images of a batch, so
processes that share a batch compute the same as a single process.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import Images, Latents, Logits
from ..image_spec import ImageSpec

__all__ = ["ConditionedEncoder", "ConvDecoder", "ConvEncoder", "depth_of", "initialise"]

MNIST = ImageSpec()


def depth_of(image: ImageSpec) -> int:
    """Return the number of halvings of an image: 3 for 28 x 28 pixels, down to 4 x 4."""
    return max(1, round(math.log2(math.sqrt(image.pixels) / 4)))


def _widths(channels: tuple[int, int, int], depth: int) -> list[int]:
    """Return one width per halving: the first ones, or the last one repeated."""
    return [*channels, *[channels[-1]] * depth][:depth]


class ConvEncoder(nn.Sequential):
    """Map images to `outputs` numbers by strided convolutions; depth follows image size."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        hidden: int,
        outputs: int,
        *,
        image: ImageSpec = MNIST,
        more_inputs: int = 0,
    ) -> None:
        """Build the network.

        Args:
            channels: Widths of the first three convolutions; further ones repeat the third.
            hidden: Width of the fully connected layer.
            outputs: Numbers per image.
            image: Form of the images.
            more_inputs: Input channels in addition to the image's.
        """
        layers: list[nn.Module] = []
        inputs, height, width = image.channels + more_inputs, image.height, image.width
        for step, outer in enumerate(_widths(channels, depth_of(image))):
            size = 3 if step else 5
            layers += [nn.Conv2d(inputs, outer, size, stride=2, padding=size // 2), nn.ReLU()]
            inputs, height, width = outer, (height + 1) // 2, (width + 1) // 2
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Linear(inputs * height * width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )
        initialise(self)


class ConditionedEncoder(nn.Module):
    """Map images and the q(c|x) of another encoder to `outputs` numbers.

    In training mode no gradient passes from the numbers to q(c|x): codes follow the clusters, not
    the other way round.

    Args:
        encoder: Images to `outputs` numbers.
        cluster_encoder: Images to the logits of q(c|x).
        num_clusters: K.
        outputs: Numbers per image.
    """

    def __init__(
        self, encoder: nn.Module, cluster_encoder: nn.Module, num_clusters: int, outputs: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.given = (cluster_encoder,)  # a module of the model's: not registered a second time
        self.from_cluster = nn.Linear(num_clusters, outputs, bias=False)
        nn.init.zeros_(self.from_cluster.weight)

    def forward(self, x: Images, cluster_logits: Logits | None = None) -> Latents:
        """Encode images; None for the logits that `cluster_encoder` gives."""
        logits = self.given[0](x) if cluster_logits is None else cluster_logits
        probs = logits.softmax(-1).to(self.from_cluster.weight.dtype)
        return self.encoder(x) + self.from_cluster(probs.detach() if self.training else probs)


class ConvDecoder(nn.Module):
    """Map latents, and optionally cluster probabilities, to logits of pixels.

    The last layers are sub-pixel convolutions (Shi et al., 2016, https://arxiv.org/abs/1609.05158):
    they cost half of a transposed convolution at full resolution.
    """

    def __init__(
        self,
        latent_dim: int,
        num_conditions: int,
        channels: tuple[int, int, int],
        hidden: int,
        *,
        image: ImageSpec = MNIST,
    ) -> None:
        super().__init__()
        first, second, third = channels
        doublings = max(1, depth_of(image) - 1)
        height, width = (-(-side // 2**doublings) for side in (image.height, image.width))
        self.size = image.height, image.width
        self.from_latent = nn.Linear(latent_dim, hidden)
        self.from_cluster = (
            nn.Linear(num_conditions, hidden, bias=False) if num_conditions else None
        )
        layers: list[nn.Module] = [
            nn.ReLU(),
            nn.Linear(hidden, third * height * width),
            nn.ReLU(),
            nn.Unflatten(1, (third, height, width)),
        ]
        inputs = third
        for _ in range(doublings - 1):
            layers += [nn.Conv2d(inputs, second * 4, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
            inputs = second
        layers += [
            nn.Conv2d(inputs, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, 4 * image.channels, 3, padding=1),
            nn.PixelShuffle(2),
        ]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(
        self, z: Latents, conditions: Float[Tensor, "batch clusters"] | None = None
    ) -> Images:
        """Decode to logits, one per channel and pixel."""
        hidden = self.from_latent(z)
        if self.from_cluster is not None and conditions is not None:
            hidden = hidden + self.from_cluster(conditions)
        decoded = self.layers(hidden)
        height, width = self.size  # crop sides that are not a multiple of the upsampling factor
        return decoded if decoded.shape[2:] == self.size else decoded[..., :height, :width]


def initialise(module: nn.Module) -> None:
    """Initialise weights for ReLU (He et al., 2015), channels last; skip meta tensors."""
    if next(module.parameters()).is_meta:
        return
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    last = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(0.5)
    module.to(memory_format=torch.channels_last)
