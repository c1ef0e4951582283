"""The default search: few curved steps along the border of the decision, close to the image.

Minimises, over codes z, the ink changed ||x'(z) - x||_1 plus a weight times -log p(z), subject to
a log odds of the target of at least what `search_probability` asks for. x'(z) carries over what
the decoder does not draw. Each step solves the linearised constraint and a quadratic model of the
objective in closed form (sequential quadratic programming with one constraint):

    delta = -H^-1 (g - lam a),   lam = max(0, (b - m + a H^-1 g) / (a H^-1 a))

with g the gradient of the objective, a that of the log odds m, b the odds asked for. H = h I with
h = D / ||z - z_0||^2, the curvature across the line to the image's own code of a distance D that
grows linearly along it.

References:
    Numerical Optimization (Nocedal & Wright, 2006), chapter 18.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._types import Images, Latents, Logits, Probs
from .carry_over import carry_over
from .search import CounterfactualConfig, Found, Problem
from .starts import candidate_codes

__all__ = ["search_near"]

HALVINGS = 4
LONGEST_STEP = 1.5
"""In latent units."""

Row = Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class _Point:
    """Codes and what is known there."""

    codes: Latents
    images: Images
    probabilities: Probs
    margin: Row
    distance: Row

    def better_of(self, other: "_Point", take: Bool[Tensor, " batch"]) -> "_Point":
        return _Point(
            *(_choose(take, b, a) for a, b in zip(self.columns, other.columns, strict=True))
        )

    def rows(self, rows: Tensor) -> "_Point":
        return _Point(*(column[rows] for column in self.columns))

    def put(self, rows: Tensor, other: "_Point") -> None:
        for mine, theirs in zip(self.columns, other.columns, strict=True):
            mine[rows] = theirs

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return self.codes, self.images, self.probabilities, self.margin, self.distance


def search_near(problem: Problem, config: CounterfactualConfig) -> Found:
    """Find the nearest image that the target's part of the latent space has to offer."""
    wanted = math.log(config.search_probability / (1 - config.search_probability))
    candidates = candidate_codes(problem)
    best = _evaluate(problem, candidates[:, 0])
    steps = torch.zeros_like(problem.target)
    open_rows = torch.arange(len(best.codes), device=best.codes.device)
    for attempt in range(candidates.shape[1]):
        if not len(open_rows):
            break
        part = problem.rows(open_rows)
        found, taken = _descend(part, config, candidates[open_rows, attempt], wanted)
        steps[open_rows] += taken
        better = (found.margin >= wanted) | (found.margin > best.margin[open_rows])
        best.put(open_rows[better], found.rows(better))
        open_rows = open_rows[found.margin < wanted]
    best = _walk_back(problem, best, wanted)
    return _finish(problem, config, best, steps)


def _evaluate(problem: Problem, codes: Latents) -> _Point:
    with torch.no_grad():
        images = carry_over(problem.images, problem.reconstructions, problem.decode(codes))
        logits = problem.forward(images)
    return _Point(
        codes.clone(),
        images,
        logits.softmax(-1),
        _margin(logits, problem.target),
        _distance(problem, images),
    )


def _descend(
    problem: Problem, config: CounterfactualConfig, start: Latents, wanted: float
) -> tuple[_Point, Int[Tensor, " batch"]]:
    """Step along the border; keep the nearest point behind it, or the farthest across."""
    codes, best = start, None
    for _ in range(config.step_limit):
        point, slope, climb = _gradients(problem, codes)
        if config.density_weight and problem.prior is not None:
            slope = slope - config.density_weight * _density_gradient(problem, codes)
        if best is None:
            best = point
        else:
            best = best.better_of(point, _is_better(point, best, wanted))
        codes = codes + _step(problem, point, slope, climb, wanted)
    assert best is not None
    last = _evaluate(problem, codes)
    best = best.better_of(last, _is_better(last, best, wanted))
    return best, torch.full_like(problem.target, config.step_limit)


