"""The trivial counterfactual: return the nearest real image of the target class.

References:
    Counterfactuals and Nearest Unlike Neighbours (Keane & Smyth, 2020),
    https://arxiv.org/abs/2005.13997.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .._types import Images
from .task import CounterfactualTask, Found

__all__ = ["nearest_image"]


def nearest_image(problem: CounterfactualTask, encode: Callable[[Images], Tensor]) -> Found:
    """Take the image of the target class with the smallest L1 distance.

    Raises:
        ValueError: If there are no real images to choose from.
    """
    if problem.reference is None:
        raise ValueError("`reference` must be given for the method 'nearest', got None.")
    rows, _ = problem.reference.nearest_images(problem.images, problem.target)
    images = problem.images.clone()
    there = rows >= 0
    images[there] = problem.reference.images_at(rows[there]).to(images)
    probs = problem.probs(images)
    with torch.no_grad():
        codes = encode(images)
    return Found(
        images=images,
        probabilities=probs,
        path=torch.stack([problem.codes, codes], 1),
        path_probabilities=torch.stack([problem.probabilities, probs], 1),
        num_steps=torch.full_like(problem.target, 2),
        evaluations=torch.zeros_like(problem.target),
        why_not="the nearest real image of the target class is not that probable"
        if there.all()
        else "there is no real image of the target class, or the nearest is not that probable",
    )
