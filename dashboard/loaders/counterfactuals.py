"""Cached counterfactuals of a bundle's images, and what lies along their way."""

import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.loaders import BY_FINGERPRINT, apart, batch, heavy

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle import Bundle
    from xai_core.explain.counterfactual import Counterfactual, Method

FRAMES = 13
"""Pictures along a way; as many codes as the engine keeps, so that each has its own."""
OTHER = {"classifier": "cluster", "cluster": "classifier"}
"""Whose second opinion is asked for."""
LATENT_METHODS = ("default", "diffeomorphic")

Floats = NDArray[np.float32]


class Change(NamedTuple):
    """One image on its way to a target.

    `image`, `reconstruction` and `counterfactual` are (28, 28) in [0, 1], `frames` are what lies
    between, (frames, 28, 28); `before`, `after` and `frame_probs` are what the explained function
    says of them; `codes`, `density` (log p(z), nats) and `places` (on the map) belong to the
    frames; `other` is what the model that is not explained says of the counterfactual.
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


class Changes(NamedTuple):
    """Counterfactuals of one image, a row a target."""

    source: int
    targets: list[int]
    counterfactuals: Floats
    probs: Floats
    l1: list[float]
    converged: list[bool]
    reasons: list[str]
    seconds: float


class Certified(NamedTuple):
    """Whether the first-order law holds where a way begins, and whether it keeps to tangents.

    `singular_values` are those of dg/dz; `residuals` belong to steps of `lengths` latent units;
    `share` of the shortest of them lies in span(U), and `path_shares` of each step of the way.
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


def explainable(bundle: "Bundle") -> list[str]:
    """List the functions that tell classes apart: "classifier" and "cluster", where there."""
    several = bundle.model.config.num_clusters > 1
    return ["classifier"] * (bundle.classifier is not None) + ["cluster"] * several


@st.cache_data(max_entries=512, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def decided(bundle: "Bundle", image_id: str, of: str) -> Floats:
    """Give what a function says of one image: (classes,), sum 1."""
    with heavy():
        return _probs(bundle, of, batch(bundle, [image_id]))[0]


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@apart
def change(bundle: "Bundle", image_id: str, of: str, method: "Method", target: int) -> Change:
    """Search one counterfactual, and look at the way to it."""
    import torch

    x = batch(bundle, [image_id])
    with heavy():
        found, seconds = _search(bundle, x, target, of, method)
        frames = found.frames(0, FRAMES)
        with torch.no_grad():
            if method in LATENT_METHODS:
                codes = _along(found.path[0, : int(found.num_steps[0])])
            else:
                codes = bundle.model.encode_mean(frames)
            density = bundle.model.prior.log_prob(codes)
        places = bundle.latent_index.place(codes)
        other, opinion = OTHER[of], None
        if other == "cluster" or bundle.classifier is not None:
            opinion = _probs(bundle, other, found.counterfactuals)[0]
        return Change(
            image=_picture(found.images[0]),
            reconstruction=_picture(found.reconstructions[0]),
            counterfactual=_picture(found.counterfactuals[0]),
            source=int(found.source[0]),
            target=target,
            before=found.source_probabilities[0].numpy(),
            after=found.probabilities[0].numpy(),
            frames=frames[:, 0].float().numpy(),
            frame_probs=_probs(bundle, of, frames),
            codes=codes.numpy(),
            density=density.float().numpy(),
            places=places.float().numpy(),
            other=opinion,
            l1=float(found.l1[0]),
            l2=float(found.l2[0]),
            converged=bool(found.converged[0]),
            reason=found.reasons[0],
            steps=int(found.evaluations[0]),
            seconds=seconds,
        )


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@apart
def changes(bundle: "Bundle", image_id: str, of: str, method: "Method") -> Changes:
    """Search one image's counterfactuals towards every class but its own."""
    x = batch(bundle, [image_id])
    with heavy():
        found, seconds = _search(bundle, x, "all", of, method, path_points=2)
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


@st.cache_data(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def usual_density(bundle: "Bundle") -> tuple[float, float, float]:
    """Give the 5th, 50th and 95th percentile of log p(z) over the test images' codes."""
    import torch

    test = (bundle.index["split"] == "test").to_numpy()
    codes = bundle.latents[torch.from_numpy(test.copy())] if test.any() else bundle.latents
    with heavy(), torch.no_grad():
        density = torch.cat([bundle.model.prior.log_prob(part) for part in codes.split(4096)])
    low, middle, high = np.percentile(density.numpy(), [5, 50, 95])
    return float(low), float(middle), float(high)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@apart
def alternatives(
    bundle: "Bundle", image_id: str, of: str, target: int, seed: int
) -> Alternatives | None:
    """Search from different starts; None where the target has no real images to start from."""
    from xai_core.ask import alternatives as ask
    from xai_core.ask.counterfactuals import reference_of

    reference = reference_of(bundle, of)
    if reference is None or not len(reference.members(target)):
        return None
    with heavy():
        start = time.perf_counter()
        x = batch(bundle, [image_id])
        answer = ask.alternatives(bundle, x, target, of=of, seed=seed)
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
    """Check the law of diffeomorphic steps at the start of a way, and every step of it."""
    return _certified(bundle, change(bundle, image_id, of, method, target).codes, target, of)


@apart
def _certified(bundle: "Bundle", codes: Floats, target: int, of: str) -> Certified:
    import torch

    from xai_core.ask.manifold import certify_path

    with heavy():
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
        bundle: Where to look.
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


def _search(
    bundle: "Bundle",
    x: "Tensor",
    target: int | Literal["all"],
    of: str,
    method: "Method",
    *,
    path_points: int = FRAMES,
) -> "tuple[Counterfactual, float]":
    """Search, and give the seconds that it took."""
    from xai_core.ask.counterfactuals import counterfactuals
    from xai_core.explain.counterfactual import CounterfactualConfig

    config = CounterfactualConfig(method=method, path_points=path_points)
    start = time.perf_counter()
    found = counterfactuals(bundle, x, target, of=of, config=config)
    return found, time.perf_counter() - start


def _probs(bundle: "Bundle", of: str, x: "Tensor") -> Floats:
    """Evaluate a function's probabilities; within `heavy`."""
    import torch

    from xai_core.ask.targets import explained

    with torch.no_grad():
        return explained(bundle, of)(x).softmax(-1).float().numpy()


def _along(path: "Tensor") -> "Tensor":
    """Place `FRAMES` codes evenly along a path."""
    import torch

    place = torch.linspace(0, len(path) - 1, FRAMES)
    left = place.floor().long().clamp(max=max(len(path) - 2, 0))
    right = (left + 1).clamp(max=len(path) - 1)
    return torch.lerp(path[left], path[right], (place - left).unsqueeze(1))


def _picture(image: "Tensor") -> Floats:
    return image[0].float().numpy()
