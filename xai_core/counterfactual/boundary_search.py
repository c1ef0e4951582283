"""The default search: a few curved steps along the border of the decision, near the image.

Minimises, over codes z, the ink changed ||x'(z) - x||_1 plus a weight times -log p(z), subject to
a lead of the target of at least what `search_probability` asks for. x'(z) carries over what the
decoder does not draw; the lead is the soft minimum of the explained function's log odds and of a
second opinion, the mixture's reading of the code (`reading`), so that the search does not end
in an image that fools the function alone. Each step goes to the linearised border and along it,

    delta = (b - m) a / |a|^2 - P g / h,   P = I - a a^T / |a|^2,   h = D / ||z - z_0||^2

with m the lead, b what is asked for, a and g the gradients of the lead and of the objective, and h
the curvature across the line to the image's own code z_0 of a distance D that grows linearly along
it. Where this ends farther away than a real image of the target class, b is lowered step by step,
never below `target_probability`.

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
from .residual_transfer import transfer_residual
from .task import CounterfactualConfig, CounterfactualTask, Found

__all__ = [
    "search_boundary",
]

COMPARED_STARTS = 2
"""Starts tried on every image; the others wait for those that stall."""
RETRIES = 3
"""For those that stall: from the surest of all starts, and last from where plain ascent leads."""
ASCENT_STEPS = 200
REAL_COMPARED = 32
"""Real images of the target class that the distance is compared with, those of nearest codes."""
LONGEST_STEP = 1.0
"""Across the border, in latent units."""
REACH = 1.0
"""Of the first step along the border, in latent units; it shrinks to nothing."""
SLACK = 1.5
"""Log odds aimed at beyond what is asked for, since the odds bend down on the way there."""
PIXELS = 784
"""Ink is counted as if an image had this many values, so that what follows holds for any size."""
SETTLED = 1.0
"""Ink that another step must promise to save, or the image leaves the batch."""
AT_ONCE = 256
"""Images of paths decoded at once."""
ENOUGH = 4
"""Steps after which an image that is nearer than a real one leaves the batch."""
CONCESSION = 1.0
"""Log odds given up at a step by an image that is farther than a real one."""
OPINION = 2.5
"""Log odds asked of the second opinion, which counts twice: it is the flatter of the two."""

Row = Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class _Point:
    """Codes and what is known there.

    `odds` are the explained function's alone; `cost` is what is minimised.
    """

    codes: Latents
    images: Images
    probabilities: Probs
    odds: Row
    lead: Row
    distance: Row
    cost: Row

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return (
            *(self.codes, self.images, self.probabilities),
            *(self.odds, self.lead, self.distance, self.cost),
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
    """The problem with what its search asks for."""

    problem: CounterfactualTask
    reading: ClusterPrior | None
    least: float
    """Log odds without which a search has failed."""
    goal: float
    """Lead asked for."""
    allowed: Row
    """Distance past which the lead asked for is lowered."""
    density_weight: float

    def rows(self, rows: Tensor) -> "_Boundary":
        return _Boundary(
            problem=self.problem.rows(rows),
            reading=self.reading,
            least=self.least,
            goal=self.goal,
            allowed=self.allowed[rows],
            density_weight=self.density_weight,
        )

    def plain(self) -> "_Boundary":
        """Ask for what must be, and nothing else."""
        return _Boundary(
            problem=self.problem,
            reading=None,
            least=self.least,
            goal=self.least,
            allowed=torch.full_like(self.allowed, torch.inf),
            density_weight=0.0,
        )

    def point(self, codes: Latents) -> _Point:
        """Evaluate codes, with a gradient where it is switched on."""
        problem = self.problem
        images = transfer_residual(problem.images, problem.reconstructions, problem.decode(codes))
        logits = problem.forward(images)
        odds = _log_odds(logits, problem.target)
        distance = (images - problem.images).abs().sum((1, 2, 3)) * _scale(images)
        lead, cost = odds, distance
        if problem.prior is not None:
            joint = problem.prior.log_joint(codes)
            cost = distance - self.density_weight * joint.logsumexp(-1)
            if self.reading is not None:
                opinion = self.reading.log_odds(joint, problem.target, OPINION)
                lead = -torch.logaddexp(-odds, -(2 * opinion + self.goal))
        return _Point(codes, images, logits.softmax(-1), odds, lead, distance, cost)


def search_boundary(problem: CounterfactualTask, config: CounterfactualConfig) -> Found:
    """Find a near image that the target's part of the latent space has to offer."""
    near = None
    if problem.reference is not None:
        near = problem.reference.nearest_rows(problem.codes, problem.target, REAL_COMPARED)
    border = _boundary(problem, config, near)
    candidates = candidate_codes(problem, near)
    climbed = torch.zeros_like(problem.target)
    if candidates is None:
        codes, climbed = _ascended(problem, config)
        candidates = codes.unsqueeze(1)
    best, steps = _descend(border, config, _best_start(border, candidates))
    steps += climbed
    for attempt in range(RETRIES):
        stalled = (best.odds < border.least).nonzero().squeeze(1)
        if not len(stalled):
            break
        part = border.rows(stalled).plain()
        if attempt < RETRIES - 1:
            starts = _surest(part, candidates[stalled], attempt)
        else:
            starts, climbed = _ascended(part.problem, config)
            steps[stalled] += climbed
        found, taken = _descend(part, config, starts)
        better = found.odds > best.odds[stalled]
        best.put(stalled[better], found.rows(better))
        steps[stalled] += taken
    return _finish(border, config, best, steps)


