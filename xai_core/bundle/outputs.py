"""What is explained: a function of an image that a bundle can evaluate, by its name."""

import torch
from torch import Tensor, nn

from .._types import Images, Logits
from ..data.preprocessing import to_float
from ..errors import BundleError
from ..models.vae import ClusterVAE
from .reading import Bundle

__all__ = [
    "OUTPUTS",
    "as_float_images",
    "explained_output",
]

OUTPUTS = ("classifier", "cluster", "elbo", "reconstruction", "latent:J")
"""The classifier's logits; log q(c|x); the ELBO, or its reconstruction term, in nats at the mean
of q(z|x), which makes it a function of the image alone; the posterior mean of dimension J."""


def explained_output(bundle: Bundle, of: str) -> nn.Module:
    """Give the function that a name of `OUTPUTS` stands for.

    Args:
        bundle: The models; they are shared, so put hooks on a deep copy only.
        of: "classifier", "cluster", "elbo", "reconstruction", or such as "latent:3".

    Returns:
        A module, images (B, 1, 28, 28) to (B, classes), (B, clusters), or (B, 1).

    Raises:
        ValueError: If the name is none of these, or there is no such dimension.
        BundleError: If it is the classifier and the bundle has none.
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


def as_float_images(bundle: Bundle, images: Tensor) -> Images:
    """Bring images to the bundle's device in the form that models read.

    Args:
        bundle: The models.
        images: uint8 (N, 28, 28), or floats (N, 1, 28, 28) in [0, 1].

    Raises:
        ValueError: If they have another form.
    """
    if images.dtype == torch.uint8 and images.shape[1:] == (28, 28):
        return to_float(images, bundle.device)
    if images.is_floating_point() and images.shape[1:] == (1, 28, 28):
        return images.to(bundle.device, torch.float32)
    raise ValueError(
        "`images` must be uint8 (N, 28, 28), or floats (N, 1, 28, 28) in [0, 1], got "
        f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}."
    )


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
