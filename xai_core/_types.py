"""Axis names and tensor aliases shared by the library.

Axes: batch channels height width latent clusters points steps.
"""

from jaxtyping import Float, Int, UInt8
from torch import Tensor

__all__ = [
    "ByteImages",
    "Images",
    "Labels",
    "Latents",
    "Logits",
    "Maps",
    "Mask",
    "Probs",
]

ByteImages = UInt8[Tensor, "images channels height width"]
"""Images as they are stored, grey or colour; ink is light on dark."""
Images = Float[Tensor, "batch channels height width"]
"""Images as models read them, in [0, 1]."""
Latents = Float[Tensor, "batch latent"]
Logits = Float[Tensor, "batch clusters"]
"""Unnormalised log probabilities."""
Probs = Float[Tensor, "batch clusters"]
"""Rows that sum to one."""
Labels = Int[Tensor, " images"]
Mask = Float[Tensor, "batch height width"]
"""Weights in [0, 1], one per pixel."""
Maps = Float[Tensor, "batch height width"]