def _gradients(problem: Problem, codes: Latents) -> tuple[_Point, Latents, Latents]:
    """Evaluate a point, d distance / dz and d margin / dz."""
    with torch.enable_grad():
        codes = codes.detach().requires_grad_()
        images = carry_over(problem.images, problem.reconstructions, problem.decode(codes))
        logits = problem.forward(images)
        margin, distance = _margin(logits, problem.target), _distance(problem, images)
        (climb,) = torch.autograd.grad(margin.sum(), codes, retain_graph=True)
        (slope,) = torch.autograd.grad(distance.sum(), codes)
    point = (codes, images, logits.softmax(-1), margin, distance)
    return _Point(*(column.detach() for column in point)), slope, climb


def _density_gradient(problem: Problem, codes: Latents) -> Latents:
    """Evaluate d log p(z) / dz = sum_c p(c|z) (mu_c - z) / sigma_c^2."""
    assert problem.prior is not None
    mean, scale = problem.prior.mean.detach(), problem.prior.scale.detach()
    weights = problem.prior.responsibilities(codes).detach() / scale.square()
    return weights @ mean - weights.sum(-1, keepdim=True) * codes


def _step(
    problem: Problem, point: _Point, slope: Latents, climb: Latents, wanted: float
) -> Latents:
    """Solve the quadratic model under the linearised constraint, no longer than allowed."""
    away = (point.codes - problem.codes).square().sum(-1).clamp(min=1e-2)
    curvature = (point.distance.clamp(min=1.0) / away).unsqueeze(1)
    free = -slope / curvature
    lacking = wanted - point.margin - (climb * free).sum(-1)
    gain = climb.square().sum(-1).clamp(min=1e-8) / curvature.squeeze(1)
    delta = free + (lacking / gain).clamp(min=0).unsqueeze(1) * climb / curvature
    length = delta.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    return delta * (LONGEST_STEP / length).clamp(max=1)


def _walk_back(problem: Problem, best: _Point, wanted: float) -> _Point:
    """Halve the way back to the image's own code while the target stays probable enough."""
    low, high = torch.zeros_like(best.margin), torch.ones_like(best.margin)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        point = _evaluate(problem, torch.lerp(problem.codes, best.codes, middle.unsqueeze(1)))
        there = (point.margin >= wanted) & (best.margin >= wanted)
        low, high = torch.where(there, low, middle), torch.where(there, middle, high)
        nearer = there & (point.distance < best.distance)
        best = best.better_of(point, nearer)
    return best


def _finish(
    problem: Problem, config: CounterfactualConfig, best: _Point, steps: Int[Tensor, " batch"]
) -> Found:
    """Lay the path from the image's own code straight to the one found."""
    share = torch.linspace(0, 1, config.path_points, device=best.codes.device).reshape(1, -1, 1)
    path = torch.lerp(problem.codes.unsqueeze(1), best.codes.unsqueeze(1), share)
    between = [_evaluate(problem, path[:, i]) for i in range(1, config.path_points - 1)]
    probs = [problem.probabilities, *(p.probabilities for p in between), best.probabilities]
    return Found(
        images=best.images,
        probabilities=best.probabilities,
        path=path,
        path_probabilities=torch.stack(probs, 1),
        num_steps=torch.full_like(problem.target, config.path_points),
        evaluations=steps,
        why_not="every start stalled before the target was probable enough",
    )


def _is_better(point: _Point, best: _Point, wanted: float) -> Bool[Tensor, " batch"]:
    """Prefer what is behind the border, then what is nearer."""
    both = (point.margin >= wanted) & (best.margin >= wanted)
    return torch.where(both, point.distance < best.distance, point.margin > best.margin) & (
        (point.margin >= wanted) | (best.margin < wanted)
    )


def _margin(logits: Logits, target: Int[Tensor, " batch"]) -> Row:
    """Evaluate the log odds of the target, log p / (1 - p)."""
    wanted = target.unsqueeze(1)
    others = logits.scatter(1, wanted, -torch.inf)
    return logits.gather(1, wanted).squeeze(1) - others.logsumexp(-1)


def _distance(problem: Problem, images: Images) -> Row:
    return (images - problem.images).abs().sum((1, 2, 3))


def _choose(take: Bool[Tensor, " batch"], new: Tensor, old: Tensor) -> Tensor:
    return torch.where(take.reshape(-1, *[1] * (new.dim() - 1)), new, old)
