"""Faithfulness of a map: how the output changes as its top pixels are removed or inserted.

Removed pixels are filled in by a model, not blacked out: on MNIST, black is the background, and
blacking out strokes can draw another digit.

References:
    RISE (Petsiuk et al., 2018), https://arxiv.org/abs/1806.07421, for deletion and insertion.
    On the (In)fidelity and Sensitivity of Explanations (Yeh et al., 2019),
    https://arxiv.org/abs/1901.09392
    Concise Explanations of Neural Networks using Adversarial Training (Chalasani et al., 2020),
    https://arxiv.org/abs/1810.06583, for the Gini index of a map.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..._types import Images, Maps
from ...attribution.config import AttributionConfig
from ...attribution.perturbation import patches
from ..infill import Infill

__all__ = [
    "SHARES",
    "Score",
    "area",
    "completeness_gap",
    "deletion",
    "gini",
    "infidelity",
    "insertion",
    "max_sensitivity",
    "pixel_order",
    "removal_masks",
    "score_of",
]

Score = Callable[[Images], Float[Tensor, " batch"]]
"""The scalar explained for each image, such as the probability of its class.

It is evaluated on several versions of a whole batch, concatenated version by version.
"""
VERSIONS_AT_ONCE = 64
"""Altered images evaluated at once: few enough that their activations fit into the CPU's cache."""
SHARES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""Shares of the pixels at which curves are measured: dense where digits have their ink."""


def score_of(outputs: Callable[[Images], Tensor], target: Int[Tensor, " batch"]) -> Score:
    """Return the score that selects one output per image, for any number of versions of the batch.

    Args:
        outputs: Images to (batch, outputs).
        target: The output to evaluate, one per image of the batch.
    """

    def score(images: Images) -> Float[Tensor, " versions"]:
        wanted = target.repeat(len(images) // len(target))
        return outputs(images).gather(1, wanted.unsqueeze(1)).squeeze(1)

    return score


def pixel_order(maps: Maps, *, seed: int) -> Int[Tensor, "batch pixels"]:
    """Sort pixels by value, largest first; ties are in random order."""
    flat = maps.flatten(1)
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.rand(flat.shape, generator=generator).argsort(1).to(flat.device)
    ranks = flat.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    return shuffled.gather(1, ranks)


def deletion(
    images: Images,
    order: Int[Tensor, "batch pixels"],
    *,
    score: Score,
    infill: Infill,
    shares: tuple[float, ...] = SHARES,
) -> Float[Tensor, "batch steps"]:
    """Evaluate the score as pixels are removed in a given order.

    Args:
        images: The images explained.
        order: Pixel numbers, most important first, from `pixel_order`.
        score: The score to evaluate.
        infill: Fills removed pixels.
        shares: Shares of the pixels removed, increasing from 0 to 1.

    Returns:
        The score at each share; it should fall early.
    """
    return _curve(images, order, score, infill, shares, kept=False)


def insertion(
    images: Images,
    order: Int[Tensor, "batch pixels"],
    *,
    score: Score,
    infill: Infill,
    shares: tuple[float, ...] = SHARES,
) -> Float[Tensor, "batch steps"]:
    """Evaluate the score as pixels are inserted in a given order; it should rise early.

    Takes the arguments of `deletion`; `shares` are the shares of pixels shown.
    """
    return _curve(images, order, score, infill, shares, kept=True)


def area(
    curves: Float[Tensor, "batch steps"], shares: tuple[float, ...] = SHARES
) -> Float[Tensor, " batch"]:
    """Compute the area under curves over the share of pixels, by the trapezoidal rule."""
    return torch.trapezoid(curves, torch.tensor(shares).to(curves), dim=1)


def removal_masks(
    count: int, height: int, width: int, *, side: int | None = None, seed: int
) -> Float[Tensor, "count height width"]:
    """Draw masks with random patches removed, each mask with its own share of them.

    Args:
        count: Number of masks.
        height: Height of the images.
        width: Width of the images.
        side: Side of a patch, in pixels; None for a seventh of the shorter side.
        seed: Seed of the draws.

    Returns:
        1 where a pixel is kept, 0 where it is not; no mask keeps all.
    """
    grid = patches(height, width, AttributionConfig(patch=side).window(height, width)[0])
    generator = torch.Generator().manual_seed(seed)
    share = 0.1 + 0.8 * torch.rand(count, 1, generator=generator)
    draws = torch.rand(count, int(grid.max()) + 1, generator=generator)
    gone = (draws < share).scatter(1, draws.argmin(1, keepdim=True), True)
    return 1 - gone[:, grid].float()


def infidelity(
    images: Images,
    maps: Maps,
    *,
    score: Score,
    infill: Infill,
    masks: Float[Tensor, "masks height width"],
    contribution: bool,
) -> Float[Tensor, " batch"]:
    """Measure how badly a map predicts the effect of removing pixels.

    With a the map's prediction and d = f(x) - f(x') the actual change, this is the minimum over
    beta of E[(beta a - d)^2] / E[d^2] over the masks: 0 if the prediction is right up to a factor,
    1 if it explains nothing.

    Args:
        images: The images explained.
        maps: Their maps.
        score: The score explained, in the units of the maps.
        infill: Fills removed pixels.
        masks: Masks of the pixels kept, shared by all images, from `removal_masks`.
        contribution: Whether values are shares, to be summed over the removed pixels, or slopes,
            to be multiplied by each pixel's change (the mean over its channels).
    """
    before, forecasts, changes = score(images), [], []
    for mask in masks.to(images):
        kept = mask.expand(len(images), -1, -1)
        changed = infill(images, kept)
        weight = 1 - kept if contribution else (images - changed).mean(1)
        forecasts.append((maps * weight).flatten(1).sum(-1))
        changes.append(before - score(changed))
    a, d = torch.stack(forecasts), torch.stack(changes)
    aa, ad, dd = (a * a).mean(0), (a * d).mean(0), (d * d).mean(0)
    explained = torch.where(aa > 0, ad.square() / aa.clamp(min=1e-30), 0)
    return torch.where(dd > 0, 1 - explained / dd.clamp(min=1e-30), 0).clamp(0, 1)


def max_sensitivity(
    images: Images,
    explain: Callable[[Images], Maps],
    *,
    radius: float = 0.02,
    count: int = 5,
    seed: int,
) -> Float[Tensor, " batch"]:
    """Measure the largest change of a map under small noise, relative to the map's norm.

    The maximum over draws of |map(x + e) - map(x)| / |map(x)|, e uniform in [-radius, radius]
    per pixel, the same for all images. A constant map has 0, so never read this score alone.

    Args:
        images: The images explained.
        explain: Returns maps.
        radius: Radius of the noise, in pixels' range [0, 1].
        count: Number of draws.
        seed: Seed of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    maps = explain(images).flatten(1)
    length = maps.norm(dim=1)
    length = torch.where(length > 0, length, 1)
    worst = torch.zeros_like(length)
    for _ in range(count):
        noise = torch.rand(images.shape[1:], generator=generator).to(images) * 2 - 1
        moved = explain(images + radius * noise).flatten(1)
        worst = torch.maximum(worst, (moved - maps).norm(dim=1) / length)
    return worst


