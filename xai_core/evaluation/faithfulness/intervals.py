"""Means over images with bootstrap intervals.

References:
    An Introduction to the Bootstrap (Efron & Tibshirani, 1993), chapter 13.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Interval", "mean_interval"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over images and its confidence interval; NaN where nothing was measured."""

    mean: float
    low: float
    high: float

    @classmethod
    def missing(cls) -> "Interval":
        """Return the interval of a score that does not apply: all NaN."""
        return cls(mean=float("nan"), low=float("nan"), high=float("nan"))


def mean_interval(
    values: Float[Tensor, " images"], *, seed: int, level: float = 0.95, draws: int = 2000
) -> Interval:
    """Average over images, with a percentile bootstrap interval.

    Args:
        values: One per image; to compare two methods, the difference for each image.
        seed: Seed of the resampling.
        level: Confidence level of the interval.
        draws: Number of bootstrap samples.
    """
    values = values.detach().double().cpu()
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(values), (draws, len(values)), generator=generator)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values[rows].mean(1).quantile(ends).tolist()
    return Interval(mean=float(values.mean()), low=low, high=high)
