"""Attribution by replacing squares of pixels with the baseline, without gradients.

A square is replaced in all channels at once, so there is one map for all of them.

References:
    Visualizing and Understanding Convolutional Networks (Zeiler & Fergus, 2014),
    https://arxiv.org/abs/1311.2901, for occlusion.
    Polynomial Calculation of the Shapley Value Based on Sampling (Castro et al., 2009),
    https://doi.org/10.1016/j.cor.2008.04.004
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from .task import AT_ONCE, AttributionTask, ChannelMaps

__all__ = ["feature_ablation", "occlusion", "patches", "shapley_sampling"]


def occlusion(task: AttributionTask) -> ChannelMaps:
    """Slide a window of baseline over the image; a pixel gets the mean drop of its windows."""
    from captum.attr import Occlusion

    channels, *size = task.inputs.shape[1:]
    side, stride = task.config.window(*size)
    maps = Occlusion(task.forward).attribute(
        task.inputs.detach(),
        sliding_window_shapes=(channels, side, side),
        strides=(channels, stride, stride),
        baselines=task.baselines,
        target=task.target,
        perturbations_per_eval=_per_eval(task),
    )
    return maps[:, :1]


def feature_ablation(task: AttributionTask) -> ChannelMaps:
    """Replace one patch at a time; its pixels get the drop of the target."""
    from captum.attr import FeatureAblation

    maps = FeatureAblation(task.forward).attribute(
        task.inputs.detach(),
        baselines=task.baselines,
        target=task.target,
        feature_mask=_grid(task)[None, None],
        perturbations_per_eval=_per_eval(task),
    )
    return maps[:, :1]


def shapley_sampling(task: AttributionTask) -> ChannelMaps:
    """Add patches to the baseline in random orders; a patch's pixels share its mean gain.

    This is Captum's sampler, with orders drawn from the seed instead of the global generator.
    """
    from captum.attr import ShapleyValueSampling

    mask = _grid(task)
    generator = task.generator()

    def orders(num_features: int, num_samples: int) -> Iterator[list[int]]:
        for _ in range(num_samples):
            yield torch.randperm(num_features, generator=generator).tolist()

    method = ShapleyValueSampling(task.forward)
    method.permutation_generator = orders
    maps = method.attribute(
        task.inputs.detach(),
        baselines=task.baselines,
        target=task.target,
        feature_mask=mask[None, None],
        n_samples=task.config.n_permutations,
        perturbations_per_eval=_per_eval(task),
    )
    return maps[:, :1] / mask.flatten().bincount()[mask].to(maps)


def patches(height: int, width: int, side: int) -> Int[Tensor, "height width"]:
    """Number the squares of a grid row by row; those at the right and bottom may be smaller."""
    columns = -(-width // side)
    rows = torch.arange(height) // side
    return rows.unsqueeze(1) * columns + torch.arange(width) // side


def _grid(task: AttributionTask) -> Int[Tensor, "height width"]:
    height, width = task.inputs.shape[-2:]
    return patches(height, width, task.config.window(height, width)[0])


def _per_eval(task: AttributionTask) -> int:
    return max(2 * AT_ONCE // len(task.inputs), 1)
