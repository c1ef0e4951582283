"""Encode new images with a bundle's models and place them on its map."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .._arguments import checked
from .._types import ByteImages, Latents, Probs
from ..latent_space.encoding import Encoding, classify, encode_dataset
from ..latent_space.index import LatentIndex
from .image_input import as_byte_images
from .reading import Bundle

__all__ = [
    "Encoded",
    "encode",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """Outputs of a bundle's models for images, on the CPU.

    Attributes:
        encoding: q(z|x), q(c|x) and the bound's terms.
        class_probs: Class probabilities of the classifier; None in a bundle without one.
        umap: Places on the bundle's map.
    """

    encoding: Encoding
    class_probs: Probs | None
    umap: Float[Tensor, "images 2"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything by name, ready for an .npz."""
        terms = self.encoding.terms
        tensors = {
            "mean": self.encoding.mean,
            "log_var": self.encoding.log_var,
            "cluster_probs": self.encoding.cluster_probs,
            "elbo": terms.elbo,
            "reconstruction": terms.reconstruction,
            "expected_log_prior": terms.expected_log_prior,
            "kl_c": terms.kl_c,
            "entropy_z": terms.entropy_z,
            "umap": self.umap,
        }
        if self.class_probs is not None:
            tensors["class_probs"] = self.class_probs
        return {name: tensor.numpy() for name, tensor in tensors.items()}


@checked
def encode(
    bundle: Bundle,
    images: Tensor | np.ndarray,
    *,
    seed: int = 0,
    first: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Encoded:
    """Encode images, classify them, and place them on the bundle's map.

    An image from the bundle's own data keeps its place on the map.

    Args:
        bundle: The models, on the device to compute on, and the map.
        images: Images in a form that `as_byte_images` accepts.
        seed: Seed of the one draw of z per image.
        first: Number of images before these in a larger set, a multiple of 1,000.
        on_progress: Called with the numbers of images done and in total.

    Returns:
        Tensors on the CPU, one row per image.

    Raises:
        ValueError: If the images have another form.
        DataError: If their values are not pixels; the message names the row.
    """
    images = as_byte_images(bundle, images)
    encoding = encode_dataset(
        bundle.model, images, device=bundle.device, seed=seed, first=first, on_progress=on_progress
    )
    class_probs = None
    if bundle.classifier is not None:
        class_probs = classify(bundle.classifier, images, device=bundle.device)
    return Encoded(
        encoding=encoding,
        class_probs=class_probs,
        umap=_places(bundle, images, encoding.mean),
    )


def _places(bundle: Bundle, images: ByteImages, z: Latents) -> Float[Tensor, "images 2"]:
    """Find the bundle's own images on the map, and place others among their neighbours."""
    known = bundle.latent_index
    contents = [image.tobytes() for image in images.numpy()]
    found = dict.fromkeys(contents, -1)  # not of the known images: they may be a million
    splits = bundle.manifest.indexed.items()
    parts = [bundle.dataset.split(name).images[:count] for name, count in splits]
    for row, image in enumerate(chain.from_iterable(part.numpy() for part in parts)):
        if (pixels := image.tobytes()) in found:
            found[pixels] = row
    rows = torch.tensor([found[pixels] for pixels in contents])
    places, new = known.places[rows], rows < 0
    if new.any():
        index = LatentIndex(known.latents.to(bundle.device), known.places.to(bundle.device))
        places[new] = index.place(z[new]).cpu()
    return places
