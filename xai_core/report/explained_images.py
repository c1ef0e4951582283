"""Heatmaps and counterfactuals of a few images, as data for the exported map."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from ..bundle.cluster_names import class_name
from ..bundle.explained_output import ExplainedOutput, deciding_outputs, explained_output
from ..evaluation import exemplars
from ..plots import image_sheet
from ..plots.counterfactual import change
from ..plots.probabilities import percent
from ..plots.style import plain
from . import pictures

if TYPE_CHECKING:
    from ..attribution.api import Attribution
    from ..bundle.reading import Bundle
    from ..counterfactual.api import Counterfactual

__all__ = ["ExplainedImages", "explained_images"]

TYPICAL, UNSURE = "Typical", "Least sure"


@dataclass(frozen=True, kw_only=True)
class ExplainedImages:
    """Explanations, ready for JSON.

    Attributes:
        images: One entry per image: its row in the index, why it was chosen, its pictures and
            their captions.
        about: What is explained, and by which method.
    """

    images: list[dict[str, Any]]
    about: dict[str, str]


def explained_images(
    bundle: "Bundle",
    rows: NDArray[np.uint32],
    count: int,
    output: str | ExplainedOutput | None = None,
    *,
    seed: int = 0,
) -> ExplainedImages:
    """Explain the images most typical of their clusters and those whose cluster is least sure.

    A counterfactual leads to the second most probable class.

    Args:
        bundle: The models, on the device to compute on.
        rows: Rows of the index to choose from.
        count: Number of images at most.
        output: What is explained; the cluster where there are two, otherwise the classifier, or
            the ELBO.
        seed: Seed of the heatmap method.
    """
    from ..attribution.of_bundle import attributions, methods_for
    from ..attribution.registry import METHODS

    explained = explained_output(bundle, output or _usual(bundle))
    method = "critic" if "critic" in methods_for(bundle, explained) else "integrated_gradients"
    about = {"explained": explained.words, "method": METHODS[method].title,
             "note": METHODS[method].note}  # fmt: skip
    chosen = _chosen(bundle, rows, count)
    if not chosen:
        return ExplainedImages(images=[], about=about)
    ids = bundle.index["id"].take(list(chosen)).tolist()
    x = bundle.dataset.images(ids)
    maps = attributions(bundle, x, method, output=explained, seed=seed)
    changed, names = _changed(bundle, x, explained)
    images = [
        {"row": row, "group": group, **_pictures(bundle, x[k], maps, k)}
        | ({} if changed is None else {"changed": _counterfactual(changed, names, k)})
        for k, (row, group) in enumerate(chosen.items())
    ]
    return ExplainedImages(images=images, about=about)


def _usual(bundle: "Bundle") -> ExplainedOutput | str:
    """Prefer the cluster, which colours the map, to the classifier."""
    outputs = sorted(deciding_outputs(bundle), key=lambda one: one.name != "cluster")
    return next(iter(outputs), "elbo")


def _chosen(bundle: "Bundle", rows: NDArray[np.uint32], count: int) -> dict[int, str]:
    """Choose rows of the index, and say why."""
    index = bundle.index.take(np.sort(rows))
    labels = list(bundle.cluster_labels)
    half: dict[str, tuple[exemplars.Choice, int]] = {
        TYPICAL: ("Most typical", count // 2),
        UNSURE: ("Least sure", count - count // 2),
    }
    found: dict[int, str] = {}
    for group, (how, number) in half.items():
        rest = index[~index.index.isin(list(found))]
        if number and len(rest):
            picked = exemplars.pick(rest, how, count=number, seed=0, cluster_labels=labels)
            found |= {int(row): group for row in rest.index[picked]}
    return found


def _pictures(bundle: "Bundle", x: Tensor, maps: "Attribution", k: int) -> dict[str, Any]:
    values = maps.attributions[k].numpy()
    heat = pictures.signed(values, image_sheet.shared_limit([values]), "")
    return {
        "input": pictures.picture(pictures.drawn(x), "").light,
        "heat": [heat.light, heat.dark],
    }


def _changed(
    bundle: "Bundle", x: Tensor, output: ExplainedOutput
) -> tuple["Counterfactual | None", list[str]]:
    """Turn images into their second most probable class."""
    from ..counterfactual.of_bundle import counterfactuals

    if output.classes is None or output.classes.count(bundle) < 2:
        return None, []
    count = output.classes.count(bundle)
    names = (
        [class_name(c, bundle.manifest.dataset.class_names) for c in range(count)]
        if output.classes.labelled
        else list(bundle.clusters.names)
    )
    target = _second(bundle, x, output)
    return counterfactuals(bundle, x, target, output=output), names


@torch.no_grad()
def _second(bundle: "Bundle", x: Tensor, output: ExplainedOutput) -> Int[Tensor, " images"]:
    from ..bundle.image_input import as_float_images

    found: Int[Tensor, " images"] = (
        output.function(bundle)(as_float_images(bundle, x)).topk(2, -1).indices[:, 1].cpu()
    )
    return found


def _counterfactual(done: "Counterfactual", names: list[str], k: int) -> dict[str, Any]:
    x, after = pictures.drawn(done.images[k]), pictures.drawn(done.counterfactuals[k])
    target = int(done.target[k])
    added, removed = change.ink(after - x)
    moved = pictures.signed(after - x, 1.0, "")
    return {
        "to": names[target],
        "image": pictures.picture(after, "").light,
        "change": [moved.light, moved.dark],
        "reached": percent(float(done.probabilities[k, target])),
        "ink": f"{plain(added, 1)} full pixels of ink added, {plain(removed, 1)} removed",
        "reason": "" if done.converged[k] else done.reasons[k],
    }
