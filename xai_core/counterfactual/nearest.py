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


def nearest_image(task: CounterfactualTask, encode: Callable[[Images], Tensor]) -> Found:
    """Take the image of the target class with the smallest L1 distance.

    Raises:
        ValueError: If there are no real images to choose from.
    """
    if task.reference is None:
        raise ValueError("`reference` must be given for the method 'nearest', got None.")
    rows, _ = task.reference.nearest_images(task.images, task.target)
    images = task.images.clone()
    there = rows >= 0
    images[there] = task.reference.images_at(rows[there]).to(images)
    probs = task.probs(images)
    with torch.no_grad():
        codes = encode(images)
    return Found(
        images=images,
        probabilities=probs,
        path=torch.stack([task.codes, codes], 1),
        path_probabilities=torch.stack([task.probabilities, probs], 1),
        num_steps=torch.full_like(task.target, 2),
        evaluations=torch.zeros_like(task.target),
        why_not="the nearest real image of the target class is not that probable"
        if there.all()
        else "there is no real image of the target class, or the nearest is not that probable",
    )
