"""Score how well maps rank the pixels of their images: three scores per map."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..._moved import renamed
from ..._types import ByteImages, Images, Maps
from ...attribution.api import Attribution
from ...attribution.of_bundle import IMAGES_AT_ONCE
from ...attribution.registry import method_card
from ...bundle.explained_output import ExplainedOutput, deciding_outputs, explained_output
from ...bundle.image_input import as_float_images
from ...bundle.reading import Bundle
from .measures import area, deletion, gini, insertion, pixel_order, score_of
from .table import infill_of

__all__ = ["MapScores", "map_scores", "ranked"]


@dataclass(frozen=True, kw_only=True, eq=False)
class MapScores:
    """Scores of maps on their own images, on the CPU, one value per map.

    Attributes:
        insertion: Area under the target's probability while pixels are shown in the map's order,
            0 to 1; high is good.
        deletion: The same while pixels are removed in that order; low is good.
        sparsity: Gini index of the map: 0 if all pixels are equal, near 1 if few pixels dominate.
    """

    insertion: Float[Tensor, " batch"]
    deletion: Float[Tensor, " batch"]
    sparsity: Float[Tensor, " batch"]


@renamed(of="output")
@torch.no_grad()
def map_scores(
    bundle: Bundle,
    images: ByteImages | Images,
    values: Maps,
    target: Int[Tensor, " batch"],
    *,
    output: str | ExplainedOutput,
) -> MapScores:
    """Score maps, each on its own image and independently of the others.

    Args:
        bundle: The models.
        images: The images explained: uint8 (N, C, H, W), or floats in [0, 1].
        values: Values that rank the pixels, from `ranked`, on the CPU.
        target: The class or cluster explained, one per map.
        output: An output with several classes, such as "classifier" or "cluster".

    Raises:
        ValueError: If the output has no probabilities.
    """
    output = explained_output(bundle, output)
    if output.classes is None:
        known = " or ".join(one.name for one in deciding_outputs(bundle))
        raise ValueError(f"`output` must be {known} to score maps, got `{output.name}`.")
    probs, function, infill = output.shown, output.function(bundle), infill_of(bundle)
    # one map at a time, so that ties do not depend on the batch
    order = torch.cat([pixel_order(one[None], seed=0) for one in values])
    areas = []
    for rows in torch.arange(len(values)).split(IMAGES_AT_ONCE):
        score = score_of(lambda images: probs(function(images)), target[rows].to(bundle.device))
        x, ranks = as_float_images(bundle, images[rows]), order[rows].to(bundle.device)
        curves = (follow(x, ranks, score=score, infill=infill) for follow in (insertion, deletion))
        areas.append(torch.stack([area(curve).cpu() for curve in curves]))
    shown, gone = torch.cat(areas, 1)
    return MapScores(insertion=shown, deletion=gone, sparsity=gini(values))


def ranked(found: Attribution) -> Maps:
    """Return the values that rank pixels: absolute values for slopes."""
    values = found.attributions.cpu()
    return values.abs() if method_card(found.method).by_size else values
