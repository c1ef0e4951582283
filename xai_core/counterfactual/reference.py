"""Real images of every class, used as starts and for comparison."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from .._types import Images, Latents

__all__ = ["Reference"]

COMPARED_AT_ONCE = 64
KNOWN_AT_ONCE = 10_000
"""Real images converted to floats at once, to limit memory for large classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """Real images, their classes and codes, on the CPU or on the models' device.

    Attributes:
        images: Grey images (images, height, width), or (images, channels, height, width); bytes,
            or floats in [0, 1].
        classes: Class of each image.
        codes: Means of q(z|x), one per image.
    """

    images: (
        UInt8[Tensor, "images *channels height width"]
        | Float[Tensor, "images *channels height width"]
    )
    classes: Int[Tensor, " images"]
    codes: Float[Tensor, "images latent"]

    def __post_init__(self) -> None:
        """Raise an error for empty or unequally long fields."""
        lengths = {len(self.images), len(self.classes), len(self.codes)}
        if lengths == {0}:
            raise ValueError(
                "`images` must hold at least one image, got none. Pass `reference=None` instead."
            )
        if len(lengths) > 1:
            raise ValueError(
                "`images`, `classes` and `codes` must have one row per image, got "
                f"{len(self.images)}, {len(self.classes)} and {len(self.codes)} rows."
            )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Return (channels, height, width) of the images."""
        shape = tuple(self.images.shape[1:])
        return (1, *shape) if len(shape) == 2 else shape

    def members(self, target: int) -> Int[Tensor, " members"]:
        """Return the rows of one class."""
        return (self.classes == target).nonzero().squeeze(1)

    def nearest_images(
        self, images: Images, target: Int[Tensor, " batch"]
    ) -> tuple[Int[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Find the image of the target class with the smallest L1 distance to each image.

        Returns:
            Its row, -1 where the class has no image, and the distance, infinite there.
        """
        rows = torch.full_like(target, -1)
        distances = images.new_full((len(images),), torch.inf)
        for wanted in target.unique().tolist():
            members, mine = self.members(wanted), (target == wanted).nonzero().squeeze(1)
            if not len(members):
                continue
            for part in members.split(KNOWN_AT_ONCE):
                pixels = _floats(self.images[part].to(images.device)).to(images).flatten(1)
                for some in mine.split(COMPARED_AT_ONCE):
                    least, place = torch.cdist(images[some].flatten(1), pixels, p=1).min(1)
                    nearer = least < distances[some]
                    distances[some] = torch.where(nearer, least, distances[some])
                    rows[some] = torch.where(nearer, part.to(place.device)[place], rows[some])
        return rows, distances

    def nearest_classes(self, images: Images, *, count: int = 10) -> Int[Tensor, "batch count"]:
        """Return the classes of the `count` images nearest to each image in L1, nearest first.

        Fewer are returned if there are fewer images.
        """
        pixels = images.flatten(1)
        difference = torch.cat(
            [
                torch.cdist(pixels, _floats(part).to(images).flatten(1), p=1)
                for part in self.images.split(KNOWN_AT_ONCE)
            ],
            dim=1,
        )
        order = difference.topk(min(count, len(self.images)), largest=False).indices
        return self.classes.to(order.device)[order]

    def nearest_rows(
        self, codes: Latents, target: Int[Tensor, " batch"], count: int
    ) -> Int[Tensor, "batch count"]:
        """Find the rows of the target class with the nearest codes, nearest first.

        If there are fewer than `count`, rows repeat; a class without images gives -1.
        """

        def difference(mine: Tensor, members: Tensor) -> Tensor:
            return torch.cdist(codes[mine], self.codes[members].to(codes))

        return self._nearest(difference, target, count)

    def nearest_held_rows(
        self,
        images: Images,
        held: Bool[Tensor, "batch 1 height width"],
        target: Int[Tensor, " batch"],
        count: int,
    ) -> Int[Tensor, "batch count"]:
        """Find the images of the target class that differ least in the held pixels, in L2.

        Rows and repeats are as in `nearest_rows`.
        """
        x, weight = images.flatten(1), held.expand_as(images).flatten(1).to(images)

        def difference(mine: Tensor, members: Tensor) -> Tensor:
            parts = []
            for part in members.split(KNOWN_AT_ONCE):
                real = _floats(self.images[part].to(x.device)).to(x).flatten(1)
                cross = (weight[mine] * x[mine]) @ real.T
                parts.append(weight[mine] @ real.square().T - 2 * cross)
            return torch.cat(parts, 1)

        return self._nearest(difference, target, count)

    def _nearest(
        self,
        difference: Callable[[Tensor, Tensor], Tensor],
        target: Int[Tensor, " batch"],
        count: int,
    ) -> Int[Tensor, "batch count"]:
        """Find the nearest rows of each target by a matrix of differences, (mine, members)."""
        found = torch.full((len(target), count), -1, device=target.device)
        for wanted in target.unique().tolist():
            members, mine = self.members(wanted), (target == wanted).nonzero().squeeze(1)
            if not len(members):
                continue
            order = difference(mine, members).topk(min(count, len(members)), largest=False).indices
            rows = members.to(order.device)[order]
            found[mine] = rows[:, torch.arange(count).clamp(max=rows.shape[1] - 1)]
        return found

    def codes_at(
        self, rows: Int[Tensor, "batch count"], codes: Latents
    ) -> Float[Tensor, "batch count latent"]:
        """Return the codes of each image's rows; for a row of -1, the image's own code."""
        known = self.codes[rows.to(self.codes.device)].to(codes.device)
        return torch.where(rows.unsqueeze(-1) < 0, codes.unsqueeze(1), known)

    def distance_bound(
        self, images: Images, rows: Int[Tensor, "batch count"]
    ) -> Float[Tensor, " batch"]:
        """Bound the L1 distance to the nearest image of a class from above, by some of them.

        Args:
            images: Images in [0, 1].
            rows: Rows of the class for each image, from `nearest_rows`; -1 for none.

        Returns:
            The smallest distance; infinite where a row is -1.
        """
        pixels = _floats(self.images[rows.to(self.images.device)].to(images.device))
        pixels = pixels.to(images).reshape(*rows.shape, *images.shape[1:])
        bound = (pixels - images.unsqueeze(1)).abs().flatten(2).sum(2).amin(1)
        return bound.masked_fill((rows < 0).any(1), torch.inf)

    def images_at(self, rows: Int[Tensor, " batch"]) -> Images:
        """Return some images in [0, 1]."""
        found = _floats(self.images[rows.to(self.images.device)])
        return found.unsqueeze(1) if found.ndim == 3 else found


def _floats(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else images.float() / 255
