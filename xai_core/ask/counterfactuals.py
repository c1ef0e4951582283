"""Counterfactuals of a bundle's images, or of new ones, for what the bundle can explain."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from .._types import ByteImages, Images
from ..bundle import Bundle
from ..explain.counterfactual import (
    Counterfactual,
    CounterfactualConfig,
    Method,
    Reference,
    find_counterfactual,
)
from .targets import explained, floats

__all__ = ["counterfactuals", "reference_of"]


def counterfactuals(
    bundle: Bundle,
    images: ByteImages | Images,
    target: int | Int[Tensor, " batch"] | Literal["all"],
    *,
    of: str = "classifier",
    method: Method | None = None,
    config: CounterfactualConfig | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Counterfactual:
    """Change images until the explained function finds the target in them.

    Args:
        bundle: The models, on the device to compute on, and the real images.
        images: uint8 (N, 28, 28), or floats (N, 1, 28, 28) in [0, 1].
        target: Class or cluster to reach: one for all, one a row, or "all": each image towards
            every class but its own, rows image-major.
        of: "classifier" for classes, "cluster" for clusters.
        method: As `CounterfactualConfig.method`, and instead of it where given.
        config: Settings.
        on_progress: Told how many rows are done, of how many.

    Returns:
        A row an image and target; read `converged` before trusting one.

    Raises:
        ValueError: If images have another form, are not finite or leave [0, 1], `target` is no
            class, or `of` has no classes.
        BundleError: If the bundle has no classifier and it is to be explained.
    """
    config = config or CounterfactualConfig()
    if method is not None:
        config = replace(config, method=method)
    return find_counterfactual(
        floats(bundle, images),
        target=target,
        encode=bundle.model.encode_mean,
        decode=bundle.model.decode,
        forward=explained(bundle, of),
        prior=bundle.model.prior,
        reference=reference_of(bundle, of, labels=config.method == "nearest"),
        config=config,
        on_progress=on_progress,
    )


def reference_of(bundle: Bundle, of: str, *, labels: bool = False) -> Reference | None:
    """Return the train images of a bundle with their classes and codes.

    Args:
        bundle: The bundle.
        of: What says the classes: "classifier" or "cluster"; others have none.
        labels: Whether the data's labels are the classes, for "classifier", where there are any.
    """
    if of not in ("classifier", "cluster"):
        return None
    train = bundle.dataset.train
    if labels and of == "classifier" and train.labels is not None:
        classes = train.labels
    else:
        column = bundle.index["predicted" if of == "classifier" else "cluster"]
        classes = torch.from_numpy(column.to_numpy(copy=True))[: len(train)]
    return Reference(images=train.images, classes=classes, codes=bundle.latents[: len(train)])
