"""Strategies of a bundle's models for one class or cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ...attribution.of_bundle import attributions, methods_for
from ...bundle.cluster_names import letters
from ...bundle.explained_output import ExplainedOutput, explained_output
from ...bundle.image_input import as_float_images
from ...bundle.reading import Bundle
from ...errors import DataError
from .groups import FEWEST, Strategies, Strategy, find_strategies, map_of_heatmaps
from .shortcuts import Confirmation, confirm

__all__ = ["ClassStrategies", "strategies_of", "usual_method"]

PREFERRED = ("lrp", "deep_lift", "integrated_gradients")
"""Methods in the order in which one is chosen: the paper's, then complete ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassStrategies:
    """The strategies for one class or cluster of a bundle.

    Attributes:
        rows: Rows of the bundle's index, one per image.
        method: The attribution method.
        strategies: The groups, whose rows are places in `rows`.
        confirmations: One per group: what changing its window changes; None if it is not flagged.
        places: Places of the heatmaps on a map of their own.
    """

    rows: Int[np.ndarray, " images"]
    method: str
    strategies: Strategies
    confirmations: tuple[Confirmation | None, ...]
    places: Float[np.ndarray, "images 2"]

    def table(self, bundle: Bundle) -> pd.DataFrame:
        """Return id, strategy, flag and place of each image."""
        groups, of_image = self.strategies.groups, self.strategies.of_image
        columns = {
            "id": bundle.index["id"].to_numpy()[self.rows],
            "strategy": [letters(number) for number in of_image.tolist()],
            "possible_shortcut": [groups[number].flagged for number in of_image],
            "x": self.places[:, 0],
            "y": self.places[:, 1],
        }
        return pd.DataFrame(columns)


def usual_method(methods: Sequence[str]) -> str:
    """Choose a method of attribution: layer-wise relevance where it applies, as in the paper."""
    return next((name for name in PREFERRED if name in methods), methods[0])


def strategies_of(
    bundle: Bundle,
    target: object,
    *,
    output: str | ExplainedOutput = "classifier",
    method: str | None = None,
    num_images: int = 500,
    seed: int = 0,
) -> ClassStrategies:
    """Find the strategies of a bundle for the images that it decides as one class.

    Args:
        bundle: The models and images.
        target: Class or cluster, by number or class name.
        output: An output with classes, such as "classifier" or "cluster".
        method: Key of `METHODS`; None for that of `usual_method`.
        num_images: Largest number of images, drawn from the train images, of which shortcuts are
            learned; from all images if there are fewer than `FEWEST`.
        seed: Seed of the draw, the clustering and the map.

    Raises:
        ValueError: If the output has no classes, or the target or method does not exist.
        DataError: If no image is decided as the target.
    """
    output = explained_output(bundle, output)
    if output.classes is None:
        raise ValueError(f"`output` must tell classes apart, and `{output.name}` is one number.")
    number = int(output.classes.numbers(bundle, target, 1)[0])
    decided = bundle.index[output.classes.column].to_numpy() == number
    own = np.flatnonzero(decided & (bundle.index["split"] == "train").to_numpy())
    own = own if len(own) >= FEWEST else np.flatnonzero(decided)
    if not len(own):
        raise DataError(
            f"No image is decided as {output.classes.noun} {number}. Choose another one."
        )
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(own)[:num_images])
    others = np.sort(rng.permutation(np.flatnonzero(~decided))[:num_images])
    images, other_images = (
        as_float_images(bundle, bundle.dataset.images(bundle.index["id"].take(some).tolist()))
        for some in (rows, others)
    )
    method = method or usual_method(methods_for(bundle, output))
    maps = attributions(bundle, images, method, output=output, target=number, seed=seed)
    found = find_strategies(images.cpu(), maps.attributions, seed=seed)
    forward = output.function(bundle)

    def confirmed(group: Strategy) -> Confirmation:
        rest = np.setdiff1d(np.arange(len(rows)), group.rows)
        return confirm(
            group.window, images[group.rows], images[rest], other_images,
            forward=forward, target=number,
        )  # fmt: skip

    return ClassStrategies(
        rows=rows,
        method=method,
        strategies=found,
        confirmations=tuple(confirmed(g) if g.flagged else None for g in found.groups),
        places=map_of_heatmaps(found.directions, seed=seed),
    )
