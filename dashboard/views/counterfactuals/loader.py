"""Cached results of the Counterfactuals page: all targets, alternatives, evidence, the law."""

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services import decoder_images, outputs
from dashboard.services.bundles import on_device, on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.counterfactuals import USUAL, Floats, LatentAscent, change, search
from dashboard.services.image_data import batch, stored
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method


class Changes(NamedTuple):
    """Counterfactuals of one image, one row per target."""

    source: int
    targets: list[int]
    counterfactuals: Floats
    probs: Floats
    l1: list[float]
    converged: list[bool]
    reasons: list[str]
    seconds: float


class Evidence(NamedTuple):
    """Distances of one counterfactual to the decoder's images and to real images.

    `drawn` is the nearest image that the decoder was found to draw, at L1 distance `distance`;
    `input_distance` is the same of the input. `nearest` are the classes of the nearest real train
    images, empty where the bundle has none.
    """

    drawn: Floats
    distance: float
    input_distance: float
    nearest: list[int]


class Law(NamedTuple):
    """The first-order law at an image's code.

    `singular_values` are those of dg/dz; `residuals` belong to steps of `lengths` latent units.
    """

    singular_values: NDArray[np.floating]
    lengths: NDArray[np.floating]
    residuals: NDArray[np.floating]
    slope: float


class Alternatives(NamedTuple):
    """Different counterfactuals of one image for one target, the nearest first."""

    counterfactuals: Floats
    probs: Floats
    l1: list[float]
    searched: int
    converged: int
    seconds: float


class Constrained(NamedTuple):
    """A counterfactual that is the image itself outside a rectangle, and the target's p."""

    image: Floats
    counterfactual: Floats
    probability: float
    l1: float
    converged: bool
    reason: str


@st.cache_data(
    max_entries=256, show_spinner="Searching within the part", hash_funcs=BY_FINGERPRINT
)
@offload
def constrained(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    target: int,
    ascent: LatentAscent,
    allowed: NDArray[np.bool_],
) -> Constrained:
    """Search while only the pixels allowed, (height, width), may change."""
    from xai_core.data.io.pixel_values import pictures

    x = batch(bundle, [image_id])
    with compute_slot():
        found, _ = search(bundle, x, target, output, method, ascent, allowed=allowed)
    return Constrained(
        image=pictures(found.images)[0],
        counterfactual=pictures(found.counterfactuals)[0],
        probability=float(found.probabilities[0, target]),
        l1=float(found.l1[0]),
        converged=bool(found.converged[0]),
        reason=found.reasons[0],
    )


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def changes(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    ascent: LatentAscent = USUAL,
) -> Changes:
    """Search one image's counterfactuals towards every class but its own."""
    from xai_core.data.io.pixel_values import pictures

    x = batch(bundle, [image_id])
    with compute_slot():
        found, seconds = search(bundle, x, "all", output, method, ascent, path_points=2)
    return Changes(
        source=int(found.source[0]),
        targets=found.target.tolist(),
        counterfactuals=pictures(found.counterfactuals),
        probs=on_host(found.probabilities),
        l1=found.l1.tolist(),
        converged=found.converged.tolist(),
        reasons=list(found.reasons),
        seconds=seconds,
    )


@st.cache_data(
    max_entries=256, show_spinner="Searching from several starts", hash_funcs=BY_FINGERPRINT
)
@offload
def alternatives(
    bundle: "Bundle", image_id: str, output: str, target: int, seed: int
) -> Alternatives | None:
    """Search from different starts; None if no real image of the target can serve as a start."""
    from xai_core.counterfactual import alternatives
    from xai_core.counterfactual.of_bundle import reference_of
    from xai_core.data.io.pixel_values import pictures

    if not len(reference_of(bundle, output).members(target)):
        return None
    with compute_slot():
        start = time.perf_counter()
        x = batch(bundle, [image_id])
        answer = alternatives.alternatives(bundle, x, target, output=output, seed=seed)
        seconds = time.perf_counter() - start
    found, kept = answer.found, list(answer.kept)
    return Alternatives(
        counterfactuals=pictures(found.counterfactuals[kept]),
        probs=on_host(found.probabilities[kept]),
        l1=found.l1[kept].tolist(),
        searched=len(found),
        converged=int(found.converged.sum()),
        seconds=seconds,
    )


@st.cache_data(
    max_entries=256,
    show_spinner="Searching the nearest image of the decoder",
    hash_funcs=BY_FINGERPRINT,
)
def evidence(
    bundle: "Bundle",
    image_id: str,
    output: str,
    method: "Method",
    target: int,
    ascent: LatentAscent = USUAL,
) -> Evidence:
    """Measure the evidence for the counterfactual shown, for any method."""
    found = change(bundle, image_id, output, method, target, ascent)
    return _evidence(bundle, found.counterfactual, found.image, output)


@offload
def _evidence(bundle: "Bundle", counterfactual: Floats, image: Floats, output: str) -> Evidence:
    from xai_core.counterfactual.of_bundle import reference_of
    from xai_core.data.io.pixel_values import channels_first, pictures

    x = channels_first(on_device(bundle, np.stack([counterfactual, image])), "images")
    reference = reference_of(bundle, output, labels=True)
    with compute_slot():
        found = decoder_images.nearest(bundle, x)
        nearest = reference.nearest_classes(x[:1])[0].tolist()
    distance, input_distance = found.l1.tolist()
    return Evidence(pictures(found.images)[0], distance, input_distance, nearest)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def law(bundle: "Bundle", image_id: str, output: str, target: int) -> Law:
    """Measure the residual of the first-order law at an image's code."""
    from xai_core.counterfactual.of_bundle import certify_images

    with compute_slot():
        found = certify_images(bundle, stored(bundle, [image_id]), target=target, output=output)
    return Law(
        singular_values=on_host(found.singular_values[0]),
        lengths=on_host(found.lengths),
        residuals=on_host(found.residuals[0]),
        slope=float(found.slope[0]),
    )


def one_of_each(bundle: "Bundle", output: str, seed: int) -> list[str | None]:
    """Choose a test image of each class, one whose label, if any, agrees.

    Args:
        bundle: The bundle to search.
        output: An output with several classes.
        seed: Another seed gives other images.

    Returns:
        One id per class; None for a class without a test image.
    """
    classes = outputs.classes(bundle, output)
    index, rng = bundle.index, np.random.default_rng(seed)
    predicted = index[classes.column].to_numpy()
    named = predicted if classes.labelled else np.array(bundle.cluster_labels)[predicted]
    label = index["label"].to_numpy()
    fits = (index["split"] == "test").to_numpy() & ((label < 0) | (label == named))
    chosen: list[str | None] = []
    for wanted in range(classes.count(bundle)):
        rows = np.flatnonzero(fits & (predicted == wanted))
        chosen.append(str(index["id"].iat[rng.choice(rows)]) if len(rows) else None)
    return chosen
