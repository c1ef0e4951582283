"""Cached results of the Heatmaps page: scores, trust criteria, cluster means."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.attributions import card, maps, methods
from dashboard.services.bundles import on_host, rows
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch, images
from dashboard.services.outputs import explained
from dashboard.services.scheduler.scheduler import compute_slot, offload, yield_slot

if TYPE_CHECKING:
    from xai_core.attribution.group_means import SetDifference
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.faithfulness.summary import FaithfulnessSummary
    from xai_core.evaluation.strategies.of_bundle import ClassStrategies


class Scores(NamedTuple):
    """Faithfulness scores of one image's maps, one value per method."""

    insertion: NDArray[np.float32]
    deletion: NDArray[np.float32]
    sparsity: NDArray[np.float32]


@st.cache_data(max_entries=256, show_spinner="Scoring every method", hash_funcs=BY_FINGERPRINT)
def scores(bundle: "Bundle", image_id: str, output: str, target: int | None) -> Scores | None:
    """Score the maps of every method on one image; None if the output is not a probability."""
    if explained(bundle, output).classes is None:
        return None
    names = methods(bundle, output)
    found = [maps(bundle, (image_id,), name, output, target) for name in names]
    ranked = [
        np.abs(one.values) if card(name).by_size else one.values
        for name, one in zip(names, found, strict=True)
    ]
    targets = np.concatenate([one.targets for one in found])
    return _worth(bundle, image_id, output, np.concatenate(ranked), targets)


@offload
def _worth(
    bundle: "Bundle",
    image_id: str,
    output: str,
    ranked: NDArray[np.float32],
    targets: NDArray[np.int64],
) -> Scores:
    import torch

    from xai_core.evaluation.faithfulness.map_scores import map_scores

    x = batch(bundle, [image_id]).expand(len(ranked), -1, -1, -1)
    with compute_slot():
        worth = map_scores(
            bundle, x, torch.from_numpy(ranked), torch.from_numpy(targets), output=output
        )
    return Scores(on_host(worth.insertion), on_host(worth.deletion), on_host(worth.sparsity))


def kept_trust(bundle: "Bundle", output: str) -> "FaithfulnessSummary | None":
    """Return the scores that `xai faithfulness --keep` has put beside the bundle."""
    from xai_core.evaluation.faithfulness.summary import kept_summary

    return kept_summary(bundle.path, bundle.digest, output)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _measured(bundle: "Bundle", output: str, count: int) -> "list[FaithfulnessSummary]":
    """Return a store for a result, because a function that draws its progress cannot be cached."""
    return []


def trust(
    bundle: "Bundle", output: str, count: int, on_progress: Callable[[str, int, int], None]
) -> "FaithfulnessSummary":
    """Measure each method's faithfulness once, on the first test images.

    Args:
        bundle: The models.
        output: What is explained.
        count: Largest number of images.
        on_progress: Called with the next method, its number, and the number of methods.
    """
    place = _measured(bundle, output, count)
    if not place:
        place.append(_measure(bundle, output, count, on_progress))
    return place[0]


def _measure(
    bundle: "Bundle", output: str, count: int, on_progress: Callable[[str, int, int], None]
) -> "FaithfulnessSummary":
    from xai_core.evaluation.faithfulness.table import scores as measure

    split = bundle.dataset.test if len(bundle.dataset.test) else bundle.dataset.train

    def between(method: str, number: int, methods: int) -> None:
        on_progress(method, number, methods)
        yield_slot()

    with compute_slot():
        found = measure(bundle, split.images[:count], output=output, on_progress=between)
    return found.summary()


class Means(NamedTuple):
    """Mean input, mean heatmap and spread of each cluster, and its number of images."""

    ink: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    counts: list[int]


@st.cache_data(max_entries=64, show_spinner="Averaging heatmaps", hash_funcs=BY_FINGERPRINT)
def cluster_means(bundle: "Bundle", method: str, output: str, split: str, each: int) -> Means:
    """Average the maps of up to `each` images of every cluster."""
    import torch

    from xai_core.attribution.group_means import group_means

    clusters, index = bundle.model.config.num_clusters, bundle.index
    rng, found = np.random.default_rng(0), []
    there = (index["split"] == split).to_numpy()
    for c in range(clusters):
        rows_in = np.flatnonzero(there & (index["cluster"] == c).to_numpy())
        found.append(rng.permutation(rows_in)[:each])
    chosen = np.concatenate(found)
    ids = tuple(str(i) for i in rows(bundle)[chosen])
    groups = torch.from_numpy(index["cluster"].to_numpy()[chosen])
    values = torch.from_numpy(maps(bundle, ids, method, output).values)
    ink = torch.from_numpy(images(bundle, list(ids)) / np.float32(255))
    of_maps, of_ink = (group_means(part, groups, clusters) for part in (values, ink))
    return Means(
        on_host(of_ink.mean),
        on_host(of_maps.mean),
        on_host(of_maps.spread),
        of_maps.count.tolist(),
    )


@st.cache_data(max_entries=64, show_spinner="Comparing the sets", hash_funcs=BY_FINGERPRINT)
def compared(
    bundle: "Bundle", method: str, output: str, each: int, halves: bool
) -> "SetDifference | None":
    """Test whether the maps of train and test images differ; None if a set is empty.

    Args:
        bundle: The models.
        method: The attribution method.
        output: What is explained.
        each: Images of each set, drawn at random.
        halves: Compare two halves of the train set instead, which do not differ.
    """
    import torch

    from xai_core.attribution.group_means import compare_sets

    rng, split = np.random.default_rng(0), bundle.index["split"].to_numpy()
    first, second = (rng.permutation(np.flatnonzero(split == name)) for name in ("train", "test"))
    if halves:
        second = first[each : 2 * each]
    sets = [part[:each] for part in (first, second)]
    if not all(len(part) for part in sets):
        return None
    found = [
        torch.from_numpy(
            maps(bundle, tuple(str(i) for i in rows(bundle)[s]), method, output).values
        )
        for s in sets
    ]
    return compare_sets(*found)


@st.cache_data(max_entries=64, show_spinner="Grouping heatmaps", hash_funcs=BY_FINGERPRINT)
@offload
def strategies(bundle: "Bundle", output: str, target: int, method: str) -> "ClassStrategies":
    """Group up to 500 images of a class by their heatmaps."""
    from xai_core.evaluation.strategies.of_bundle import strategies_of

    with compute_slot():
        return strategies_of(bundle, target, output=output, method=method)
