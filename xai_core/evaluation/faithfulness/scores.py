"""All scores of one method on some images, one value per image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..._types import Images, Maps
from ...errors import ConfigError
from ..infill import Infill
from .measures import (
    area,
    deletion,
    gini,
    infidelity,
    insertion,
    max_sensitivity,
    pixel_order,
    removal_masks,
    score_of,
)
from .sanity import parameter_randomisation, spearman

__all__ = ["Explain", "FaithfulnessConfig", "Measured", "Task", "measure"]

Explain = Callable[[Images, Int[Tensor, " batch"], nn.Module], Maps]
"""Returns the maps of images for targets under a model."""


@dataclass(frozen=True, kw_only=True)
class FaithfulnessConfig:
    """Settings of the measurement.

    Attributes:
        num_masks: Number of masks for infidelity, with random patches removed.
        patch: Side of those patches, in pixels; None for a seventh of the image's shorter side.
        radius: Radius of the noise of max-sensitivity, in pixels' range [0, 1].
        num_moves: Number of draws of that noise.
        sanity_images: Number of images, from the first on, for max-sensitivity, parameter
            randomisation and class sensitivity, which need a dozen maps per image.
        seed: Seed of all random draws.
    """

    num_masks: int = 30
    patch: int | None = None
    radius: float = 0.02
    num_moves: int = 4
    sanity_images: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        for name in ("num_masks", "patch", "num_moves", "sanity_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {value}.")
        if self.radius <= 0:
            raise ConfigError(f"`radius` must be above 0, got {self.radius}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is explained, and for which images.

    Attributes:
        images: The images.
        target: The output explained, one per image.
        other: Another output, such as the second most probable; None if there is only one.
        module: Images to (batch, outputs).
        shown: Maps outputs to the scores of insertion and deletion, such as softmax.
        infill: Fills removed pixels.
        neutral: Fills them in another way, on which the order of the methods should not depend.
    """

    images: Images
    target: Int[Tensor, " batch"]
    other: Int[Tensor, " batch"] | None
    module: nn.Module
    shown: Callable[[Tensor], Tensor]
    infill: Infill
    neutral: Infill

    def output(self, x: Images) -> Float[Tensor, " batch"]:
        """Evaluate the target's output."""
        with torch.no_grad():
            return self.module(x).gather(1, self.target.unsqueeze(1)).squeeze(1)

    def score(self, x: Images) -> Float[Tensor, " batch"]:
        """Evaluate the scores of insertion and deletion, for versions of the whole batch."""
        with torch.no_grad():
            return score_of(lambda images: self.shown(self.module(images)), self.target)(x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One method's scores, one value per image.

    Attributes:
        maps: Maps as they are ranked: values of shares and masks, absolute values of slopes.
        insertion_curve: The score as pixels are inserted.
        deletion_curve: The score as pixels are removed.
        insertion: Area under `insertion_curve`.
        deletion: Area under `deletion_curve`.
        neutral_merit: Insertion minus deletion with the task's `neutral` in-fill.
        infidelity: Share of the output's changes that the map does not predict, in [0, 1].
        sensitivity: Largest relative change of the map under noise.
        sparsity: Gini index of the map.
        gap: Completeness error as a share of the output's change; None for other methods.
        layers: Names of the layers that were randomised, output first.
        randomisation: Rank correlation with the maps of the randomised model; None for methods
            that do not evaluate the model.
        class_sensitivity: Rank correlation with the map for another output; None for the same
            methods.
    """

    maps: Maps
    insertion_curve: Float[Tensor, "batch steps"]
    deletion_curve: Float[Tensor, "batch steps"]
    insertion: Float[Tensor, " batch"]
    deletion: Float[Tensor, " batch"]
    neutral_merit: Float[Tensor, " batch"]
    infidelity: Float[Tensor, " batch"]
    sensitivity: Float[Tensor, " some"]
    sparsity: Float[Tensor, " batch"]
    gap: Float[Tensor, " batch"] | None
    layers: tuple[str, ...]
    randomisation: Float[Tensor, "some layers"] | None
    class_sensitivity: Float[Tensor, " some"] | None

    @property
    def merit(self) -> Float[Tensor, " batch"]:
        """Return insertion minus deletion, the quality of the order of the pixels."""
        return self.insertion - self.deletion


def measure(
    task: Task,
    explain: Explain,
    *,
    contribution: bool,
    by_size: bool,
    reads_model: bool = True,
    gap: Float[Tensor, " batch"] | None = None,
    config: FaithfulnessConfig | None = None,
) -> Measured:
    """Measure all scores of one method.

    Args:
        task: The images and the function explained.
        explain: The method.
        contribution: Whether its values are shares of the output's change, which add up.
        by_size: Whether pixels are ranked by absolute value, as slopes are.
        reads_model: Whether it evaluates the model to compute its map; a trained critic does not.
        gap: Completeness error, from `completeness_gap`.
        config: Settings of the measurement.
    """
    config = config or FaithfulnessConfig()
    x, few = task.images, slice(config.sanity_images)
    raw = explain(x, task.target, task.module)

    def ranked(
        target: Int[Tensor, " batch"], module: nn.Module
    ) -> Float[Tensor, "some height width"]:
        maps = explain(x[few], target[few], module)
        return maps.abs() if by_size else maps

    maps = raw.abs() if by_size else raw
    order = pixel_order(maps, seed=config.seed)
    shown, grey = (
        insertion(x, order, score=task.score, infill=fill) for fill in (task.infill, task.neutral)
    )
    gone, away = (
        deletion(x, order, score=task.score, infill=fill) for fill in (task.infill, task.neutral)
    )
    layers: tuple[str, ...] = ()
    randomisation = None
    if reads_model:
        layers, randomisation = parameter_randomisation(
            task.module, lambda module: ranked(task.target, module), seed=config.seed
        )
    masks = removal_masks(config.num_masks, *x.shape[-2:], side=config.patch, seed=config.seed)
    return Measured(
        maps=maps,
        insertion_curve=shown,
        deletion_curve=gone,
        insertion=area(shown),
        deletion=area(gone),
        neutral_merit=area(grey) - area(away),
        infidelity=infidelity(
            x, raw, score=task.output, infill=task.infill, masks=masks, contribution=contribution
        ),
        sensitivity=max_sensitivity(
            x[few],
            lambda moved: explain(moved, task.target[few], task.module),
            radius=config.radius,
            count=config.num_moves,
            seed=config.seed,
        ),
        sparsity=gini(raw),
        gap=gap,
        layers=layers,
        randomisation=randomisation,
        class_sensitivity=(
            None if task.other is None else spearman(maps[few], ranked(task.other, task.module))
        ),
    )
