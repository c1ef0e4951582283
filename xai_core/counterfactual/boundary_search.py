"""The default search: a few curved steps along the decision boundary, near the image.

Minimises, over codes z, the ink changed ||x'(z) - x||_1 plus a weight times -log p(z), subject to
the constraint that the target's margin reaches what `search_probability` requires. x'(z) transfers
the residual that the decoder does not reproduce. The margin is the soft minimum of two log odds:
those of the explained function and those of the mixture prior at the code (`cluster_prior`), so
that the search does not end in an image that fools the function alone. Each step goes to the
linearised boundary and along it,

    delta = (b - m) a / |a|^2 - P g / h,   P = I - a a^T / |a|^2,   h = D / ||z - z_0||^2

with m the margin, b the required margin, a and g the gradients of margin and objective, and h the
curvature of a distance D that grows linearly from the image's code z_0, across the line to z_0. If
the search ends farther away than a real image of the target class, b is lowered step by step, but
not below `target_probability`.

Where only some pixels may change, x'(z) is x in all others, and every value above is that of the
composite. The starts are then the codes of real images of the target that agree with x outside.

References:
    Numerical Optimization (Nocedal & Wright, 2006), chapter 18, for the two parts of a step.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._types import Images, Latents, Logits, Probs
from .cluster_prior import ClusterPrior
from .gradient_ascent import ascend_in_latent_space
from .initialisation import candidate_codes
from .reference import Reference
from .residual_transfer import transfer_residual
from .task import CounterfactualConfig, CounterfactualTask, Found

__all__ = [
    "search_boundary",
]

COMPARED_STARTS = 2
"""Starts tried on every image; the others are used if these stall."""
RETRIES = 4
"""Restarts of stalled images: at two starts with the largest odds, by plain ascent, longer."""
LONGER = 60
"""Step limit of the last restart, at the start with the largest odds, unless one is stated."""
ASCENT_STEPS = 200
REAL_COMPARED = 32
"""Real images of the target class, those with the nearest codes, that bound the distance."""
LONGEST_STEP = 1.0
"""Longest step across the boundary, in latent units."""
REACH = 1.0
"""Longest first step along the boundary, in latent units; the limit shrinks to 0."""
SLACK = 1.5
"""Log odds aimed at beyond the required ones, since the odds are concave along a step."""
PIXELS = 784
"""Ink is scaled to images of this many values, so that the limits below hold for any size."""
SETTLED = 1.0
"""Predicted saving of ink below which an image leaves the batch."""
AT_ONCE = 256
"""Images of paths decoded at once."""
ENOUGH = 4
"""Steps after which an image nearer than a real one leaves the batch."""
HELD_WEIGHT = 0.3
"""Weight of the change that a decoded image would make to pixels that are held, relative to the
change it makes to the others: codes are preferred whose whole image fits the pixels held."""
CONCESSION = 1.0
"""Decrease of the required log odds per step, for an image farther away than a real one."""
OPINION = 2.5
"""Log odds that the mixture prior must reach. They are multiplied by two in the margin, because
they change more slowly than those of the function."""

Row = Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class _Point:
    """Codes and the values evaluated there.

    `odds` are those of the explained function alone; `cost` is the objective.
    """

    codes: Latents
    images: Images
    probabilities: Probs
    odds: Row
    margin: Row
    distance: Row
    cost: Row

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return (
            *(self.codes, self.images, self.probabilities),
            *(self.odds, self.margin, self.distance, self.cost),
        )

    def rows(self, rows: Tensor) -> "_Point":
        return _Point(*(column[rows] for column in self.columns))

    def put(self, rows: Tensor, other: "_Point") -> None:
        for mine, theirs in zip(self.columns, other.columns, strict=True):
            mine[rows] = theirs

    def clone(self) -> "_Point":
        return _Point(*(column.detach().clone() for column in self.columns))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Boundary:
    """The task with the constraints of its search."""

    task: CounterfactualTask
    reading: ClusterPrior | None
    least: float
    """Log odds below which a search has failed."""
    goal: float
    """Required margin."""
    farthest: Row
    """Distance beyond which the required margin is lowered."""
    density_weight: float

    def rows(self, rows: Tensor) -> "_Boundary":
        return _Boundary(
            task=self.task.rows(rows),
            reading=self.reading,
            least=self.least,
            goal=self.goal,
            farthest=self.farthest[rows],
            density_weight=self.density_weight,
        )

    def plain(self) -> "_Boundary":
        """Keep only the constraint that a valid counterfactual must satisfy."""
        return _Boundary(
            task=self.task,
            reading=None,
            least=self.least,
            goal=self.least,
            farthest=torch.full_like(self.farthest, torch.inf),
            density_weight=0.0,
        )

    def point(self, codes: Latents) -> _Point:
        """Evaluate codes, with a gradient if it is enabled."""
        task = self.task
        whole = transfer_residual(task.images, task.reconstructions, task.decode(codes))
        images = task.composed(whole)
        logits = task.forward(images)
        odds = _log_odds(logits, task.target)
        distance = (images - task.images).abs().sum((1, 2, 3)) * _scale(images)
        margin, cost = odds, distance
        if task.allowed is not None:
            cost = cost + HELD_WEIGHT * (whole - images).abs().sum((1, 2, 3)) * _scale(images)
        if task.prior is not None:
            joint = task.prior.log_joint(codes)
            cost = cost - self.density_weight * joint.logsumexp(-1)
            if self.reading is not None:
                opinion = self.reading.log_odds(joint, task.target, OPINION)
                margin = -torch.logaddexp(-odds, -(2 * opinion + self.goal))
        return _Point(codes, images, logits.softmax(-1), odds, margin, distance, cost)


def search_boundary(task: CounterfactualTask, config: CounterfactualConfig) -> Found:
    """Find a near counterfactual in the target's part of the latent space."""
    near = None
    if task.reference is not None:
        near = _nearest_real(task, task.reference)
    boundary = _boundary(task, config, near)
    candidates = candidate_codes(task, near)
    climbed = torch.zeros_like(task.target)
    if candidates is None:
        codes, climbed = _ascended(task, config)
        candidates = codes.unsqueeze(1)
    best, steps = _descend(boundary, config, _best_start(boundary, candidates))
    steps += climbed
    for attempt in range(RETRIES):
        stalled = (best.odds < boundary.least).nonzero().squeeze(1)
        if not len(stalled):
            break
        part = boundary.rows(stalled).plain()
        if attempt < RETRIES - 2:
            starts = _surest(part, candidates[stalled], attempt)
        elif attempt == RETRIES - 2:
            starts, climbed = _ascended(part.task, config)
            steps[stalled] += climbed
        else:
            starts = _surest(part, candidates[stalled], 0)
            config = replace(config, max_steps=config.max_steps or LONGER)
        found, taken = _descend(part, config, starts)
        better = found.odds > best.odds[stalled]
        best.put(stalled[better], found.rows(better))
        steps[stalled] += taken
    return _finish(boundary, config, best, steps)


