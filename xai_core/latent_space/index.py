"""The latent index: neighbours, places on the two-dimensional map, placing new images.

References:
    UMAP (McInnes et al., 2018), https://arxiv.org/abs/1802.03426
    Neighborhood Preservation in Nonlinear Projection Methods (Venna & Kaski, 2001):
    trustworthiness and continuity.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Latents

__all__ = [
    "LatentIndex",
    "NeighbourSearch",
    "index_columns",
]

PLACE_NEIGHBOURS = 10
TERM_NAMES = ("elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z")
MAX_DISTANCES = 1 << 24
"""Distances held at once: 64 MiB."""


class LatentIndex:
    """Finds neighbours by exact distances and places new codes among them.

    Args:
        latents: Codes of known images, float32.
        places: Their coordinates on the map.

    Raises:
        ValueError: If the two differ in length or are empty.
    """

    def __init__(
        self, latents: Float[Tensor, "points latent"], places: Float[Tensor, "places 2"]
    ) -> None:
        if not len(latents) or len(latents) != len(places):
            raise ValueError(
                f"`latents` and `places` must have as many rows, at least 1, got {len(latents)} "
                f"and {len(places)}."
            )
        self.latents = latents
        self.places = places
        self._search = NeighbourSearch(latents)

    def __len__(self) -> int:
        """Count the known images."""
        return len(self.latents)

    def neighbours(
        self, z: Latents, k: int
    ) -> tuple[Int[Tensor, "batch k"], Float[Tensor, "batch k"]]:
        """Return the stored images nearest to codes; the nearest to a stored code is itself.

        Args:
            z: Codes.
            k: Number of neighbours, in [1, len(self)].

        Returns:
            Rows, nearest first, and Euclidean distances.

        Raises:
            ValueError: If `k` is out of range, or codes have another dimension.
        """
        if not 1 <= k <= len(self):
            raise ValueError(f"`k` must be in [1, {len(self)}], got {k}.")
        if z.shape[1] != self.latents.shape[1]:
            raise ValueError(f"`z` must have {self.latents.shape[1]} columns, got {z.shape[1]}.")
        return self._search.nearest(z.to(self.latents), k)

    def place(self, z: Latents, k: int = PLACE_NEIGHBOURS) -> Float[Tensor, "batch 2"]:
        """Place codes on the map: the coordinate-wise median of the places of the `k` nearest."""
        rows, _ = self.neighbours(z, min(k, len(self)))
        return self.places[rows].quantile(0.5, dim=1)

    def code_at(
        self, places: Float[Tensor, "batch 2"], k: int = PLACE_NEIGHBOURS
    ) -> tuple[Latents, Int[Tensor, "batch k"], Float[Tensor, "batch k"]]:
        """Estimate codes for places on the map from the nearest stored images.

        The map has no inverse, so this interpolates: it averages the codes of the `k` nearest
        images on the map with weights 1 / distance^2. The place of an image gives its own code.

        Args:
            places: In map units.
            k: Images to average, at most all of them.

        Returns:
            Codes, rows of the images averaged, nearest first, and their map distances.
        """
        distances = torch.cdist(places, self.places, compute_mode="donot_use_mm_for_euclid_dist")
        far, rows = distances.topk(min(k, len(self)), dim=-1, largest=False)
        weights = (far[:, :1].clamp(min=1e-9) / far.clamp(min=1e-9)).square()
        weights = weights / weights.sum(-1, keepdim=True)
        return (weights.unsqueeze(-1) * self.latents[rows]).sum(1), rows, far


def index_columns(latent_dim: int) -> dict[str, str]:
    """Return the columns of the index and their types: "str", "int64" or "float32"."""
    floats = ("confidence", "umap_x", "umap_y", "distortion", *TERM_NAMES)
    return {
        **dict.fromkeys(("id", "split"), "str"),
        **dict.fromkeys(("label", "cluster"), "int64"),
        **dict.fromkeys(floats, "float32"),
        "predicted": "int64",
        **{f"mean_{axis}": "float32" for axis in range(latent_dim)},
        **{f"log_var_{axis}": "float32" for axis in range(latent_dim)},
    }


class NeighbourSearch:
    """Finds nearest points by exact distances, a block of codes at a time.

    The nearest p maximises p.z - |p|^2 / 2, one matrix product.
    """

    def __init__(self, points: Float[Tensor, "points latent"]) -> None:
        self.points = points
        self.centre = points.mean(0)  # centring keeps precision if points lie far from the origin
        centred = points - self.centre
        half_squares = centred.square().sum(-1, keepdim=True) / 2
        self.matrix = torch.cat([centred, -half_squares], 1).T.contiguous()

    def nearest(
        self, z: Latents, k: int
    ) -> tuple[Int[Tensor, "batch k"], Float[Tensor, "batch k"]]:
        """Return rows and distances of the `k` points nearest to each code, nearest first."""
        found = []
        for block in z.split(max(1, MAX_DISTANCES // len(self.points))):
            codes = torch.nn.functional.pad(block - self.centre, (0, 1), value=1.0)
            rows = (codes @ self.matrix).topk(k, dim=-1).indices
            distances = (self.points[rows] - block.unsqueeze(1)).square().sum(-1).sqrt()
            distances, order = distances.sort(dim=-1, stable=True)
            found.append((rows.gather(-1, order), distances))
        rows, distances = (torch.cat(parts) for parts in zip(*found, strict=True))
        return rows, distances
