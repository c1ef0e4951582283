"""Adapters for users' own models, any part of which may be missing.

An `AdoptedVAE` is a cluster VAE whose encoder, decoder and clusters are given, so everything that
reads a cluster VAE reads it too. What a given model does not say is filled in and named: without
q(c|x), a Gaussian mixture fitted on the codes; without variances of q(z|x), one variance for all
dimensions; and one variance of the pixels.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import Images, Latents, Logits, Probs
from ..errors import BundleError
from ..functions import FORMS, GivenFunction
from ..image_spec import ImageSpec
from ..networks import dtype_of, modules_of
from .classifier import Classifier
from .config import ClusterVAEConfig
from .prior import SCALE_FLOOR, MixturePrior
from .vae import ClusterVAE, Part, Posterior

__all__ = [
    "FITTED_CLUSTERS",
    "AdoptedClassifier",
    "AdoptedVAE",
    "Called",
    "Ending",
    "LatentModel",
    "Layout",
    "Prepared",
]

Layout = Literal["nchw", "nhwc", "nhw", "flat"]
"""How a network reads images: by the order of its axes."""
Ending = Literal["logits", "probabilities", "log_odds", "probability"]
"""What a classifier returns: logits or probabilities of all classes, or of the second of two."""

FITTED_CLUSTERS = "a Gaussian mixture fitted on the codes"
"""What replaces q(c|x) in a model without it."""
LEAST = 1e-12
"""Smallest probability whose logarithm is taken."""
NEAREST_TO_EDGE = 1e-6
"""Distance that pixels keep from 0 and 1, where their logits are infinite."""


@runtime_checkable
class LatentModel(Protocol):
    """The interface that pages, commands and explainers use; `parts` lists what is provided.

    `ClusterVAE` has all parts. A method whose part is missing raises a `BundleError`.
    """

    parts: frozenset[Part]

    def encode(self, x: Images) -> Posterior:
        """Infer q(z|x) and q(c|x)."""

    def decode(self, z: Latents, cluster_probs: Probs | None = None) -> Images:
        """Decode codes to images in [0, 1]."""

    def cluster_probs(self, x: Images) -> Probs:
        """Evaluate q(c|x)."""


class Called(nn.Module):
    """Calls a network, a method of one, or any function, in its own precision.

    Args:
        function: The function, images or codes to numbers.
        name: Its name in messages.
    """

    def __init__(self, function: Callable[[Tensor], object], name: str) -> None:
        super().__init__()
        owner = getattr(function, "__self__", None)
        self.name = name
        if isinstance(function, nn.Module):
            self.owner, self.method = function, "__call__"
        elif isinstance(owner, nn.Module):
            self.owner, self.method = owner, function.__name__
        else:
            self.given = (function,)
        for network in modules_of(function):
            network.eval()

    def forward(self, x: Tensor) -> object:
        """Return whatever the function returns."""
        function = self.given[0] if hasattr(self, "given") else getattr(self.owner, self.method)
        return function(x.to(dtype_of(function) or x.dtype))

    def read(self, x: Tensor, form: str, image: ImageSpec) -> Tensor:
        """Return its result in a form of `FORMS`."""
        given = GivenFunction(function=self, name=self.name, form=form, image_shape=image.shape)
        return given(x)


class Prepared(nn.Module):
    """Brings images in [0, 1] to the form that a network reads."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, layout: Layout, mean: tuple[float, ...] = (), std: tuple[float, ...] = ()
    ) -> None:
        super().__init__()
        self.layout: Layout = layout
        self.register_buffer("mean", torch.tensor(mean or (0.0,)).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std or (1.0,)).reshape(-1, 1, 1))
        self.scales = bool(mean or std)

    def forward(self, x: Images) -> Tensor:
        """Subtract the mean, divide by the deviation, arrange the axes."""
        if self.scales:
            x = torch.div(torch.sub(x, self.mean), self.std)
        if self.layout == "nhwc":
            return torch.permute(x, (0, 2, 3, 1))
        if self.layout == "nhw":
            return torch.squeeze(x, 1)
        return torch.flatten(x, 1) if self.layout == "flat" else x


class AdoptedClassifier(Classifier):
    """A user's classifier: images to class logits, by layers.

    Args:
        network: The network or function.
        num_classes: Number of classes.
        image: Form of the images.
        prepared: How it reads images.
        ending: What it returns.
        description: What a bundle stores to rebuild it.
    """

    def __init__(
        self,
        network: Callable[[Tensor], object],
        num_classes: int,
        image: ImageSpec,
        prepared: Prepared | None = None,
        ending: Ending = "logits",
        description: Mapping[str, Any] | None = None,
    ) -> None:
        called = network if isinstance(network, Called) else Called(network, "classify")
        nn.Sequential.__init__(
            self, prepared or Prepared("nchw"), _Outputs(called), _Logits(ending)
        )
        self.num_classes = num_classes
        self.image = image
        self.description = dict(description or {})


class _Outputs(nn.Module):
    """The outputs of a classifier, one row per image."""

    def __init__(self, called: Called) -> None:
        super().__init__()
        self.called = called

    def forward(self, x: Tensor) -> Tensor:
        found = FORMS["outputs"](self.called(x), len(x), ())
        if found is None:
            raise ValueError("`classify` must return floats (batch, classes).")
        return found.to(x.dtype)


class _Logits(nn.Module):
    """Class logits from what a classifier returns."""

    def __init__(self, ending: Ending) -> None:
        super().__init__()
        self.ending: Ending = ending

    def forward(self, outputs: Logits) -> Logits:
        if self.ending == "logits":
            return outputs
        if self.ending == "probabilities":
            return outputs.clamp(min=LEAST).log()
        if self.ending == "probability":
            outputs = outputs.logit(NEAREST_TO_EDGE)
        weight = outputs.new_tensor([[0.0], [1.0]])
        return nn.functional.linear(outputs, weight)  # the first class has the logit 0