def _nearest_real(task: CounterfactualTask, real: Reference) -> Int[Tensor, "batch count"]:
    """Find the nearest real images of the target, by the held pixels if some are held."""
    if task.allowed is None:
        return real.nearest_rows(task.codes, task.target, REAL_COMPARED)
    return real.nearest_held_rows(task.images, ~task.allowed, task.target, REAL_COMPARED)


def _ascended(
    task: CounterfactualTask, config: CounterfactualConfig
) -> tuple[Latents, Int[Tensor, " batch"]]:
    """Ascend from the images' own codes, for use when no codes of the target are known."""
    plain = replace(config, method="diffeomorphic", max_steps=ASCENT_STEPS, path_points=2)
    found = ascend_in_latent_space(task, plain)
    return found.path[:, -1], found.evaluations


def _boundary(
    task: CounterfactualTask,
    config: CounterfactualConfig,
    near: Int[Tensor, "batch count"] | None,
) -> _Boundary:
    reading, farthest = None, torch.full_like(task.images[:, 0, 0, 0], torch.inf)
    if task.reference is not None and near is not None:
        bound = task.reference.distance_bound(task.images, near) * _scale(task.images)
        farthest = config.nearer_than_real * bound
        if task.prior is not None:
            classes = task.probabilities.shape[1]
            reading = ClusterPrior.fit(task.prior, task.reference, classes)
    return _Boundary(
        task=task,
        reading=reading,
        least=math.log(config.target_probability / (1 - config.target_probability)) + 0.1,
        goal=math.log(config.search_probability / (1 - config.search_probability)),
        farthest=farthest,
        density_weight=config.density_weight,
    )


