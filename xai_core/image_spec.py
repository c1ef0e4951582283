"""The form of the images of a data set, on which networks and pages depend."""

from dataclasses import dataclass
from typing import Literal, get_args

from .errors import ConfigError

__all__ = ["LARGEST_SIDE", "SMALLEST_SIDE", "ImageSpec", "Look"]

Look = Literal["light_on_dark", "dark_on_light", "natural"]
"""Stored look: ink on a plain background, lighter or darker than it; or photographs."""

SMALLEST_SIDE, LARGEST_SIDE = 8, 128
"""Range of an image's side in pixels."""


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The form of images as models read them: MNIST's by default.

    Attributes:
        channels: 1 for grey, 3 for red, green and blue.
        height: Height in pixels, 8 to 128.
        width: Width in pixels, 8 to 128; images need not be square.
        look: Look of the stored images. Models always read ink as light on dark; `natural` images
            are not changed.
    """

    channels: int = 1
    height: int = 28
    width: int = 28
    look: Look = "light_on_dark"

    def __post_init__(self) -> None:
        """Raise an error for an invalid form."""
        if self.channels not in (1, 3):
            raise ConfigError(f"`channels` must be 1 or 3, got {self.channels}.")
        for name, side in (("height", self.height), ("width", self.width)):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ConfigError(
                    f"`{name}` must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got {side}."
                )
        if self.look not in get_args(Look):
            choices = ", ".join(map(repr, get_args(Look)))
            raise ConfigError(f"`look` must be one of {choices}, got {self.look!r}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, height and width."""
        return self.channels, self.height, self.width

    @property
    def pixels(self) -> int:
        """Return the number of pixels, 784 for MNIST."""
        return self.height * self.width

    def share_of(self, pixels_of_mnist: float | int) -> int:
        """Scale a number of pixels from MNIST's 784 to this form, to at least one."""
        return max(1, round(pixels_of_mnist * self.pixels / 784))

    def __str__(self) -> str:
        """Describe the form: "28 x 28 pixels, grey", width first."""
        colour = "grey" if self.channels == 1 else "colour"
        return f"{self.width} x {self.height} pixels, {colour}"
