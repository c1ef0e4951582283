"""Counterfactuals of a bundle's images, or of new ones, for what the bundle can explain."""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from .._arguments import checked
from .._moved import renamed
from .._types import ByteImages, Images, Latents
from ..bundle.explained_output import (
    Classes,
    ExplainedOutput,
    deciding_outputs,
    explained_output,
    logit_layers,
)
from ..bundle.image_input import as_float_images
from ..bundle.reading import Bundle
from ..data.preprocessing import to_float
from ..latent_space.local_directions import local_directions
from ..models.vae import ClusterVAE
from .api import Counterfactual, find_counterfactual
from .certificate import Certificate, certify
from .reference import Reference
from .task import CounterfactualConfig, Method

__all__ = [
    "LENGTHS",
    "certify_images",
    "counterfactuals",
    "reference_of",
    "step_functions",
    "tangent_images",
]


@renamed(of="output")
@checked
def counterfactuals(
    bundle: Bundle,
    images: Tensor | np.ndarray,
    target: object,
    *,
    output: str | ExplainedOutput = "classifier",
    method: Method | None = None,
    allowed: Tensor | np.ndarray | None = None,
    config: CounterfactualConfig | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Counterfactual:
    """Change images until the explained function assigns them to the target.

    Args:
        bundle: The models, on the device to compute on, and the real images.
        images: Images in a form that `as_byte_images` accepts.
        target: Class or cluster to reach, by number or class name: one for all, one per image, or
            "all" for every class but the image's own, rows image-major.
        output: An output with several classes, such as "classifier" or "cluster".
        method: Overrides `CounterfactualConfig.method`.
        allowed: A bool mask, (height, width) or (images, height, width): True where pixels may
            change. All others stay as they are; None lets every pixel change.
        config: Settings.
        on_progress: Called with the numbers of rows done and in total.

    Returns:
        One row per image and target; check `converged` before using one.

    Raises:
        ValueError: If images have another form, are not finite or not in [0, 1], `target` is not a
            class, `output` has no classes, or `allowed` is not such a mask or is empty.
        BundleError: If the bundle lacks a part that the output needs.
    """
    config = config or CounterfactualConfig()
    if method is not None:
        config = replace(config, method=method)
    x = as_float_images(bundle, images)
    output, classes = _with_classes(bundle, output)
    if not isinstance(target, str) or target != "all":
        target = classes.numbers(bundle, target, len(x))
    return find_counterfactual(
        x,
        target=target,
        encode=bundle.model.encode_mean,
        decode=bundle.model.decode,
        forward=output.function(bundle),
        prior=bundle.model.prior,
        reference=reference_of(bundle, output, labels=config.method == "nearest"),
        allowed=allowed,
        config=config,
        on_progress=on_progress,
    )


def _with_classes(
    bundle: Bundle, output: str | ExplainedOutput
) -> tuple[ExplainedOutput, Classes]:
    output = explained_output(bundle, output)
    if output.classes is None:
        known = ", ".join(f"`{one.name}`" for one in deciding_outputs(bundle)) or "none"
        raise ValueError(
            f"`output` must tell at least two classes apart, and `{output.name}` is one number. "
            f"This bundle can change images for: {known}."
        )
    return output, output.classes


def reference_of(
    bundle: Bundle, output: str | ExplainedOutput, *, labels: bool = False
) -> Reference:
    """Return the indexed train images of a bundle with their classes and codes.

    Args:
        bundle: The bundle.
        output: Output whose predictions are the classes.
        labels: Whether to use the data's labels as classes, if they have the same meaning.

    Raises:
        ValueError: If the output has no classes.
    """
    train, (_, predicted) = bundle.dataset.train, _with_classes(bundle, output)
    count = bundle.manifest.indexed_train
    if labels and predicted.labelled and train.labels is not None:
        classes = train.labels[:count]
    else:
        column = bundle.index[predicted.column]
        classes = torch.from_numpy(column.to_numpy(copy=True))[:count]
    return Reference(images=train.images[:count], classes=classes, codes=bundle.latents[:count])


LENGTHS = (1e-6, 2e-6, 5e-6, 1e-5, 3e-5)
"""Step lengths in latent units: long enough for float64, and so short that few ReLUs of the
decoder change sign along a step; where one does, the residual is not of second order."""


def certify_images(
    bundle: Bundle,
    images: ByteImages,
    *,
    target: int | Int[Tensor, " batch"] | None = None,
    output: str | ExplainedOutput | None = None,
    lengths: tuple[float, ...] = LENGTHS,
) -> Certificate:
    """Measure the first-order law at the codes of images, towards a class of the output.

    Args:
        bundle: The models.
        images: uint8 (N, C, H, W); their codes are the means of q(z|x).
        target: Class to ascend; None for the least probable class of each reconstruction.
        output: The output to explain; None for the first with several classes, or log q(c|x) if
            there is none.
        lengths: Step lengths in latent units, increasing.

    Returns:
        The certificate, on the CPU.
    """
    model, decode = _decoder(bundle)
    output = output or next(iter(deciding_outputs(bundle)), "cluster")
    forward = _judge(bundle, model, output)
    codes = _codes(model, images)
    if target is None:
        with torch.no_grad():
            target = forward(decode(codes)).argmin(-1)
    with _quietly():
        return certify(codes, target=target, decode=decode, forward=forward, lengths=lengths)


def tangent_images(bundle: Bundle, images: ByteImages, count: int) -> Images:
    """Return the first `count` columns of U at each image's code, largest singular value first.

    Args:
        bundle: The models.
        images: uint8 (N, C, H, W).
        count: At most the latent dimension.

    Returns:
        Signed images (N * count, C, H, W) of unit norm, image-major.
    """
    model, decode = _decoder(bundle)
    with _quietly():
        changes = local_directions(_codes(model, images), decode).changes[:, :count]
    return changes.reshape(changes.shape[0] * changes.shape[1], -1, *images.shape[-2:])


def step_functions(
    bundle: Bundle,
) -> tuple[
    Callable[[ByteImages], Latents], Callable[[Latents], Images], Callable[[Images], Tensor]
]:
    """Return encoder, decoder and the explained function as `certify_images` takes them.

    Args:
        bundle: The models; their copies are float64, on the CPU.
    """
    model, decode = _decoder(bundle)
    output = next(iter(deciding_outputs(bundle)), "cluster")
    return lambda images: _codes(model, images), decode, _judge(bundle, model, output)


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress torch's warnings about its own internals at the first forward-mode pass."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.script.*", FutureWarning)
        yield


def _decoder(bundle: Bundle) -> tuple[ClusterVAE, Callable[[Latents], Images]]:
    model = copy.deepcopy(bundle.model).cpu().double().eval()

    def decode(z: Latents) -> Images:
        if model.config.decoder_conditioning == "z":
            return model.decoder(z).sigmoid()
        return model.decoder(z, model.prior.responsibilities(z)).sigmoid()

    return model, decode


def _judge(
    bundle: Bundle, model: ClusterVAE, output: str | ExplainedOutput
) -> Callable[[Images], Tensor]:
    """Return the logits of an output in float64 on the CPU, as `model` already is."""
    classifier = copy.deepcopy(bundle.classifier)
    classifier = None if classifier is None else classifier.cpu().double().eval()
    exact = replace(bundle, model=model, classifier=classifier, device=torch.device("cpu"))
    layers = logit_layers(explained_output(exact, output), exact)
    if layers is not None:
        return layers
    return lambda x: model.prior.log_joint(model.latent_encoder(x).chunk(2, dim=-1)[0])


@torch.no_grad()
def _codes(model: ClusterVAE, images: ByteImages) -> Latents:
    parts = model.latent_encoder(to_float(images, "cpu").double())
    return parts[:, : model.config.latent_dim].clone()
