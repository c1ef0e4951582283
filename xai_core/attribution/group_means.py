"""Maps of many images at once: the mean of each group, and whether two sets differ.

References:
    Permutation, Parametric and Bootstrap Tests of Hypotheses (Good, 2005), for the exact test.
    Nonparametric Permutation Tests for Functional Neuroimaging (Nichols & Holmes, 2002),
    https://doi.org/10.1002/hbm.1058, for one threshold that controls the error over all pixels.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._types import Maps

__all__ = ["GroupMeans", "SetDifference", "compare_sets", "group_means", "shares_of_attention"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupMeans:
    """Mean map and standard deviation of each group; NaN for an empty group.

    Attributes:
        mean: Mean map.
        spread: Standard deviation over the group's images.
        count: Number of images in the group.
    """

    mean: Float[Tensor, "groups *channels height width"]
    spread: Float[Tensor, "groups *channels height width"]
    count: Int[Tensor, " groups"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SetDifference:
    """Distance between the mean maps of two sets, relative to the norm of the overall mean.

    Attributes:
        distance: |mean A - mean B| / |mean of all|.
        low: Lower end of the confidence interval of the distance; 0 exactly if `distance` is at
            most `chance`.
        high: Upper end of that interval.
        chance: Distance that 95 of 100 random splits of the same images stay below.
        p_value: p-value of the exact permutation test that both sets come from one source.
        difference: mean A - mean B, in units of the maps compared.
        pixel_limit: Value that the largest pixel of `difference` stays below in 95 of 100 splits.
        level: Confidence level, such as 0.95.
    """

    distance: float
    low: float
    high: float
    chance: float
    p_value: float
    difference: Float[Tensor, "height width"]
    pixel_limit: float
    level: float

    @property
    def differs(self) -> bool:
        """Return whether the distance is larger than chance explains."""
        return self.p_value <= 1 - self.level

    @property
    def pixels(self) -> Bool[Tensor, "height width"]:
        """Mark the pixels that differ by more than `pixel_limit`."""
        return self.difference.abs() > self.pixel_limit


def shares_of_attention(maps: Maps) -> Maps:
    """Divide each map by the sum of its absolute values, so that all images weigh the same."""
    total = maps.flatten(1).abs().sum(1).reshape(-1, 1, 1)
    return maps / torch.where(total > 0, total, 1)


def group_means(
    maps: Float[Tensor, "batch *channels height width"],
    groups: Int[Tensor, " batch"],
    num_groups: int,
) -> GroupMeans:
    """Average maps by group, such as the cluster of their image.

    Args:
        maps: Maps, or the images themselves, one per image.
        groups: The group of each, in [0, num_groups).
        num_groups: Number of groups, the rows of the result.
    """
    member = torch.nn.functional.one_hot(groups, num_groups).T.double()
    count, flat = member.sum(1, keepdim=True), maps.flatten(1).double()
    mean = member @ flat / count
    spread = (member @ flat.square() / count - mean.square()).clamp(min=0).sqrt()
    shape = (num_groups, *maps.shape[1:])
    return GroupMeans(
        mean=mean.reshape(shape).to(maps),
        spread=spread.reshape(shape).to(maps),
        count=count[:, 0].long(),
    )


def compare_sets(
    first: Maps,
    second: Float[Tensor, "others height width"],
    *,
    seed: int = 0,
    draws: int = 999,
    level: float = 0.95,
) -> SetDifference:
    """Test whether two sets of maps have the same mean, such as train and test images.

    The test statistic is the distance of the mean maps, each map first divided by the sum of its
    absolute values. Under the null hypothesis that both sets come from one source, all splits of
    the images into sets of these sizes are equally likely, so the test is exact for any
    distribution of maps. With r the quantile of the splits' distances, the interval [distance - r,
    distance + r], cut at 0, contains the true distance by the triangle inequality.

    Args:
        first: Maps of one set.
        second: Maps of the other.
        seed: Seed of the splits.
        draws: Number of random splits.
        level: 1 minus the rate of false alarms.

    Raises:
        ValueError: If a set has no map.
    """
    if not len(first) or not len(second):
        raise ValueError(f"Both sets need a map, got {len(first)} and {len(second)}.")
    shape, n, m = first.shape[1:], len(first), len(second)
    maps = shares_of_attention(torch.cat([first, second]).double().cpu()).flatten(1)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(draws, n + m, dtype=torch.float64, generator=generator).argsort(1)
    weights = torch.full((draws + 1, n + m), -1 / m, dtype=torch.float64)
    weights[0, :n] = 1 / n
    weights[1:].scatter_(1, order[:, :n], 1 / n)
    differences = weights @ maps
    length = max(float(maps.mean(0).norm()), 1e-30)
    distances, tops = differences.norm(dim=1) / length, differences.abs().amax(1)
    chance, limit = _limit(distances[1:], level), _limit(tops[1:], level)
    distance = float(distances[0])
    reached = int((distances[1:] >= distance * (1 - 1e-12)).sum())
    return SetDifference(
        distance=distance,
        low=max(distance - chance, 0.0),
        high=distance + chance,
        chance=chance,
        p_value=(1 + reached) / (1 + draws),
        difference=differences[0].reshape(shape).float(),
        pixel_limit=limit,
        level=level,
    )


def _limit(values: Float[Tensor, " draws"], level: float) -> float:
    """Return the value that a new draw exceeds with probability at most 1 - level."""
    rank = math.ceil(level * (len(values) + 1))
    return float(values.sort().values[min(rank, len(values)) - 1])
