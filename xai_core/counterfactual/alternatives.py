"""Several different counterfactuals of one image for one target.

The search ends in the part of the target class where it starts, so different starts give different
results. Each start is the mean of a few real codes of the target class; farthest-point sampling
spreads these groups over the class.

References:
    Explaining Machine Learning Classifiers through Diverse Counterfactual Explanations
    (Mothilal et al., 2020), https://arxiv.org/abs/1905.07697.
    Clustering to Minimize the Maximum Intercluster Distance (Gonzalez, 1985).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._moved import renamed
from .._types import ByteImages, Images, Latents
from ..bundle.explained_output import ExplainedOutput, explained_output
from ..bundle.reading import Bundle
from ..data.preprocessing import to_float
from .api import Counterfactual, find_counterfactual
from .of_bundle import reference_of
from .reference import Reference
from .task import CounterfactualConfig

__all__ = ["Alternatives", "alternatives"]

GROUP = 8
"""Real codes averaged for one start."""
NEAREST = 3000
"""Nearest members of the target class, among which the starts are chosen."""
APART = 0.3
"""Two counterfactuals differ if their L1 distance is at least this share of the ink changed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Alternatives:
    """Counterfactuals of one image from different starts.

    Attributes:
        found: One row per start, in the order of the starts.
        kept: Rows that converged and differ from each other, nearest to the image first.
    """

    found: Counterfactual
    kept: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Starts(Reference):
    """Real images with separate start codes for each row of a batch."""

    starts: Float[Tensor, "batch group latent"]

    def codes_at(
        self, rows: Int[Tensor, "batch count"], codes: Latents
    ) -> Float[Tensor, "batch count latent"]:
        """Return each row's own group, repeated where it is too small."""
        order = torch.arange(rows.shape[1]).clamp(max=self.starts.shape[1] - 1)
        return self.starts[:, order].to(codes)


@renamed(of="output")
def alternatives(
    bundle: Bundle,
    image: ByteImages | Images,
    target: int | str,
    *,
    output: str | ExplainedOutput = "classifier",
    count: int = 5,
    starts: int = 8,
    config: CounterfactualConfig | None = None,
    seed: int = 0,
) -> Alternatives:
    """Find counterfactuals of one image that differ from each other.

    Args:
        bundle: The models and the real images.
        image: One image: uint8 (1, C, H, W), or floats in [0, 1].
        target: Class (by number or name) or cluster to reach; it must have at least one real
            image.
        output: An output that tells classes apart, such as "classifier" or "cluster".
        count: How many to keep at most.
        starts: Number of searches.
        config: Settings of each search; the method is "default".
        seed: Seed of the first start; farthest-point sampling gives the others.

    Returns:
        All searches, and which to show: fewer than `count` if searches fail or agree.

    Raises:
        ValueError: If there is not exactly one image, or no real image of the target.
    """
    if len(image) != 1:
        raise ValueError(f"`image` must hold one image, got {len(image)}.")
    output = explained_output(bundle, output)
    reference = reference_of(bundle, output)
    assert output.classes is not None, "`reference_of` has checked it"
    target = int(output.classes.numbers(bundle, target, 1))
    if not len(reference.members(target)):
        raise ValueError(
            f"`target` must have real images to start from, got {target} of `{output.name}`."
        )
    bytes_ = not image.is_floating_point()
    x = to_float(image, bundle.device) if bytes_ else image.to(bundle.device)
    with torch.no_grad():
        code = bundle.model.encode_mean(x)
    groups = _groups(reference, code, target, starts, seed)
    found = find_counterfactual(
        x.expand(len(groups), -1, -1, -1).contiguous(),
        target=target,
        encode=bundle.model.encode_mean,
        decode=bundle.model.decode,
        forward=output.function(bundle),
        prior=bundle.model.prior,
        reference=_Starts(
            images=reference.images,
            classes=reference.classes,
            codes=reference.codes,
            starts=groups,
        ),
        config=config,
    )
    return Alternatives(found=found, kept=_different(found, count))


def _groups(
    reference: Reference, code: Latents, target: int, starts: int, seed: int
) -> Float[Tensor, "starts group latent"]:
    """Spread groups of neighbouring codes over the near part of a class."""
    codes = reference.codes[reference.members(target)].to(code)
    near = torch.cdist(code, codes)[0].topk(min(NEAREST, len(codes)), largest=False).indices
    codes = codes[near]
    generator = torch.Generator().manual_seed(seed)
    here = int(torch.randint(len(codes), (), generator=generator))
    distance, groups = torch.full_like(codes[:, 0], torch.inf), []
    for _ in range(min(starts, len(codes))):
        around = torch.cdist(codes[here : here + 1], codes)[0]
        groups.append(codes[around.topk(min(GROUP, len(codes)), largest=False).indices])
        distance = distance.minimum(around)
        here = int(distance.argmax())
    return torch.stack(groups)


def _different(found: Counterfactual, count: int) -> tuple[int, ...]:
    """Keep each result that differs from all nearer ones that were kept."""
    images, ink = found.counterfactuals.flatten(1), found.l1
    kept: list[int] = []
    for row in ink.argsort().tolist():
        if bool(found.converged[row]) and len(kept) < count and _is_new(images, ink, row, kept):
            kept.append(row)
    return tuple(kept)


def _is_new(
    images: Float[Tensor, "batch pixels"],
    ink: Float[Tensor, " batch"],
    row: int,
    kept: Sequence[int],
) -> bool:
    gaps = (images[list(kept)] - images[row]).abs().sum(1)
    return bool((gaps >= APART * ink[list(kept)]).all())
