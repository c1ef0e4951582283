"""Settings of the attribution methods: names, ranges, units and defaults."""

from dataclasses import dataclass, replace

from .._arguments import check_fields
from ..errors import ConfigError

__all__ = ["CONTROLS", "AttributionConfig", "Control"]


@dataclass(frozen=True, kw_only=True)
class Control:
    """One setting, described well enough to draw a widget for it.

    Attributes:
        name: Field of `AttributionConfig`.
        title: Title in a word or two.
        default: Default value; an int for counts.
        low: Smallest value allowed.
        high: Largest value allowed.
        step: Step of a slider.
        unit: Unit of the value.
        share: For settings in pixels, the default as a share of the image's shorter side;
            `default` and `high` then hold for 28 pixels.
    """

    name: str
    title: str
    default: int | float
    low: int | float
    high: int | float
    step: int | float
    unit: str
    share: float | None = None

    def at(self, side: int) -> "Control":
        """Return the control for images with this shorter side, in pixels."""
        if self.share is None:
            return self
        return replace(self, default=max(1, round(self.share * side)), high=max(1, side // 2))


CONTROLS = {
    control.name: control
    for control in (
        Control(
            name="n_steps",
            title="Steps",
            default=20,
            low=2,
            high=256,
            step=1,
            unit="points on the path from the baseline",
        ),
        Control(
            name="n_samples",
            title="Samples",
            default=16,
            low=1,
            high=256,
            step=1,
            unit="noisy copies averaged",
        ),
        Control(
            name="n_points",
            title="Points",
            default=20,
            low=1,
            high=512,
            step=1,
            unit="points on the paths from all baselines",
        ),
        Control(
            name="stdevs",
            title="Noise",
            default=0.15,
            low=0.01,
            high=1.0,
            step=0.01,
            unit="standard deviation, in pixels' range [0, 1]",
        ),
        Control(
            name="n_permutations",
            title="Permutations",
            default=10,
            low=1,
            high=200,
            step=1,
            unit="random orders averaged",
        ),
        Control(
            name="patch",
            title="Patch",
            default=4,
            low=1,
            high=14,
            step=1,
            unit="pixels a side",
            share=1 / 7,
        ),
        Control(
            name="stride",
            title="Stride",
            default=2,
            low=1,
            high=14,
            step=1,
            unit="pixels a step",
            share=1 / 14,
        ),
        Control(
            name="gamma",
            title="Gamma",
            default=0.25,
            low=0.0,
            high=2.0,
            step=0.05,
            unit="extra weight of positive evidence in convolutions",
        ),
        Control(
            name="epsilon",
            title="Epsilon",
            default=0.01,
            low=1e-6,
            high=1.0,
            step=0.01,
            unit="added to what dense layers divide by, in their outputs' units",
        ),
    )
}
"""All settings by name; a method's card lists those it reads."""


@dataclass(frozen=True, kw_only=True)
class AttributionConfig:
    """Settings of all methods; each reads those that its card lists.

    Attributes:
        n_steps: Points of the quadrature along the path of integrated gradients.
        n_samples: Noisy copies averaged by smoothgrad.
        n_points: Points of gradient_shap, rounded up to a multiple of the number of baselines.
        stdevs: Standard deviation of smoothgrad's noise, in pixels' range [0, 1].
        n_permutations: Random orders averaged by shapley_sampling.
        patch: Side of the squares that are removed together, in pixels; None for a seventh of
            the image's shorter side.
        stride: Step of occlusion's window, in pixels, at most `patch`; None for a fourteenth of
            the shorter side, or `patch` where that is less.
        gamma: LRP's extra weight of positive evidence in convolutions.
        epsilon: LRP's stabiliser in dense layers, in the units of their outputs.
    """

    n_steps: int = int(CONTROLS["n_steps"].default)
    n_samples: int = int(CONTROLS["n_samples"].default)
    n_points: int = int(CONTROLS["n_points"].default)
    stdevs: float = CONTROLS["stdevs"].default
    n_permutations: int = int(CONTROLS["n_permutations"].default)
    patch: int | None = None
    stride: int | None = None
    gamma: float = CONTROLS["gamma"].default
    epsilon: float = CONTROLS["epsilon"].default

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        check_fields(self)
        for name, control in CONTROLS.items():
            value = getattr(self, name)
            if control.share is not None and (value is None or value >= control.low):
                continue  # the upper limit depends on the image size
            if not control.low <= value <= control.high:
                raise ConfigError(
                    f"`{name}` must be in [{control.low:g}, {control.high:g}], got {value}."
                )
        if self.stride is not None and self.patch is not None:
            _check_stride(self.stride, self.patch)

    def window(self, height: int, width: int) -> tuple[int, int]:
        """Return the side of the squares removed and the step between them, in pixels.

        Args:
            height: Height of the images.
            width: Width of the images.

        Raises:
            ConfigError: If the squares are larger than the images.
        """
        side = min(height, width)
        usual = (CONTROLS[name].at(side).default for name in ("patch", "stride"))
        patch, stride = (int(value) for value in usual)
        patch = self.patch or patch
        stride = self.stride or min(stride, patch)
        if patch > side:
            raise ConfigError(
                f"`patch` must be at most {side}, the shorter side of the images, got {patch}."
            )
        _check_stride(stride, patch)
        return patch, stride


def _check_stride(stride: int, patch: int) -> None:
    if stride > patch:
        raise ConfigError(
            f"`stride` must be at most `patch`, or pixels are skipped, got {stride} and {patch}."
        )
