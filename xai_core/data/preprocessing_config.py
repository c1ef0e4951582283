"""How the images of a data set are read: settings stored in a bundle for all readers."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from .._text import listed
from ..errors import ConfigError
from ..image_spec import ImageSpec, Look

__all__ = ["INVARIANCES", "Invariance", "Preprocessing", "Strategy"]

Strategy = Literal["digits", "glyphs", "natural"]
"""How images are read: digits, cropped and centred as in MNIST; grey ink on a plain background; or
photographs, unchanged, in colour or grey."""

Invariance = Literal[
    "tilt", "rotation", "scale", "shear", "shift", "elastic", "flip", "brightness", "hue"
]
"""A deformation that must not change the cluster; a tilt is a rotation by up to 15 degrees."""

INVARIANCES: Mapping[Strategy, tuple[Invariance, ...]] = {
    "digits": ("tilt", "scale", "shear", "shift", "elastic"),
    "glyphs": ("tilt", "scale", "shear", "shift", "elastic"),
    "natural": ("rotation", "scale", "shift", "flip", "brightness"),
}
"""The default deformations of each strategy."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How the images of a data set were read, and so how new ones are read.

    Attributes:
        strategy: "digits", "glyphs" or "natural".
        channels: 1 or 3; images of the other number are converted.
        height: Height that images are scaled into, keeping their proportions.
        width: Width, in the same way.
        inverted: Whether the images were dark on light and have been inverted.
        by_border: Whether the polarity of a new image follows its own border rather than
            `inverted`; only if no image of the set contradicts the set's polarity.
        ground: Grey level of the background, after inversion. Images on another plain background
            are converted to this one.
        full_scale: The stored value that was taken as white.
        invariances: Deformations that must not change the cluster; None for the strategy's
            default.
    """

    strategy: Strategy = "glyphs"
    channels: int = 1
    height: int = 28
    width: int = 28
    inverted: bool = False
    by_border: bool = False
    ground: int = 0
    full_scale: int = 255
    invariances: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Raise an error for settings that contradict each other."""
        if self.strategy not in get_args(Strategy):
            raise ConfigError(
                f"`strategy` must be one of {listed(get_args(Strategy))}, got {self.strategy!r}."
            )
        usual = INVARIANCES[self.strategy]
        chosen = usual if self.invariances is None else tuple(self.invariances)
        object.__setattr__(self, "invariances", chosen)
        if unknown := set(chosen) - set(get_args(Invariance)):
            raise ConfigError(
                f"`invariances` must be some of {', '.join(get_args(Invariance))}, got "
                f"{min(unknown)!r:.60}."
            )
        if self.strategy == "digits" and self.spec.shape != (1, 28, 28):
            raise ConfigError(f"`strategy` 'digits' makes 28 x 28 pixels, grey, not {self.spec}.")

    @property
    def spec(self) -> ImageSpec:
        """Return the form of the images."""
        look: Look = "dark_on_light" if self.inverted else "light_on_dark"
        return ImageSpec(
            channels=self.channels,
            height=self.height,
            width=self.width,
            look="natural" if self.strategy == "natural" else look,
        )

    @property
    def of_drawings(self) -> "Preprocessing":
        """Return the same settings for drawings, which are light on dark."""
        return dataclasses.replace(self, inverted=False, by_border=False, full_scale=255)
