"""Cached answers of the Counterfactuals page: every target, the certificate, alternatives."""

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.counterfactuals import Floats, change, search
from dashboard.services.image_data import batch
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


class Certified(NamedTuple):
    """Whether the first-order law holds where a path begins, and whether it follows tangents.

    `singular_values` are those of dg/dz; `residuals` belong to steps of `lengths` latent units;
    `share` of the shortest of them lies in span(U), and `path_shares` of each step of the path.
    """

    singular_values: NDArray[np.floating]
    lengths: NDArray[np.floating]
    residuals: NDArray[np.floating]
    slope: float
    share: float
    path_shares: NDArray[np.floating]


class Alternatives(NamedTuple):
    """Different counterfactuals of one image for one target, the nearest first."""

    counterfactuals: Floats
    probs: Floats
    l1: list[float]
    searched: int
    converged: int
    seconds: float


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def changes(bundle: "Bundle", image_id: str, of: str, method: "Method") -> Changes:
    """Search one image's counterfactuals towards every class but its own."""
    x = batch(bundle, [image_id])
    with compute_slot():
        found, seconds = search(bundle, x, "all", of, method, path_points=2)
    return Changes(
        source=int(found.source[0]),
        targets=found.target.tolist(),
        counterfactuals=found.counterfactuals[:, 0].float().numpy(),
        probs=found.probabilities.numpy(),
        l1=found.l1.tolist(),
        converged=found.converged.tolist(),
        reasons=list(found.reasons),
        seconds=seconds,
    )


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def alternatives(
    bundle: "Bundle", image_id: str, of: str, target: int, seed: int
) -> Alternatives | None:
    """Search from different starts; None if no real image of the target can serve as a start."""
    from xai_core.counterfactual import alternatives
    from xai_core.counterfactual.of_bundle import reference_of

    reference = reference_of(bundle, of)
    if reference is None or not len(reference.members(target)):
        return None
    with compute_slot():
        start = time.perf_counter()
        x = batch(bundle, [image_id])
        answer = alternatives.alternatives(bundle, x, target, of=of, seed=seed)
        seconds = time.perf_counter() - start
    found, kept = answer.found, list(answer.kept)
    return Alternatives(
        counterfactuals=found.counterfactuals[kept, 0].float().numpy(),
        probs=found.probabilities[kept].numpy(),
        l1=found.l1[kept].tolist(),
        searched=len(found),
        converged=int(found.converged.sum()),
        seconds=seconds,
    )


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def certificate(
    bundle: "Bundle", image_id: str, of: str, method: "Method", target: int
) -> Certified:
    """Check the first-order law at the start of a path, and every step of the path."""
    return _certified(bundle, change(bundle, image_id, of, method, target).codes, target, of)


@offload
def _certified(bundle: "Bundle", codes: Floats, target: int, of: str) -> Certified:
    import torch

    from xai_core.counterfactual.of_bundle import certify_path

    with compute_slot():
        found, shares = certify_path(bundle, torch.from_numpy(codes), target=target, of=of)
    return Certified(
        singular_values=found.singular_values[0].detach().numpy(),
        lengths=found.lengths.numpy(),
        residuals=found.residuals[0].detach().numpy(),
        slope=float(found.slope[0]),
        share=float(found.share_in_span[0]),
        path_shares=shares.detach().numpy(),
    )


def one_of_each(bundle: "Bundle", of: str, seed: int) -> list[str | None]:
    """Choose a test image of each class: one that its label, if any, agrees with.

    Args:
        bundle: The bundle to search.
        of: "classifier" or "cluster".
        seed: Another seed gives other images.

    Returns:
        An id a class; None for a class without a test image.
    """
    index, rng = bundle.index, np.random.default_rng(seed)
    said = index["predicted" if of == "classifier" else "cluster"].to_numpy()
    named = np.array(bundle.cluster_labels)[said] if of == "cluster" else said
    label = index["label"].to_numpy()
    fits = (index["split"] == "test").to_numpy() & ((label < 0) | (label == named))
    chosen: list[str | None] = []
    for wanted in range(_classes(bundle, of)):
        rows = np.flatnonzero(fits & (said == wanted))
        chosen.append(str(index["id"].iat[rng.choice(rows)]) if len(rows) else None)
    return chosen


def _classes(bundle: "Bundle", of: str) -> int:
    if of == "cluster":
        return bundle.model.config.num_clusters
    return max(len(bundle.dataset.class_names), int(bundle.index["label"].max()) + 1)
