"""In-fill: what stands in for the pixels that are taken away.

Black is MNIST's background: where strokes are blacked out, another digit appears, and where the
background is, nothing happens. A generative model fills the gap with pixels that could be there.

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
"""Images to the model's images of them, such as decode(encode(x))."""


def paste(x: Images, mask: Mask, fill: Images) -> Images:
    """Lay the pixels kept of `x` over a fill: mask x + (1 - mask) fill.

    Args:
        x: Images.
        mask: Weights in [0, 1] of `x`, a row an image, shared by its channels.
        fill: What shows elsewhere, likewise.
    """
    weight = mask.unsqueeze(1)
    return weight * x + (1 - weight) * fill


def infill_from_rest(reconstruct: Reconstruct, *, neutral: Images, rounds: int = 2) -> Infill:
    """Make the in-fill that guesses the missing pixels from the kept ones.

    The kept pixels are laid over a neutral image and reconstructed; each further round lays them
    over the reconstruction of the round before, so that the fill comes to agree with them.

    Args:
        reconstruct: The model's image of an image.
        neutral: One image that stands for "unknown", such as the mean of the train images.
        rounds: Reconstructions, at least 1.

    Returns:
        A function of images and mask. It is differentiable in both where `reconstruct` is.

    Raises:
        ValueError: If there is not one neutral image, or no round.
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
    """Make the in-fill that shows another image's reconstruction where pixels are missing.

    It plants evidence of another image, so that a decision survives only if the kept pixels
    carry it.

    Args:
        reconstruct: The model's image of an image.
        others: The other images; row i of a batch gets image i, counted round where the batch
            is longer.

    Returns:
        A function of images and mask, differentiable in both.

    Raises:
        ValueError: If there is no other image.
    """
    if not len(others):
        raise ValueError("`others` must have at least one image, got none.")
    fills = reconstruct(others)

    def infill(x: Images, mask: Mask) -> Images:
        repeats = -(-len(x) // len(fills))
        return paste(x, mask, fills.repeat(repeats, 1, 1, 1)[: len(x)])

    return infill
