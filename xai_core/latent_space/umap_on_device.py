"""UMAP's layout on a GPU: the same objective as umap-learn's, with updates in parallel.

umap-learn moves one point after another. Here an epoch is a few steps, each of which moves all its
edges' points at once, so that the result differs from umap-learn's in detail, and from run to run
on a GPU, whose sums have no fixed order.

References:
    UMAP (McInnes et al., 2018), https://arxiv.org/abs/1802.03426, sections 3.1 to 3.3.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..runtime import import_umap

__all__ = ["umap_layout"]

EDGES_AT_ONCE = 1 / 8
"""Share of an epoch's edges that are applied together; with more, the moves of a point that has
many edges add up to too large a step."""
NEGATIVES = 5
"""Random points that push an edge's first point away, per edge."""
LARGEST_STEP = 4.0
"""Largest move along a coordinate that one edge asks for, as in umap-learn."""
BISECTIONS = 64
PRODUCTS = 600
"""Number of power iterations that find the smoothest eigenvectors of the graph."""


def umap_layout(
    rows: Int[Tensor, "points neighbours"],
    distances: Float[Tensor, "points neighbours"],
    *,
    start: Float[Tensor, "points dims"] | None = None,
    dims: int = 2,
    epochs: int = 200,
    min_dist: float = 0.1,
    seed: int = 0,
) -> Float[Tensor, "points dims"]:
    """Lay out a neighbour graph.

    Args:
        rows: The nearest neighbours of each point, nearest first, itself included.
        distances: Their distances.
        start: Where the points begin; None for the graph's smoothest vectors.
        dims: Dimensions of the layout without `start`.
        epochs: How often an edge of the largest weight is drawn.
        min_dist: Distance below which points do not attract each other.
        seed: Seed of the draws.

    Returns:
        The points' places.
    """
    device = rows.device
    generator = torch.Generator(device).manual_seed(seed)
    first, second, weight = _graph(rows, distances)
    if start is None:
        start = _smoothest(first, second, weight, len(rows), dims, generator)
    places = 10 * start / start.abs().max().clamp(min=1e-9)
    noise = torch.randn(places.shape, generator=generator, device=device)
    places = places + 1e-4 * noise
    a, b = import_umap().umap_.find_ab_params(1.0, min_dist)
    kept = weight >= weight.max() / epochs
    first, second, weight = first[kept], second[kept], weight[kept]
    drawn = max(1, int((weight / weight.max()).sum()))
    size = max(1, int(drawn * EDGES_AT_ONCE))
    steps = max(1, round(epochs * drawn / size))
    ends = weight.double().cumsum(0)
    for step in range(steps):
        at = torch.rand(size, generator=generator, device=device, dtype=torch.float64) * ends[-1]
        edge = torch.searchsorted(ends, at).clamp(max=len(ends) - 1)
        others = torch.randint(len(rows), (size, NEGATIVES), generator=generator, device=device)
        _move(places, first[edge], second[edge], others, a, b, rate=1 - step / steps)
    return places


def _graph(
    rows: Int[Tensor, "points neighbours"], distances: Float[Tensor, "points neighbours"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the edges of the fuzzy union of the points' own graphs, each in both directions."""
    import scipy.sparse

    count, neighbours = rows.shape
    others = distances.masked_fill(distances == 0, float("inf"))
    nearest = others.min(1).values
    nearest = torch.where(nearest.isinf(), 0.0, nearest)
    beyond = (distances - nearest[:, None]).clamp(min=0)
    wanted = float(np.log2(neighbours))
    low, high = torch.zeros_like(nearest), torch.full_like(nearest, float("inf"))
    scale = torch.ones_like(nearest)
    for _ in range(BISECTIONS):
        terms = torch.where(beyond > 0, torch.exp(-beyond / scale[:, None]), 1.0)
        too_far = terms[:, 1:].sum(1) > wanted
        high, low = torch.where(too_far, scale, high), torch.where(too_far, low, scale)
        scale = torch.where(high.isinf(), scale * 2, (low + high) / 2)
    scale = torch.maximum(scale, 1e-3 * distances.mean(1))
    strength = torch.where(beyond > 0, torch.exp(-beyond / scale[:, None]), 1.0)
    points = np.repeat(np.arange(count), neighbours)
    itself = rows.flatten().cpu().numpy() == points
    values = np.where(itself, 0, strength.flatten().cpu().numpy())
    one_way = scipy.sparse.csr_matrix(
        (values, (points, rows.flatten().cpu().numpy())), shape=(count, count)
    )
    both = one_way + one_way.T - one_way.multiply(one_way.T)
    both.eliminate_zeros()
    edges = both.tocoo()
    pair = (torch.from_numpy(part).to(rows.device, torch.long) for part in (edges.row, edges.col))
    return *pair, torch.from_numpy(edges.data).to(rows.device, torch.float32)  # type: ignore[return-value]


def _smoothest(
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    count: int,
    dims: int,
    generator: torch.Generator,
) -> Float[Tensor, "points dims"]:
    """Find the eigenvectors of the normalised graph below the constant one, by powers of it."""
    degree = torch.zeros(count, device=weight.device).index_add_(0, first, weight).clamp(min=1e-9)
    values = weight / (degree[first] * degree[second]).sqrt()

    def product(vectors: Tensor) -> Tensor:
        of_edges = vectors[second] * values[:, None]
        return torch.zeros_like(vectors).index_add_(0, first, of_edges)

    shape = (count, min(2 * (dims + 1), count))
    vectors = torch.randn(shape, generator=generator, device=weight.device)
    for done in range(PRODUCTS):
        vectors = (vectors + product(vectors)) / 2  # eigenvalues in [0, 1], the largest stay
        if done % 10 == 9:
            vectors = torch.linalg.qr(vectors).Q
    small = torch.linalg.eigh(vectors.T @ product(vectors))
    return (vectors @ small.eigenvectors.flip(1))[:, 1 : dims + 1]


def _move(
    places: Tensor, head: Tensor, tail: Tensor, others: Tensor, a: float, b: float, rate: float
) -> None:
    """Move the points of a few edges together, and the first ones away from random others."""
    apart = places[head] - places[tail]
    square = apart.square().sum(1, keepdim=True).clamp(min=1e-12)
    pull = -2 * a * b * square ** (b - 1) / (1 + a * square**b)
    towards = (pull * apart).clamp(-LARGEST_STEP, LARGEST_STEP)
    gap = places[head, None] - places[others]
    square = gap.square().sum(2, keepdim=True)
    push = 2 * b / ((0.001 + square) * (1 + a * square.clamp(min=1e-12) ** b))
    away = (push * gap).clamp(-LARGEST_STEP, LARGEST_STEP).sum(1)
    places.index_add_(0, head, towards + away, alpha=rate)
    places.index_add_(0, tail, towards, alpha=-rate)