def gini(maps: Maps) -> Float[Tensor, " batch"]:
    """Compute the Gini index of a map: 0 if all pixels are equal, 1 - 1/pixels if one has all."""
    sizes = maps.flatten(1).abs().sort(1).values
    count = sizes.shape[1]
    weights = 2 * torch.arange(1, count + 1).to(sizes) - count - 1
    total = sizes.sum(1)
    return torch.where(total > 0, (sizes * weights).sum(1) / (count * total.clamp(min=1e-30)), 0)


def completeness_gap(
    delta: Float[Tensor, " batch"], change: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return the completeness error relative to the mean absolute change of the output."""
    return delta.abs() / change.abs().mean().clamp(min=1e-12)


def _curve(
    images: Images,
    order: Int[Tensor, "batch pixels"],
    score: Score,
    infill: Infill,
    shares: tuple[float, ...],
    *,
    kept: bool,
) -> Float[Tensor, "batch steps"]:
    ranks = order.argsort(1).reshape(len(images), *images.shape[-2:])
    counts = torch.tensor([round(share * order.shape[1]) for share in shares]).to(ranks)
    values = []
    for some in counts.split(max(VERSIONS_AT_ONCE // len(images), 1)):
        first = (ranks < some.reshape(-1, 1, 1, 1)).to(images)
        mask = (first if kept else 1 - first).flatten(0, 1)
        shown = infill(images.repeat(len(some), 1, 1, 1), mask)
        values.append(score(shown).unflatten(0, (len(some), -1)))
    return torch.cat(values).T
