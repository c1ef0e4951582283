"""Cached attribution maps of a bundle's images."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.loaders import BY_FINGERPRINT, apart, batch, breathe, heavy, images, rows, stored

if TYPE_CHECKING:
    from xai_core.bundle import Bundle
    from xai_core.explain.groups import SetDifference
    from xai_core.explain.methods import MethodCard

Controls = tuple[tuple[str, float], ...]
"""Settings of a method that are not at their defaults, by name."""
FIRST = "critic"
"""Shown before any other, where the bundle has it."""


class Maps(NamedTuple):
    """Maps of one method, (images, 28, 28), and the output explained, one an image.

    `gap` is the share of the output's change that a complete method's map misses, (images,).
    """

    values: NDArray[np.float32]
    targets: NDArray[np.int64]
    gap: NDArray[np.float32] | None


def card(method: str) -> "MethodCard":
    """Say what a method is."""
    from xai_core.explain.methods import METHODS

    return METHODS[method]


def title(method: str) -> str:
    """Name a method for people."""
    return card(method).title


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def methods(bundle: "Bundle", of: str) -> list[str]:
    """List the methods that apply to what is explained, the critic first."""
    from xai_core.ask.attributions import methods_for

    found = methods_for(bundle, of)
    return sorted(found, key=lambda name: name != FIRST)


@st.cache_data(max_entries=64, show_spinner=False)
def baselines(method: str) -> dict[str, str]:
    """Name the baselines that a method can measure from, by their keys; empty for none."""
    from xai_core.explain.baselines import BASELINES

    wanted = card(method).baseline
    return {name: found.title for name, found in BASELINES.items() if found.serves(wanted)}


@st.cache_data(max_entries=1024, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@apart
def maps(
    bundle: "Bundle",
    ids: tuple[str, ...],
    method: str,
    of: str,
    target: int | None = None,
    baseline: str | None = None,
    controls: Controls = (),
) -> Maps:
    """Explain images by one method.

    Args:
        bundle: The models.
        ids: The images.
        method: Key of `METHODS`.
        of: What is explained.
        target: The class or cluster; the predicted one where None.
        baseline: What is measured from; the method's own where None.
        controls: Settings of the method.
    """
    from xai_core.ask.attributions import attributions
    from xai_core.explain.attribution import AttributionConfig

    config = AttributionConfig(**dict(controls))  # type: ignore[arg-type]
    with heavy():
        found = attributions(
            bundle,
            stored(bundle, ids),
            method,
            of=of,
            target=target,
            baseline=baseline,
            config=config,
        )
    gap = None
    if found.convergence_delta is not None and found.output_change is not None:
        gap = (found.convergence_delta.abs() / found.output_change.abs().clamp(min=1e-6)).numpy()
    return Maps(found.attributions.float().numpy(), found.target.numpy(), gap)


class Scores(NamedTuple):
    """What one image's maps are worth, a value a method."""

    insertion: NDArray[np.float32]
    deletion: NDArray[np.float32]
    sparsity: NDArray[np.float32]


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def scores(bundle: "Bundle", image_id: str, of: str, target: int | None) -> Scores | None:
    """Score the maps of every method on one image; None where the output is no probability."""
    from xai_core.ask.attributions import WITH_CLASSES

    if of not in WITH_CLASSES:
        return None
    names = methods(bundle, of)
    found = [maps(bundle, (image_id,), name, of, target) for name in names]
    ranked = [
        np.abs(one.values) if card(name).by_size else one.values
        for name, one in zip(names, found, strict=True)
    ]
    targets = np.concatenate([one.targets for one in found])
    return _worth(bundle, image_id, of, np.concatenate(ranked), targets)


@apart
def _worth(
    bundle: "Bundle",
    image_id: str,
    of: str,
    ranked: NDArray[np.float32],
    targets: NDArray[np.int64],
) -> Scores:
    import torch

    from xai_core.ask.map_scores import map_scores

    x = batch(bundle, [image_id]).expand(len(ranked), -1, -1, -1)
    with heavy():
        worth = map_scores(bundle, x, torch.from_numpy(ranked), torch.from_numpy(targets), of=of)
    return Scores(worth.insertion.numpy(), worth.deletion.numpy(), worth.sparsity.numpy())


