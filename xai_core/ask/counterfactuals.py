"""Counterfactuals of a bundle's images, or of new ones, for what the bundle can explain."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from .._types import ByteImages, Images
from ..bundle import Bundle
from ..data.images import to_float
from ..explain.counterfactual import (
    Counterfactual,
    CounterfactualConfig,
    Method,
    Reference,
    find_counterfactual,
)
from .targets import explained

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
        ValueError: If images are not finite or leave [0, 1], `target` is no class, or `of` has
            no classes.
        BundleError: If the bundle has no classifier and it is to be explained.
    """
    config = config or CounterfactualConfig()
    if method is not None:
        config = replace(config, method=method)
    forward = explained(bundle, of)
    x = _floats(bundle, images)
    if isinstance(target, str):
        x, target = _towards_all(x, forward, target)
    return find_counterfactual(
        x,
        target=target,
        encode=bundle.model.encode_mean,
        decode=bundle.model.decode,
        forward=forward,
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


def _floats(bundle: Bundle, images: ByteImages | Images) -> Images:
    if images.is_floating_point():
        return images.to(bundle.device)
    return to_float(images, bundle.device)


def _towards_all(
    x: Images, forward: Callable[[Images], Tensor], target: str
) -> tuple[Images, Int[Tensor, " batch"]]:
    """Repeat each image once a class other than its own."""
    if target != "all":
        raise ValueError(f"`target` must be a class, one a row, or 'all', got {target!r}.")
    with torch.no_grad():
        logits = torch.cat([forward(part) for part in x.split(250)])
    classes = logits.shape[1]
    own = logits.argmax(1, keepdim=True)
    others = (own + torch.arange(1, classes, device=x.device)) % classes
    return x.repeat_interleave(classes - 1, 0), others.sort(1).values.flatten()
