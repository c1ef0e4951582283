"""Cached counterfactuals of a bundle's images, and the path to each."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import outputs
from dashboard.services.bundles import on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.api import Counterfactual
    from xai_core.counterfactual.task import Ascent, Method

FRAMES = 13
"""Number of images along a path, equal to the number of codes that the search keeps."""
LATENT_METHODS: "tuple[Method, ...]" = ("default", "diffeomorphic")
Floats = NDArray[np.float32]


class LatentAscent(NamedTuple):
    """Settings of the method "diffeomorphic".

    Attributes:
        kind: Optimiser, "adam" or "plain" steps of lambda times the gradient.
        rate: Lambda, the learning rate; None for the optimiser's own.
        steps: Maximum number of steps.
        probability: Probability of the target at which it stops.
    """

    kind: "Ascent" = "adam"
    rate: float | None = None
    steps: int = 300
    probability: float = 0.99


USUAL = LatentAscent()


class Change(NamedTuple):
    """A counterfactual of one image, and the path to it.

    `image`, `reconstruction` and `counterfactual` are pictures in [0, 1]; `frames` are those along
    the path. `before`, `after` and `frame_probs` are the explained function's probabilities for
    the image, the counterfactual and the frames. `codes`, `density` (log p(z), nats) and `places`
    (on the map) belong to the frames. `other` holds the other model's probabilities for the
    counterfactual.
    """

    image: Floats
    reconstruction: Floats
    counterfactual: Floats
    source: int
    target: int
    before: Floats
    after: Floats
    frames: Floats
    frame_probs: Floats
    codes: Floats
    density: Floats
    places: Floats
    other: Floats | None
    l1: float
    l2: float
    converged: bool
    reason: str
    steps: int
    seconds: float


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def decided(bundle: "Bundle", image_id: str, output: str) -> Floats:
    """Return a function's probabilities of one image: (classes,), sum 1."""
    with compute_slot():
        return _probs(bundle, output, batch(bundle, [image_id]))[0]


def change(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    target: int,
    ascent: LatentAscent = USUAL,
) -> Change:
    """Search one counterfactual, and evaluate the path to it; cached, also across pages."""
    return _change(bundle, image_id, output, method, target, ascent)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def _change(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    target: int,
    ascent: LatentAscent,  # no default: the cache would take a left-out argument for another call
) -> Change:
    import torch

    from xai_core.data.io.pixel_values import pictures

    x = batch(bundle, [image_id])
    with compute_slot():
        found, seconds = search(bundle, x, target, output, method, ascent)
        frames = found.frames(0, FRAMES)
        with torch.no_grad():
            if method in LATENT_METHODS:
                codes = _along(found.path[0, : int(found.num_steps[0])])
            else:
                codes = bundle.model.encode_mean(on_device(bundle, frames))
            density = bundle.model.prior.log_prob(on_device(bundle, codes))
        places = bundle.latent_index.place(codes)
        other, opinion = outputs.second_opinion(bundle, output), None
        if other is not None:
            opinion = _probs(bundle, other, found.counterfactuals)[0]
        return Change(
            image=_picture(found.images[0]),
            reconstruction=_picture(found.reconstructions[0]),
            counterfactual=_picture(found.counterfactuals[0]),
            source=int(found.source[0]),
            target=target,
            before=on_host(found.source_probabilities[0]),
            after=on_host(found.probabilities[0]),
            frames=pictures(frames),
            frame_probs=_probs(bundle, output, frames),
            codes=on_host(codes),
            density=on_host(density),
            places=on_host(places),
            other=opinion,
            l1=float(found.l1[0]),
            l2=float(found.l2[0]),
            converged=bool(found.converged[0]),
            reason=found.reasons[0],
            steps=int(found.evaluations[0]),
            seconds=seconds,
        )


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def usual_density(bundle: "Bundle") -> tuple[float, float, float]:
    """Return the 5th, 50th and 95th percentile of log p(z) over the test images' codes."""
    import torch

    test = (bundle.index["split"] == "test").to_numpy()
    codes = bundle.latents[torch.from_numpy(test.copy())] if test.any() else bundle.latents
    with compute_slot(), torch.no_grad():
        parts = on_device(bundle, codes).split(4096)
        density = torch.cat([bundle.model.prior.log_prob(part) for part in parts])
    low, middle, high = np.percentile(on_host(density), [5, 50, 95])
    return float(low), float(middle), float(high)


def search(
    bundle: "Bundle",
    x: "Tensor",
    target: int | Literal["all"],
    output: str,
    method: "Method",
    ascent: LatentAscent = USUAL,
    *,
    path_points: int = FRAMES,
    allowed: NDArray[np.bool_] | None = None,
) -> "tuple[Counterfactual, float]":
    """Search, and return the result and the time in seconds.

    `allowed` (height, width) marks the pixels that may change; None for all.
    """
    from xai_core.counterfactual.of_bundle import counterfactuals
    from xai_core.counterfactual.task import CounterfactualConfig

    config = CounterfactualConfig(method=method, path_points=path_points)
    if method == "diffeomorphic":
        config = replace(
            config, ascent=ascent.kind, learning_rate=ascent.rate, max_steps=ascent.steps,
            target_probability=ascent.probability,
        )  # fmt: skip
    start = time.perf_counter()
    found = counterfactuals(bundle, x, target, output=output, allowed=allowed, config=config)
    return found, time.perf_counter() - start


def _probs(bundle: "Bundle", output: str, x: "Tensor") -> Floats:
    """Evaluate a function's probabilities; within `compute_slot`."""
    import torch

    explained = outputs.explained(bundle, output)
    with torch.no_grad():
        return on_host(explained.shown(explained.function(bundle)(on_device(bundle, x))))


def _along(path: "Tensor") -> "Tensor":
    """Place `FRAMES` codes evenly along a path."""
    import torch

    place = torch.linspace(0, len(path) - 1, FRAMES)
    left = place.floor().long().clamp(max=max(len(path) - 2, 0))
    right = (left + 1).clamp(max=len(path) - 1)
    return torch.lerp(path[left], path[right], (place - left).unsqueeze(1))


def _picture(image: "Tensor") -> Floats:
    from xai_core.data.io.pixel_values import pictures

    return pictures(image[None])[0]
