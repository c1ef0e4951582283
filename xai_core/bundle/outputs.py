"""What is explained: a function of an image that a bundle can evaluate, by its name."""

import numpy as np
import torch
from torch import Tensor, nn

from .._types import ByteImages, Images, Logits
from ..data.io.pixel_values import check_pixels
from ..data.preprocessing import convert_array, to_float
from ..errors import BundleError
from ..models.vae import ClusterVAE
from .reading import Bundle

__all__ = [
    "OUTPUTS",
    "as_byte_images",
    "as_float_images",
    "deciding_outputs",
    "explained_output",
]

OUTPUTS = ("classifier", "cluster", "elbo", "reconstruction", "latent:J")
"""The classifier's logits; log q(c|x); the ELBO, or its reconstruction term, in nats at the mean
of q(z|x), which makes it a function of the image alone; the posterior mean of dimension J."""


def explained_output(bundle: Bundle, of: str) -> nn.Module:
    """Return the function that a name of `OUTPUTS` stands for.

    Args:
        bundle: The models; they are shared, so put hooks on a deep copy only.
        of: "classifier", "cluster", "elbo", "reconstruction", or such as "latent:3".

    Returns:
        A module, images (B, 1, 28, 28) to (B, classes), (B, clusters), or (B, 1).

    Raises:
        ValueError: If the name is unknown, or there is no such dimension.
        BundleError: If the classifier is asked for and the bundle has none.
    """
    if of == "classifier":
        if bundle.classifier is None:
            raise BundleError(
                f"Bundle '{bundle.name}' has no classifier, its data have no labels. Explain "
                "`cluster` instead."
            )
        return bundle.classifier
    kind, _, dimension = of.partition(":")
    if kind == "latent" and dimension.isdecimal():
        return _Latent(bundle.model, int(dimension))
    functions = {"cluster": _Cluster, "elbo": _Elbo, "reconstruction": _Reconstruction}
    if of not in functions:
        raise ValueError(f"`of` must be one of {', '.join(OUTPUTS)}, got {of!r}.")
    return functions[of](bundle.model).eval()


def deciding_outputs(bundle: Bundle) -> list[str]:
    """Return which of "classifier" and "cluster" tell at least two classes apart."""
    classes = 1 if bundle.classifier is None else bundle.classifier.num_classes
    counts = {"classifier": classes, "cluster": bundle.model.config.num_clusters}
    return [of for of, count in counts.items() if count > 1]


def as_byte_images(bundle: Bundle, images: Tensor | np.ndarray) -> ByteImages:
    """Bring images to the form in which a bundle stores them.

    NumPy arrays are images as they come: they are read as the images of the bundle were, with
    their size, colours, range and polarity. Tensors are in the form of `bundle.dataset` already.

    Args:
        bundle: The bundle, which says how its images were read.
        images: A NumPy array as `check_pixels` takes it; or a tensor, uint8 or float, of shape
            (N, 28, 28) or (N, 1, 28, 28).

    Returns:
        uint8 (N, 28, 28) on the CPU. Floats are rounded to 256 levels.

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are no pixels; the message names the row.
    """
    if isinstance(images, np.ndarray):
        return convert_array(images, "images", bundle.preprocessing).images
    images = _squeezed(images)
    if images.dtype == torch.uint8:
        return images.cpu()
    return torch.from_numpy(check_pixels(_as_array(images), "images").images)


def as_float_images(bundle: Bundle, images: Tensor | np.ndarray) -> Images:
    """Bring images to the bundle's device in the form that models read.

    Args:
        bundle: The models.
        images: As `as_byte_images` takes them; floats in [0, 1] are not rounded.

    Returns:
        float32 (N, 1, 28, 28) in [0, 1].

    Raises:
        ValueError: If a tensor has another form.
        DataError: If the values are no pixels; the message names the row.
    """
    if isinstance(images, Tensor) and images.is_floating_point():
        images = _squeezed(images)
        pixels = check_pixels(_as_array(images), "images")
        if pixels.full_scale == 1:
            return images.to(bundle.device, torch.float32).clamp(0, 1).unsqueeze(1)
        images = torch.from_numpy(pixels.images)
    return to_float(as_byte_images(bundle, images), bundle.device)


def _squeezed(images: Tensor) -> Tensor:
    """Leave out the axis of the one channel."""
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    readable = images.dtype == torch.uint8 or images.is_floating_point()
    if images.shape[1:] != (28, 28) or not readable:
        raise ValueError(
            "`images` must be uint8 (N, 28, 28), or floats (N, 1, 28, 28) in [0, 1], got "
            f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}. A NumPy array of "
            "another form is converted as the images of the bundle were."
        )
    return images.detach()


def _as_array(images: Tensor) -> np.ndarray:
    return images.cpu().to(torch.promote_types(images.dtype, torch.float32)).numpy()


class _Cluster(nn.Module):
    """log q(c|x)."""

    def __init__(self, model: ClusterVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Images) -> Logits:
        return self.model.cluster_logits(x).log_softmax(-1)


class _Elbo(_Cluster):
    """The bound with its one draw of z at the mean of q(z|x)."""

    def forward(self, x: Images) -> Logits:
        posterior = self.model.encode(x)
        return self.model.terms(posterior, x, posterior.mean).elbo.unsqueeze(-1)


class _Reconstruction(_Cluster):
    """log p(x|z, c) at the mean of q(z|x)."""

    def forward(self, x: Images) -> Logits:
        posterior = self.model.encode(x)
        return self.model.terms(posterior, x, posterior.mean).reconstruction.unsqueeze(-1)


class _Latent(nn.Module):
    """One dimension of the mean of q(z|x)."""

    def __init__(self, model: ClusterVAE, dimension: int) -> None:
        super().__init__()
        if dimension >= model.config.latent_dim:
            last = model.config.latent_dim - 1
            raise ValueError(f"`of` must name latent:0 to latent:{last}, got latent:{dimension}.")
        self.model, self.dimension = model, dimension

    def forward(self, x: Images) -> Logits:
        return self.model.encode_mean(x)[:, self.dimension, None]
