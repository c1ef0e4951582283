"""The independent supervised CNN whose decisions are explained.

It is trained with labels, never sees the cluster VAE, and differs from its encoder in
architecture and seed.
"""

from torch import nn

from .layers import initialise

__all__ = ["Classifier"]


class Classifier(nn.Sequential):
    """Images (batch, 1, 28, 28) to logits of classes: convolutions and max pooling."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, 24, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(48, 96, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(96 * 9, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, num_classes),
        )
        self.num_classes = num_classes
        initialise(self)