def _ascended(
    problem: CounterfactualTask, config: CounterfactualConfig
) -> tuple[Latents, Int[Tensor, " batch"]]:
    """Climb from the images' own codes, where nothing says where the target's codes are."""
    plain = replace(config, method="diffeomorphic", max_steps=ASCENT_STEPS, path_points=2)
    found = ascend_in_latent_space(problem, plain)
    return found.path[:, -1], found.evaluations


def _boundary(
    problem: CounterfactualTask,
    config: CounterfactualConfig,
    near: Int[Tensor, "batch count"] | None,
) -> _Boundary:
    reading, allowed = None, torch.full_like(problem.images[:, 0, 0, 0], torch.inf)
    if problem.reference is not None and near is not None:
        bound = problem.reference.distance_bound(problem.images, near) * _scale(problem.images)
        allowed = config.nearer_than_real * bound
        if problem.prior is not None:
            classes = problem.probabilities.shape[1]
            reading = ClusterPrior.fit(problem.prior, problem.reference, classes)
    return _Boundary(
        problem=problem,
        reading=reading,
        least=math.log(config.target_probability / (1 - config.target_probability)) + 0.1,
        goal=math.log(config.search_probability / (1 - config.search_probability)),
        allowed=allowed,
        density_weight=config.density_weight,
    )


def _scale(images: Images) -> float:
    """Return what turns the ink of an image into that of an image of `PIXELS` values."""
    return PIXELS / images[0].numel()


def _best_start(
    border: _Boundary, candidates: Float[Tensor, "batch candidates latent"]
) -> Latents:
    """Choose the start whose line to the image's own code crosses the border the nearest."""
    problem, compared = border.problem, candidates[:, :COMPARED_STARTS]
    at_image = problem.probabilities.gather(1, problem.target.unsqueeze(1))
    before = torch.logit(at_image.double().clamp(1e-30, 1 - 1e-7)).to(at_image.dtype)
    point = _tried(border, compared)
    lead, distance = (found.view(compared.shape[:2]) for found in (point.lead, point.distance))
    share = ((border.goal - before) / (lead - before).clamp(min=1e-3)).clamp(0, 1)
    promised = torch.where(lead >= border.goal, share * distance, 1e4 - lead)
    best = promised.argmin(1)
    rows = torch.arange(len(best), device=best.device)
    return torch.lerp(problem.codes, compared[rows, best], share[rows, best].unsqueeze(1))


def _surest(
    border: _Boundary, candidates: Float[Tensor, "batch candidates latent"], rank: int
) -> Latents:
    """Choose the start at which the target is surest, or a later one in that order."""
    rows, count = candidates.shape[:2]
    odds = _tried(border, candidates).odds.view(rows, count)
    chosen = odds.argsort(1, descending=True)[:, min(rank, count - 1)]
    return candidates[torch.arange(rows, device=chosen.device), chosen]


def _tried(border: _Boundary, candidates: Float[Tensor, "batch candidates latent"]) -> _Point:
    """Evaluate all candidates of all images, row by row."""
    rows, count = candidates.shape[:2]
    images = torch.arange(rows, device=candidates.device).repeat_interleave(count)
    with torch.no_grad():
        return border.rows(images).point(candidates.flatten(0, 1))


def _descend(
    border: _Boundary, config: CounterfactualConfig, start: Latents
) -> tuple[_Point, Int[Tensor, " batch"]]:
    """Step along the border; keep the nearest point across, or the one with the largest lead."""
    problem, part, codes = border.problem, border, start
    rows = torch.arange(len(start), device=start.device)
    steps, best = torch.zeros_like(problem.target), None
    wanted = torch.full_like(border.allowed, border.goal)
    for step in range(config.step_limit):
        point, slope, climb = _gradients(part, codes)
        steps[rows] += 1
        best = point.clone() if best is None else _keep(best, point, rows, wanted)
        too_far = (best.distance[rows] > part.allowed) & (best.lead[rows] >= wanted[rows])
        wanted[rows] = (wanted[rows] - CONCESSION * too_far).clamp(min=border.least)
        reach = REACH * (1 - step / config.step_limit)
        delta = _step(part.problem, point, slope, climb, wanted[rows] + SLACK, reach)
        codes = codes + delta
        promised = -(slope * delta).sum(-1)
        near = (best.distance[rows] <= part.allowed) & (step + 1 >= ENOUGH)
        going = (best.lead[rows] < wanted[rows]) | ((promised > SETTLED) & ~near)
        if not going.all():
            left = going.nonzero().squeeze(1)
            if not len(left):
                return best, steps
            rows, codes, part = rows[left], codes[left], part.rows(left)
    assert best is not None
    with torch.no_grad():
        last = part.point(codes)
    return _keep(best, last, rows, wanted), steps


