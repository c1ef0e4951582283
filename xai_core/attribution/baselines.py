"""Baselines: images that represent "nothing there", from which attribution measures change.

On MNIST, black is the background: a black baseline cannot attribute anything to absent strokes.

References:
    Visualizing the Impact of Feature Attribution Baselines (Sturmfels et al., 2020),
    https://doi.org/10.23915/distill.00022
"""

from dataclasses import dataclass

import torch
from torch import nn

from .._types import Images

__all__ = ["BASELINES", "BaselineCard", "blurred"]


@dataclass(frozen=True, kw_only=True)
class BaselineCard:
    """Description of a baseline.

    Attributes:
        name: Key in `BASELINES`.
        title: Title shown to users.
        per_image: Whether each image has its own; methods that take a set cannot use these.
        several: Whether it is a set of images; methods that take one baseline cannot use it.
        note: One-sentence description.
    """

    name: str
    title: str
    per_image: bool = False
    several: bool = False
    note: str

    def serves(self, wanted: str) -> bool:
        """Return whether a method that takes "none", "one" or a "set" can use this baseline."""
        return (wanted == "one" and not self.several) or (wanted == "set" and not self.per_image)


BASELINES = {
    card.name: card
    for card in (
        BaselineCard(
            name="mean",
            title="Mean image",
            note="The mean of the train images: every stroke faint.",
        ),
        BaselineCard(name="zero", title="Black", note="No ink; absent strokes then get no share."),
        BaselineCard(
            name="blurred",
            title="Blurred image",
            per_image=True,
            note="The image itself, blurred until its strokes are gone.",
        ),
        BaselineCard(
            name="other_cluster",
            title="Same place, other cluster",
            per_image=True,
            note="The image's place in its cluster, decoded in the second most probable one.",
        ),
        BaselineCard(
            name="prototypes",
            title="Prototypes of all clusters",
            several=True,
            note="What the model decodes at the centre of each cluster.",
        ),
    )
}
"""The baselines by name."""


def blurred(images: Images, deviation: float | int | None = None) -> Images:
    """Blur images with a Gaussian, replicating their borders.

    Args:
        images: In [0, 1].
        deviation: Standard deviation of the Gaussian, in pixels; None for a seventh of the shorter
            side.
    """
    deviation = min(images.shape[-2:]) / 7 if deviation is None else deviation
    radius = min(int(3 * deviation), min(images.shape[-2:]) - 1)
    along = torch.arange(-radius, radius + 1).to(images)
    kernel = torch.softmax(-along.square() / (2 * deviation**2), 0)
    grey = images.flatten(0, 1).unsqueeze(1)
    padded = nn.functional.pad(grey, (radius,) * 4, mode="replicate")
    rows = nn.functional.conv2d(padded, kernel.reshape(1, 1, -1, 1))
    return nn.functional.conv2d(rows, kernel.reshape(1, 1, 1, -1)).view_as(images)