class AdoptedVAE(ClusterVAE):
    """A cluster VAE made of a user's encoder, decoder and clusters.

    Args:
        image: Form of the images.
        num_clusters: Number of clusters.
        latent_dim: Dimension of the codes.
        encode: Images to codes, or to mean and log variance.
        decode: Codes to images; None if there is no decoder.
        cluster_probs: Images to q(c|x); None for the responsibilities of a mixture on the codes.
        own_codes: Whether `encode` is the user's encoder; otherwise it is the classifier.
    """

    latent_encoder: "_Posterior"
    pixel_log_var: Tensor

    def __init__(
        self,
        image: ImageSpec,
        *,
        num_clusters: int,
        latent_dim: int,
        encode: Called,
        decode: Called | None,
        cluster_probs: Called | None,
        own_codes: bool = True,
    ) -> None:
        nn.Module.__init__(self)
        self.image = image
        self.config = ClusterVAEConfig(
            num_clusters=num_clusters,
            latent_dim=latent_dim,
            factorisation="c_given_z" if cluster_probs is None else "c_given_x",
            likelihood="gaussian",
        )
        there: dict[Part, bool] = {"encode": own_codes, "decode": decode is not None}
        self.parts = frozenset({"cluster_probs", *(part for part, has in there.items() if has)})
        self.latent_encoder = _Posterior(encode, image)
        self.cluster_encoder = None if cluster_probs is None else _LogProbs(cluster_probs, image)
        self.prior = MixturePrior(num_clusters, latent_dim, fixed=True)
        self.decoder = _NoDecoder() if decode is None else _PixelLogits(decode, image)
        self.register_buffer("pixel_log_var", torch.tensor(-2.0))

    def expected_log_likelihood(
        self, x: Images, z: Latents, probs: Probs
    ) -> Float[Tensor, " batch"]:
        """Evaluate log p(x|z), in nats; NaN without a decoder."""
        if "decode" not in self.parts:
            return torch.full_like(z[:, 0], torch.nan)
        return super().expected_log_likelihood(x, z, probs)

    @torch.no_grad()
    def set_clusters(
        self, mean: Float[Tensor, "clusters latent"], scale: Float[Tensor, " clusters"]
    ) -> None:
        """Set the centres and standard deviations of the clusters' Gaussians."""
        self.prior.mean.copy_(mean)
        self.prior.raw_scale.copy_((scale - SCALE_FLOOR).clamp(min=1e-4).expm1().log())

    @torch.no_grad()
    def set_variances(self, *, code: float | None = None, pixel: float | None = None) -> None:
        """Set the variance of codes, where the encoder gives none, and that of pixels."""
        if code is not None:
            self.latent_encoder.log_var.fill_(code).log_()
        if pixel is not None:
            self.pixel_log_var.fill_(max(pixel, 1e-4)).log_()


class _Posterior(nn.Module):
    """Mean and log variance of q(z|x), side by side as `ClusterVAE` reads them."""

    log_var: Tensor

    def __init__(self, called: Called, image: ImageSpec) -> None:
        super().__init__()
        self.called, self.image = called, image
        self.register_buffer("log_var", torch.tensor(-4.0))

    def forward(self, x: Images) -> Latents:
        found: list[object] = []

        def once(x: Tensor) -> object:
            found.append(self.called(x))
            return found[0]

        given = GivenFunction(function=once, name="encode", form="codes")
        mean = given(x)
        log_var = _log_var_of(found[0], mean)
        log_var = self.log_var.expand_as(mean) if log_var is None else log_var.to(mean)
        return torch.cat([mean, log_var], -1)


def _log_var_of(found: object, mean: Latents) -> Latents | None:
    """Read the log variance from an encoder's result: by name, or the second of two tensors."""
    for name in ("log_var", "logvar", "log_variance", "log_covariance"):
        value = found.get(name) if isinstance(found, dict) else getattr(found, name, None)
        if isinstance(value, Tensor) and value.shape == mean.shape:
            return value
    scale = getattr(found, "stddev", None)  # of a distribution
    if isinstance(scale, Tensor) and scale.shape == mean.shape:
        return 2 * scale.log()
    second = found[1] if isinstance(found, tuple | list) and len(found) == 2 else None
    return second if isinstance(second, Tensor) and second.shape == mean.shape else None


class _LogProbs(nn.Module):
    """log q(c|x)."""

    def __init__(self, called: Called, image: ImageSpec) -> None:
        super().__init__()
        self.called, self.image = called, image

    def forward(self, x: Images) -> Logits:
        return self.called.read(x, "outputs", self.image).clamp(min=LEAST).log()


class _PixelLogits(nn.Module):
    """Logits of decoded pixels, which `ClusterVAE` maps back to [0, 1]."""

    def __init__(self, called: Called, image: ImageSpec) -> None:
        super().__init__()
        self.called, self.image = called, image

    def forward(self, z: Latents) -> Images:
        pixels = self.called.read(z, "images", self.image)
        pixels = pixels.clamp(NEAREST_TO_EDGE, 1 - NEAREST_TO_EDGE)
        return pixels.log() - torch.log1p(-pixels)


class _NoDecoder(nn.Module):
    """Placeholder for the decoder of a model that has none."""

    def forward(self, z: Latents) -> Images:
        raise BundleError(
            "This model has no decoder, which this needs. Adopt it with `decode` (or "
            "`--decoder`), or train a cluster VAE on its images: `xai train --data DATA "
            "--classifier FILE.onnx`."
        )