def _scale(images: Images) -> float:
    """Return the factor that scales the ink of an image to one of `PIXELS` values."""
    return PIXELS / images[0].numel()


def _best_start(
    boundary: _Boundary, candidates: Float[Tensor, "batch candidates latent"]
) -> Latents:
    """Choose the start whose line to the image's code crosses the boundary nearest to it."""
    task = boundary.task
    compared = candidates if task.allowed is not None else candidates[:, :COMPARED_STARTS]
    at_image = task.probabilities.gather(1, task.target.unsqueeze(1))
    before = torch.logit(at_image.double().clamp(1e-30, 1 - 1e-7)).to(at_image.dtype)
    point = _tried(boundary, compared)
    margin, distance = (found.view(compared.shape[:2]) for found in (point.margin, point.distance))
    share = ((boundary.goal - before) / (margin - before).clamp(min=1e-3)).clamp(0, 1)
    predicted = torch.where(margin >= boundary.goal, share * distance, 1e4 - margin)
    best = predicted.argmin(1)
    rows = torch.arange(len(best), device=best.device)
    return torch.lerp(task.codes, compared[rows, best], share[rows, best].unsqueeze(1))


def _surest(
    boundary: _Boundary, candidates: Float[Tensor, "batch candidates latent"], rank: int
) -> Latents:
    """Choose the start with the `rank`-th largest log odds."""
    rows, count = candidates.shape[:2]
    odds = _tried(boundary, candidates).odds.view(rows, count)
    chosen = odds.argsort(1, descending=True)[:, min(rank, count - 1)]
    return candidates[torch.arange(rows, device=chosen.device), chosen]


def _tried(boundary: _Boundary, candidates: Float[Tensor, "batch candidates latent"]) -> _Point:
    """Evaluate all candidates of all images, row by row."""
    rows, count = candidates.shape[:2]
    images = torch.arange(rows, device=candidates.device).repeat_interleave(count)
    with torch.no_grad():
        return boundary.rows(images).point(candidates.flatten(0, 1))


def _descend(
    boundary: _Boundary, config: CounterfactualConfig, start: Latents
) -> tuple[_Point, Int[Tensor, " batch"]]:
    """Step along the boundary; keep the nearest point beyond it, or that of the largest margin."""
    task, part, codes = boundary.task, boundary, start
    rows = torch.arange(len(start), device=start.device)
    steps, best = torch.zeros_like(task.target), None
    wanted = torch.full_like(boundary.farthest, boundary.goal)
    for step in range(config.step_limit):
        point, slope, ascent = _gradients(part, codes)
        steps[rows] += 1
        best = point.clone() if best is None else _keep(best, point, rows, wanted)
        too_far = (best.distance[rows] > part.farthest) & (best.margin[rows] >= wanted[rows])
        wanted[rows] = (wanted[rows] - CONCESSION * too_far).clamp(min=boundary.least)
        reach = REACH * (1 - step / config.step_limit)
        delta = _step(part.task, point, slope, ascent, wanted[rows] + SLACK, reach)
        codes = codes + delta
        predicted = -(slope * delta).sum(-1)
        near = (best.distance[rows] <= part.farthest) & (step + 1 >= ENOUGH)
        going = (best.margin[rows] < wanted[rows]) | ((predicted > SETTLED) & ~near)
        if not going.all():
            left = going.nonzero().squeeze(1)
            if not len(left):
                return best, steps
            rows, codes, part = rows[left], codes[left], part.rows(left)
    assert best is not None
    with torch.no_grad():
        last = part.point(codes)
    return _keep(best, last, rows, wanted), steps