class Trust(NamedTuple):
    """Scores of every method on the same images.

    `table` is that of `FaithfulnessTable.frame`; `insertion` and `deletion` hold each method's
    mean curve over `shares` of the pixels.
    """

    table: pd.DataFrame
    insertion: dict[str, NDArray[np.float32]]
    deletion: dict[str, NDArray[np.float32]]
    shares: tuple[float, ...]
    images: int


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _measured(bundle: "Bundle", of: str, count: int) -> list[Trust]:
    """Keep a place for a result: what draws its progress cannot itself be cached."""
    return []


def trust(
    bundle: "Bundle", of: str, count: int, on_progress: Callable[[str, int, int], None]
) -> Trust:
    """Measure how far each method can be believed, on the first test images, once.

    Args:
        bundle: The models.
        of: What is explained.
        count: Images at most.
        on_progress: Told the method that comes next, its number, and how many there are.
    """
    place = _measured(bundle, of, count)
    if not place:
        place.append(_measure(bundle, of, count, on_progress))
    return place[0]


def _measure(
    bundle: "Bundle", of: str, count: int, on_progress: Callable[[str, int, int], None]
) -> Trust:
    from xai_core.ask.faithfulness import scores as measure

    split = bundle.dataset.test if len(bundle.dataset.test) else bundle.dataset.train

    def between(method: str, number: int, methods: int) -> None:
        on_progress(method, number, methods)
        breathe()

    with heavy():
        found = measure(bundle, split.images[:count], of=of, on_progress=between)
    return Trust(
        found.frame(),
        {name: one.insertion_curve.mean(0).numpy() for name, one in found.measured.items()},
        {name: one.deletion_curve.mean(0).numpy() for name, one in found.measured.items()},
        found.shares,
        found.num_images,
    )


class Means(NamedTuple):
    """Mean heatmap and spread (clusters, 28, 28), mean input likewise, and images a cluster."""

    ink: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    counts: list[int]


@st.cache_data(max_entries=64, show_spinner="Averaging heatmaps", hash_funcs=BY_FINGERPRINT)
def cluster_means(bundle: "Bundle", method: str, of: str, split: str, each: int) -> Means:
    """Average the maps of up to `each` images of every cluster."""
    import torch

    from xai_core.explain.groups import group_means

    clusters, index = bundle.model.config.num_clusters, bundle.index
    rng, found = np.random.default_rng(0), []
    there = (index["split"] == split).to_numpy()
    for c in range(clusters):
        rows_in = np.flatnonzero(there & (index["cluster"] == c).to_numpy())
        found.append(rng.permutation(rows_in)[:each])
    chosen = np.concatenate(found)
    ids = tuple(str(i) for i in rows(bundle)[chosen])
    groups = torch.from_numpy(index["cluster"].to_numpy()[chosen])
    values = torch.from_numpy(maps(bundle, ids, method, of).values)
    ink = torch.from_numpy(images(bundle, list(ids)) / np.float32(255))
    of_maps, of_ink = (group_means(part, groups, clusters) for part in (values, ink))
    return Means(
        of_ink.mean.numpy(), of_maps.mean.numpy(), of_maps.spread.numpy(), of_maps.count.tolist()
    )


@st.cache_data(max_entries=64, show_spinner="Comparing the sets", hash_funcs=BY_FINGERPRINT)
def compared(
    bundle: "Bundle", method: str, of: str, each: int, halves: bool
) -> "SetDifference | None":
    """Test whether the maps of train and of test images differ; None without both.

    Args:
        bundle: The models.
        method: Whose maps.
        of: What is explained.
        each: Images of each set, drawn at random.
        halves: Compare two halves of the train set instead, where there is nothing to find.
    """
    import torch

    from xai_core.explain.groups import compare_sets

    rng, split = np.random.default_rng(0), bundle.index["split"].to_numpy()
    first, second = (rng.permutation(np.flatnonzero(split == name)) for name in ("train", "test"))
    if halves:
        second = first[each : 2 * each]
    sets = [part[:each] for part in (first, second)]
    if not all(len(part) for part in sets):
        return None
    found = [
        torch.from_numpy(maps(bundle, tuple(str(i) for i in rows(bundle)[s]), method, of).values)
        for s in sets
    ]
    return compare_sets(*found)
