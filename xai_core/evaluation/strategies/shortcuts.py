"""Possible shortcuts: decisions that rest on one place of the frame, away from the object.

The object is the heaviest connected part of an image that differs from the colour of its border,
and what is near it. Relevance of the background is spread over the frame and moves with the
object; a mark that was added to the images, such as a watermark, attracts it at one place. A group
of images is flagged if, in most of them, much of the relevance lies within one small window off
the object. Images without a plain border have no such object, so nothing is found in them.

A flag is a hint. `confirm` changes nothing but the window and counts the decisions that change.

References:
    Unmasking Clever Hans Predictors and Assessing What Machines Really Learn (Lapuschkin et al.,
    2019), https://doi.org/10.1038/s41467-019-08987-4
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..._types import Images, Logits, Maps
from ...data.ground import distance_from_ground, ground_colours

__all__ = ["MUCH", "Confirmation", "Window", "confirm", "object_masks", "off_object", "window_of"]

MUCH = 0.15
"""Share of an image's relevance within the window from which a group is flagged."""
SMALL = 1 / 6
"""Side of the window, as a share of the image's shorter side."""
INK = 0.3
"""Distance from the background, in [0, 1], from which a pixel belongs to an object."""
NEAR = 2
"""Pixels around an object that count as the object."""
MORE = 0.05
"""Share of decisions that the window must change beyond chance to confirm a shortcut."""
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Window:
    """A square of the frame, and the share of relevance within it and off the object.

    Attributes:
        top: First row.
        left: First column.
        side: Side in pixels.
        share: Median over the images of the share of relevance within it and off the object.
    """

    top: int
    left: int
    side: int
    share: float

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Return its rows and columns."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Shares of decisions that change when only the window changes; NaN without such images.

    Attributes:
        removed: Of the group's images, with the window filled by the background.
        removed_by_chance: The same for images of other groups of the class.
        added: Of images of other classes, decided as the class with a window of the group's.
        added_by_chance: The same with a window of other images of other classes.
    """

    removed: float
    removed_by_chance: float
    added: float
    added_by_chance: float

    @property
    def confirmed(self) -> bool:
        """Return whether the window changes more decisions than chance does."""
        pairs = (self.removed, self.removed_by_chance), (self.added, self.added_by_chance)
        return any(share - np.nan_to_num(chance) >= MORE for share, chance in pairs)


def object_masks(x: Images) -> Bool[np.ndarray, "images height width"]:
    """Mark the object of each image and the pixels near it."""
    from scipy import ndimage

    away = distance_from_ground(x.cpu()).numpy()
    within_image = np.zeros((3, 3, 3), bool)
    within_image[1] = True
    parts, count = ndimage.label(away > INK, structure=within_image)
    weights = np.bincount(parts.ravel(), weights=away.ravel(), minlength=count + 1)
    weights[0] = 0
    weight = weights[parts]
    heaviest = (weight == weight.max((1, 2), keepdims=True)) & (parts > 0)
    return ndimage.binary_dilation(heaviest, structure=within_image, iterations=NEAR)


def off_object(x: Images, maps: Maps) -> Maps:
    """Return the relevance for the decision off the object, as a share of all relevance.

    Args:
        x: Images.
        maps: Their heatmaps; negative values speak against the decision.

    Returns:
        Shares per pixel, 0 on the object.
    """
    total = maps.abs().sum((1, 2), keepdim=True).clamp(min=1e-12)
    on_object = torch.from_numpy(object_masks(x)).to(maps.device)
    return (maps.clamp(min=0) / total).masked_fill(on_object, 0)


def window_of(shares: Maps) -> Window:
    """Find the window with the most relevance off the objects of a group of images.

    Args:
        shares: Result of `off_object` for these images.
    """
    side = max(3, round(min(shares.shape[1:]) * SMALL))
    each = torch.nn.functional.avg_pool2d(shares[:, None], side, stride=1)[:, 0] * side**2
    best = int(each.mean(0).argmax())
    share = each.flatten(1)[:, best].double().quantile(0.5)
    top, left = divmod(best, each.shape[2])
    return Window(top=top, left=left, side=side, share=float(share))


@torch.no_grad()
def confirm(
    window: Window,
    group: Images,
    rest: Float[Tensor, "rest channels height width"],
    others: Float[Tensor, "others channels height width"],
    *,
    forward: Callable[[Images], Logits],
    target: int,
) -> Confirmation:
    """Count the decisions that change when nothing but the window changes.

    Args:
        window: Where pixels may change.
        group: Images of the flagged group, decided as `target`.
        rest: Other images decided as `target`; may be empty.
        others: Images decided otherwise; may be empty.
        forward: Images to logits.
        target: The class.
    """
    rows, columns = window.pixels

    def decided(x: Images) -> Float[Tensor, " batch"]:
        parts = [forward(part).argmax(-1) == target for part in x.split(AT_ONCE)]
        return torch.cat(parts).double() if parts else torch.empty(0, dtype=torch.float64)

    def emptied(x: Images) -> float:
        x = x.clone()
        x[..., rows, columns] = ground_colours(x)[..., None, None]
        return 1 - float(decided(x).mean()) if len(x) else float("nan")

    def pasted(x: Images, given: Float[Tensor, "given channels height width"]) -> float:
        x = x.clone()
        x[..., rows, columns] = given[_cycled(len(x), len(given)), :, rows, columns]
        return float(decided(x).mean()) if len(x) else float("nan")

    return Confirmation(
        removed=emptied(group),
        removed_by_chance=emptied(rest),
        added=pasted(others, group),
        added_by_chance=pasted(others, others.roll(1, 0)),
    )


def _cycled(count: int, length: int) -> Int[Tensor, " rows"]:
    return torch.arange(count) % length