def _gradients(border: _Boundary, codes: Latents) -> tuple[_Point, Latents, Latents]:
    """Evaluate a point, d cost / dz and d lead / dz."""
    with torch.enable_grad():
        codes = codes.detach().requires_grad_()
        point = border.point(codes)
        (climb,) = torch.autograd.grad(point.lead.sum(), codes, retain_graph=True)
        (slope,) = torch.autograd.grad(point.cost.sum(), codes)
    return _Point(*(column.detach() for column in point.columns)), slope, climb


def _step(
    problem: CounterfactualTask,
    point: _Point,
    slope: Latents,
    climb: Latents,
    wanted: Row,
    reach: float,
) -> Latents:
    """Go to the linearised border, and along it where that brings the image nearer."""
    steepness = climb.square().sum(-1, keepdim=True).clamp(min=1e-6)
    across = (wanted - point.lead).unsqueeze(1) * climb / steepness
    along = slope - (slope * climb).sum(-1, keepdim=True) * climb / steepness
    away = (point.codes - problem.codes).square().sum(-1).clamp(min=1e-2)
    curvature = (point.distance.clamp(min=1.0) / away).unsqueeze(1)
    return _shortened(across, LONGEST_STEP) - _shortened(along / curvature, reach)


def _shortened(moves: Latents, longest: float) -> Latents:
    length = moves.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    return moves * (longest / length).clamp(max=1)


def _keep(best: _Point, point: _Point, rows: Tensor, wanted: Row) -> _Point:
    """Put points into their rows where they are better than the best so far."""
    better = _is_better(point, best.lead[rows], best.distance[rows], wanted[rows])
    chosen = better.nonzero().squeeze(1)
    if len(chosen):
        best.put(rows[chosen], point.rows(chosen))
    return best


def _is_better(point: _Point, lead: Row, distance: Row, wanted: Row) -> Bool[Tensor, " batch"]:
    """Prefer what is across the border, then what is nearer, or else what leads by more."""
    across, was_across = point.lead >= wanted, lead >= wanted
    nearer = torch.where(across & was_across, point.distance < distance, point.lead > lead)
    return nearer & (across | ~was_across)


def _finish(
    border: _Boundary, config: CounterfactualConfig, best: _Point, steps: Int[Tensor, " batch"]
) -> Found:
    """Lay the path from the image's own code straight to the one found."""
    problem = border.problem
    share = torch.linspace(0, 1, config.path_points).to(best.codes).reshape(1, -1, 1)
    path = torch.lerp(problem.codes.unsqueeze(1), best.codes.unsqueeze(1), share)
    between = _probs_between(problem, path[:, 1:-1])
    return Found(
        images=best.images,
        probabilities=best.probabilities,
        path=path,
        path_probabilities=torch.cat(
            [problem.probabilities.unsqueeze(1), between, best.probabilities.unsqueeze(1)], 1
        ),
        num_steps=torch.full_like(problem.target, config.path_points),
        evaluations=steps,
        why_not="every start stalled before the target was probable enough",
    )


def _probs_between(
    problem: CounterfactualTask, path: Float[Tensor, "batch steps latent"]
) -> Float[Tensor, "batch steps clusters"]:
    """Evaluate the probability of every class along the paths, some images at a time."""
    steps = path.shape[1]
    if not steps:
        return problem.probabilities.unsqueeze(1)[:, :0]
    parts = []
    for rows in torch.arange(len(path), device=path.device).split(max(AT_ONCE // steps, 1)):
        part = problem.rows(rows.repeat_interleave(steps))
        with torch.no_grad():
            drawn = problem.decode(path[rows].flatten(0, 1))
        images = transfer_residual(part.images, part.reconstructions, drawn)
        parts.append(problem.probs(images).unflatten(0, (len(rows), steps)))
    return torch.cat(parts)


def _log_odds(logits: Logits, target: Int[Tensor, " batch"]) -> Row:
    wanted = target.unsqueeze(1)
    others = logits.scatter(1, wanted, -torch.inf)
    return logits.gather(1, wanted).squeeze(1) - others.logsumexp(-1)
