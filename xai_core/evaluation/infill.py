"""In-fill: what replaces the pixels that are removed from an image.

Black is MNIST's background. Blacking out a stroke draws another digit, and blacking out background
changes nothing. A generative model fills the gap with plausible pixels instead.

References:
    Explaining Image Classifiers by Counterfactual Generation (Chang et al., 2019),
    https://arxiv.org/abs/1807.08024, for in-fill by a generative model.
    Stochastic Backpropagation and Approximate Inference (Rezende et al., 2014),
    https://arxiv.org/abs/1401.4082, for rounds of reconstruction with the known pixels kept.
"""

from collections.abc import Callable

from .._types import Images, Mask

__all__ = ["Infill", "Reconstruct", "infill_from_another", "infill_from_rest", "paste"]

Infill = Callable[[Images, Mask], Images]
"""Keeps the pixels whose mask is 1 and fills the others."""
Reconstruct = Callable[[Images], Images]
"""Returns the model's reconstruction of each image, such as decode(encode(x))."""


def paste(x: Images, mask: Mask, fill: Images) -> Images:
    """Combine the kept pixels of `x` with a fill: mask x + (1 - mask) fill.

    Args:
        x: Images.
        mask: Weight of `x` at each pixel, in [0, 1], shared by the channels.
        fill: Images that show elsewhere.
    """
    weight = mask.unsqueeze(1)
    return weight * x + (1 - weight) * fill


def infill_from_rest(reconstruct: Reconstruct, *, neutral: Images, rounds: int = 2) -> Infill:
    """Return the in-fill that predicts the missing pixels from the kept ones.

    The kept pixels are pasted onto a neutral image, which is reconstructed. Each further round
    pastes them onto the last reconstruction, so that the fill becomes consistent with them.

    Args:
        reconstruct: Returns the model's reconstruction of each image.
        neutral: One image that stands for "unknown", such as the mean of the train images.
        rounds: Number of reconstructions, at least 1.

    Returns:
        A function of images and mask. It is differentiable in both where `reconstruct` is.

    Raises:
        ValueError: If `neutral` is not one image, or `rounds` is below 1.
    """
    if len(neutral) != 1:
        raise ValueError(f"`neutral` must be one image, got {len(neutral)}.")
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1, got {rounds}.")

    def infill(x: Images, mask: Mask) -> Images:
        filled = paste(x, mask, neutral.expand_as(x))
        for _ in range(rounds):
            filled = paste(x, mask, reconstruct(filled))
        return filled

    return infill


def infill_from_another(reconstruct: Reconstruct, *, others: Images) -> Infill:
    """Return the in-fill that shows another image's reconstruction where pixels are missing.

    The fill is evidence for another image, so a decision survives only if the kept pixels carry
    it.

    Args:
        reconstruct: Returns the model's reconstruction of each image.
        others: The other images. Row i of a batch gets image i, modulo their number.

    Returns:
        A function of images and mask, differentiable in both.

    Raises:
        ValueError: If `others` is empty.
    """
    if not len(others):
        raise ValueError("`others` must have at least one image, got none.")
    fills = reconstruct(others)

    def infill(x: Images, mask: Mask) -> Images:
        repeats = -(-len(x) // len(fills))
        return paste(x, mask, fills.repeat(repeats, 1, 1, 1)[: len(x)])

    return infill
