"""The independent supervised CNN whose decisions are explained.

It is trained with labels, never sees the cluster VAE, and differs from its encoder in
architecture and seed.
"""

from torch import nn

from ..image_spec import ImageSpec
from .layers import depth_of, initialise

__all__ = ["Classifier"]


WIDTHS = (24, 48, 96)


class Classifier(nn.Sequential):
    """Map images to class logits by convolutions and max pooling; depth follows image size."""

    def __init__(self, num_classes: int = 10, image: ImageSpec = ImageSpec()) -> None:  # noqa: B008
        height, width = (image.height + 1) // 2, (image.width + 1) // 2
        layers = [nn.Conv2d(image.channels, WIDTHS[0], 5, stride=2, padding=2), nn.ReLU()]
        inputs = WIDTHS[0]
        for step in range(1, max(2, depth_of(image))):
            outer = WIDTHS[min(step, len(WIDTHS) - 1)]
            layers += [nn.Conv2d(inputs, outer, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs, height, width = outer, height // 2, width // 2
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(inputs * height * width, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, num_classes),
        )
        self.num_classes = num_classes
        self.image = image
        initialise(self)
