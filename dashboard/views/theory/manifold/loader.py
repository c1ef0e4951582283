"""Cached results of the page on the manifold: tangents, the first-order law, two ascents."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import decoder_images, outputs
from dashboard.services.bundles import on_device
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import stored
from dashboard.services.scheduler.scheduler import compute_slot, offload
from dashboard.views.theory.loader import Arrays, as_arrays, as_tensors

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.certificate import Certificate
    from xai_core.counterfactual.task import Ascent, Method

MAX_STEPS = 40
"""Number of steps of each ascent."""
LATENT_RATE = 1.5
"""Factor on the usual learning rate in latent space: 40 such steps lead as far as 60 usual ones.
Of 24 test images, the median probability of the second class is .99 after either."""
FRAMES = 8
"""Number of images of a film, the first and the last included."""
METHODS: "tuple[Method, Method]" = ("diffeomorphic", "pixel")
"""Both ascents, in latent space and on pixels."""


class Ascended(NamedTuple):
    """The result of an ascent of log p(target) from one image.

    `frames` are the images along the ascent as pictures in [0, 1], evenly spaced, the end last,
    and `frame_probs` their probabilities of the target.
    """

    frames: NDArray[np.float32]
    frame_probs: list[float]
    probability: float
    steps: int


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def certificate(bundle: "Bundle", image_id: str, target: int, longer: float) -> "Certificate":
    """Check the first-order law at the code of an image, towards a class; read only.

    Args:
        bundle: The models.
        image_id: The image.
        target: The class.
        longer: Factor on the lengths of the steps.
    """
    from xai_core.counterfactual.certificate import Certificate

    return Certificate(**as_tensors(_certified(bundle, image_id, target, longer)))


@offload
def _certified(bundle: "Bundle", image_id: str, target: int, longer: float) -> Arrays:
    from xai_core.counterfactual.of_bundle import LENGTHS, certify_images

    lengths = tuple(length * longer for length in LENGTHS)
    x = stored(bundle, [image_id])
    with compute_slot():
        return as_arrays(certify_images(bundle, x, target=target, lengths=lengths))


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def tangents(bundle: "Bundle", image_id: str, count: int) -> NDArray[np.float32]:
    """Return the strongest directions in which an image can move on the manifold, signed."""
    from xai_core.counterfactual.of_bundle import tangent_images
    from xai_core.data.io.pixel_values import pictures

    with compute_slot():
        found = tangent_images(bundle, stored(bundle, [image_id]), count)
    return pictures(found)


@st.cache_data(max_entries=256, show_spinner="Running the ascent", hash_funcs=BY_FINGERPRINT)
@offload
def ascended(
    bundle: "Bundle", image_id: str, target: int, ascent: "Ascent", method: "Method"
) -> Ascended:
    """Maximise log p(target) in latent space or on pixels.

    Args:
        bundle: The models.
        image_id: The image.
        target: The class.
        ascent: "adam" or "plain" steps.
        method: "diffeomorphic" in latent space, "pixel" on pixels.
    """
    import torch

    from xai_core.counterfactual.of_bundle import counterfactuals
    from xai_core.counterfactual.task import CounterfactualConfig
    from xai_core.data.io.pixel_values import pictures

    x, output = stored(bundle, [image_id]), outputs.deciding(bundle)[0]
    explained = outputs.explained(bundle, output)
    config = CounterfactualConfig(
        method=method, ascent=ascent, max_steps=MAX_STEPS, path_points=FRAMES
    )
    if method == "diffeomorphic":
        config = replace(config, learning_rate=LATENT_RATE * config.rate)
    with compute_slot():
        found = counterfactuals(bundle, x, target, output=output, config=config)
        film = found.frames(0, FRAMES)
        with torch.no_grad():
            probs = explained.shown(explained.function(bundle)(on_device(bundle, film)))
    return Ascended(
        frames=pictures(film),
        frame_probs=probs[:, target].tolist(),
        probability=float(found.probabilities[0, target]),
        steps=int(found.evaluations[0]),
    )


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def distances(
    bundle: "Bundle", image_id: str, target: int, ascent: "Ascent"
) -> tuple[float, float]:
    """Measure how far the ends of both ascents are from the decoder's images, in ink.

    The distance is that to the nearest image that the decoder was found to draw.
    """
    ends = [ascended(bundle, image_id, target, ascent, kind).frames[-1] for kind in METHODS]
    first, second = decoder_images.distances(bundle, np.stack(ends)).tolist()
    return first, second


class StepPictures(NamedTuple):
    """A step towards the runner-up class, in pixels.

    `gradient`, `projection` and `step` are signed images of unit length; `start`, `moved` and
    `on_pixels` are in [0, 1]; `share` is the part of the gradient's squared length in span(U).
    `values` are the singular values s_i, `coefficients` the products of the gradient with the
    columns u_i; `slope` is the gradient's length, `change` that of g(z + lambda v) - g(z), and
    `residual` that of the same less lambda J v. All lengths are Euclidean.
    """

    gradient: NDArray[np.floating]
    projection: NDArray[np.floating]
    step: NDArray[np.floating]
    start: NDArray[np.floating]
    moved: NDArray[np.floating]
    on_pixels: NDArray[np.floating]
    share: float
    target: int
    values: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    slope: float
    change: float
    residual: float


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def step_pictures(bundle: "Bundle", image_id: str, length: float) -> StepPictures:
    """Take one plain step of a given length from the code of an image.

    Args:
        bundle: The models.
        image_id: The image.
        length: Length in latent units; the step on pixels changes as much ink.
    """
    import torch

    from xai_core.counterfactual.of_bundle import step_functions
    from xai_core.data.io.pixel_values import pictures
    from xai_core.theory.derivations.manifold import step_numbers

    with compute_slot():
        encode, decode, forward = step_functions(bundle)
        code = encode(stored(bundle, [image_id]))
        scores = forward(decode(code))[0]
        target = int(scores.argsort()[-min(2, len(scores))])
        seen = step_numbers(code, target, decode=decode, forward=forward)
        left, values, _ = seen.svd
        inside = left.mT @ seen.on_pixels
        with torch.no_grad():
            start = decode(code)
            uphill = seen.uphill / seen.uphill.norm().clamp(min=1e-30)
            moved = decode(code + length * uphill)
    size = (moved - start).norm()
    left_over = (moved - start).flatten() - length * seen.jacobian @ uphill
    gradient = seen.on_pixels / seen.on_pixels.norm().clamp(min=1e-30)
    pixels = (start.flatten() + size * gradient).clamp(0, 1)
    parts = (gradient, left @ inside, left @ (values.square() * inside), start, moved, pixels)
    shaped = pictures(torch.stack([part.detach().reshape(start.shape[1:]) for part in parts]))
    return StepPictures(
        gradient=_unit(shaped[0]),
        projection=_unit(shaped[1]),
        step=_unit(shaped[2]),
        start=shaped[3],
        moved=shaped[4],
        on_pixels=shaped[5],
        share=float(inside.square().sum() / seen.on_pixels.square().sum().clamp(min=1e-30)),
        target=target,
        values=values.detach().cpu().double().numpy(),
        coefficients=inside.detach().cpu().double().numpy(),
        slope=float(seen.on_pixels.norm()),
        change=float(size),
        residual=float(left_over.norm()),
    )


def _unit(picture: NDArray[np.floating]) -> NDArray[np.floating]:
    return picture / max(float(np.linalg.norm(picture)), 1e-30)