def _gradients(boundary: _Boundary, codes: Latents) -> tuple[_Point, Latents, Latents]:
    """Evaluate a point, d cost / dz and d margin / dz."""
    with torch.enable_grad():
        codes = codes.detach().requires_grad_()
        point = boundary.point(codes)
        (ascent,) = torch.autograd.grad(point.margin.sum(), codes, retain_graph=True)
        (slope,) = torch.autograd.grad(point.cost.sum(), codes)
    return _Point(*(column.detach() for column in point.columns)), slope, ascent


def _step(
    task: CounterfactualTask,
    point: _Point,
    slope: Latents,
    ascent: Latents,
    wanted: Row,
    reach: float,
) -> Latents:
    """Step to the linearised boundary, and along it if that brings the image nearer."""
    steepness = ascent.square().sum(-1, keepdim=True).clamp(min=1e-6)
    across = (wanted - point.margin).unsqueeze(1) * ascent / steepness
    along = slope - (slope * ascent).sum(-1, keepdim=True) * ascent / steepness
    away = (point.codes - task.codes).square().sum(-1).clamp(min=1e-2)
    curvature = (point.distance.clamp(min=1.0) / away).unsqueeze(1)
    return _shortened(across, LONGEST_STEP) - _shortened(along / curvature, reach)


def _shortened(moves: Latents, longest: float) -> Latents:
    length = moves.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    return moves * (longest / length).clamp(max=1)


def _keep(best: _Point, point: _Point, rows: Tensor, wanted: Row) -> _Point:
    """Replace the best points so far by those that are better."""
    better = _is_better(point, best.margin[rows], best.distance[rows], wanted[rows])
    chosen = better.nonzero().squeeze(1)
    if len(chosen):
        best.put(rows[chosen], point.rows(chosen))
    return best


def _is_better(point: _Point, margin: Row, distance: Row, wanted: Row) -> Bool[Tensor, " batch"]:
    """Prefer points beyond the boundary, then nearer ones, otherwise larger margins."""
    across, was_across = point.margin >= wanted, margin >= wanted
    nearer = torch.where(across & was_across, point.distance < distance, point.margin > margin)
    return nearer & (across | ~was_across)


def _finish(
    boundary: _Boundary, config: CounterfactualConfig, best: _Point, steps: Int[Tensor, " batch"]
) -> Found:
    """Build the straight path from the image's code to the code found."""
    task = boundary.task
    share = torch.linspace(0, 1, config.path_points).to(best.codes).reshape(1, -1, 1)
    path = torch.lerp(task.codes.unsqueeze(1), best.codes.unsqueeze(1), share)
    between = _probs_between(task, path[:, 1:-1])
    return Found(
        images=best.images,
        probabilities=best.probabilities,
        path=path,
        path_probabilities=torch.cat(
            [task.probabilities.unsqueeze(1), between, best.probabilities.unsqueeze(1)], 1
        ),
        num_steps=torch.full_like(task.target, config.path_points),
        evaluations=steps,
        why_not="every start stalled before the target was probable enough",
    )


def _probs_between(
    task: CounterfactualTask, path: Float[Tensor, "batch steps latent"]
) -> Float[Tensor, "batch steps clusters"]:
    """Evaluate the probability of every class along the paths, some images at a time."""
    steps = path.shape[1]
    if not steps:
        return task.probabilities.unsqueeze(1)[:, :0]
    parts = []
    for rows in torch.arange(len(path), device=path.device).split(max(AT_ONCE // steps, 1)):
        part = task.rows(rows.repeat_interleave(steps))
        with torch.no_grad():
            drawn = task.decode(path[rows].flatten(0, 1))
        images = transfer_residual(part.images, part.reconstructions, drawn)
        images = part.composed(images)
        parts.append(task.probs(images).unflatten(0, (len(rows), steps)))
    return torch.cat(parts)


def _log_odds(logits: Logits, target: Int[Tensor, " batch"]) -> Row:
    wanted = target.unsqueeze(1)
    others = logits.scatter(1, wanted, -torch.inf)
    return logits.gather(1, wanted).squeeze(1) - others.logsumexp(-1)
