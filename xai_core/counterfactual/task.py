"""Configuration, inputs and results shared by all counterfactual searches."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._arguments import check_fields
from .._types import Images, Latents, Logits, Probs
from ..errors import ConfigError
from ..models.prior import MixturePrior
from .reference import Reference

__all__ = [
    "Ascent",
    "CounterfactualConfig",
    "CounterfactualTask",
    "Found",
    "Method",
    "Trace",
]

Method = Literal["default", "diffeomorphic", "pixel", "nearest"]
Ascent = Literal["adam", "plain"]


@dataclass(frozen=True, kw_only=True)
class CounterfactualConfig:
    """How to search for a counterfactual.

    Attributes:
        method: "default" searches near the image in latent space and transfers the residual of the
            reconstruction; "diffeomorphic" is gradient ascent in latent space;
            "pixel" the same on pixels; "nearest" returns a real image.
        target_probability: An image has converged when its target is at least this probable.
        max_steps: Maximum number of gradient steps; None is 300 for the two ascents, 7 for
            "default".
        ascent: Optimiser of the two ascents: Adam, or "plain" gradient steps.
        learning_rate: Learning rate of the two ascents. None is 0.1 for plain steps; with Adam,
            0.05 latent units for "diffeomorphic" and 0.01 of full ink for "pixel".
        search_probability: Probability that "default" aims at, at least `target_probability`: the
            nearer to 1, the further it goes beyond the boundary and from the image.
        nearer_than_real: Beyond this share of the distance to a real image of the target class,
            "default" lowers its aim, down to `target_probability`.
        density_weight: Weight of -log p(z), in nats, relative to the L1 distance in "default"; ink
            is scaled to an image of 28 x 28.
        path_points: Number of codes kept per path, ends included; 2 is the fastest.
        batch_size: Number of images searched at once.
    """

    method: Method = "default"
    target_probability: float = 0.99
    max_steps: int | None = None
    ascent: Ascent = "adam"
    learning_rate: float | None = None
    search_probability: float = 0.998
    nearer_than_real: float = 0.85
    density_weight: float = 0.2
    path_points: int = 17
    batch_size: int = 250

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        check_fields(self)
        if self.method not in get_args(Method):
            choices = ", ".join(map(repr, get_args(Method)))
            raise ConfigError(f"`method` must be one of {choices}, got {self.method!r}.")
        if self.ascent not in get_args(Ascent):
            choices = ", ".join(map(repr, get_args(Ascent)))
            raise ConfigError(f"`ascent` must be one of {choices}, got {self.ascent!r}.")
        if not 0 < self.target_probability < 1:
            raise ConfigError(
                f"`target_probability` must be in (0, 1), got {self.target_probability}."
            )
        if not self.target_probability <= self.search_probability < 1:
            raise ConfigError(
                f"`search_probability` must be in [target_probability, 1), here "
                f"[{self.target_probability}, 1), got {self.search_probability}."
            )
        if not 0 < self.rate < math.inf:
            raise ConfigError(f"`learning_rate` must be above 0, got {self.learning_rate}.")
        if not self.nearer_than_real > 0:
            raise ConfigError(f"`nearer_than_real` must be above 0, got {self.nearer_than_real}.")
        if not self.density_weight >= 0 or not math.isfinite(self.density_weight):
            raise ConfigError(f"`density_weight` must not be negative, got {self.density_weight}.")
        for name, least in (("max_steps", 1), ("path_points", 2), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"`{name}` must be at least {least}, got {value}.")

    @property
    def step_limit(self) -> int:
        """Return `max_steps`, or the method's default."""
        return self.max_steps or (7 if self.method == "default" else 300)

    @property
    def rate(self) -> float:
        """Return `learning_rate`, or the method's default."""
        own = 0.1 if self.ascent == "plain" else 0.01 if self.method == "pixel" else 0.05
        return own if self.learning_rate is None else self.learning_rate


@dataclass(frozen=True, kw_only=True, eq=False)
class CounterfactualTask:
    """Images to change, their targets, and the functions involved.

    Attributes:
        images: x.
        codes: z(x).
        reconstructions: g(z(x)).
        target: Class to reach, one per image.
        probabilities: Probability of every class at x.
        decode: Codes to images.
        forward: Images to logits.
        prior: Mixture prior of the codes, if known.
        reference: Real images of every class, if available.
        allowed: True where pixels may change; None for everywhere.
    """

    images: Images
    codes: Latents
    reconstructions: Images
    target: Int[Tensor, " batch"]
    probabilities: Probs
    decode: Callable[[Latents], Images]
    forward: Callable[[Images], Logits]
    prior: MixturePrior | None
    reference: Reference | None
    allowed: Bool[Tensor, "batch 1 height width"] | None = None

    def composed(self, images: Images) -> Images:
        """Take the allowed pixels of these images and all others of x."""
        return images if self.allowed is None else torch.where(self.allowed, images, self.images)

    def probs(self, images: Images) -> Probs:
        """Evaluate the probability of every class, without a gradient."""
        with torch.no_grad():
            return self.forward(images).softmax(-1)

    def rows(
        self, rows: Int[Tensor, " some"] | Bool[Tensor, " batch"] | slice
    ) -> "CounterfactualTask":
        """Select some images."""
        return CounterfactualTask(
            images=self.images[rows],
            codes=self.codes[rows],
            reconstructions=self.reconstructions[rows],
            target=self.target[rows],
            probabilities=self.probabilities[rows],
            decode=self.decode,
            forward=self.forward,
            prior=self.prior,
            reference=self.reference,
            allowed=None if self.allowed is None else self.allowed[rows],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The result of a search, one row per image, converged or not.

    Attributes:
        images: x'.
        probabilities: Probability of every class at x'.
        path: Codes from the start on; rows past `num_steps` repeat the last.
        path_probabilities: Probability of every class along the path.
        num_steps: Number of codes on the path.
        evaluations: Number of gradient evaluations.
        why_not: Why the search stopped, for images whose target is not probable enough.
        images_on_path: Images at the codes of the path, of a search on pixels.
    """

    images: Images
    probabilities: Probs
    path: Float[Tensor, "batch steps latent"]
    path_probabilities: Float[Tensor, "batch steps clusters"]
    num_steps: Int[Tensor, " batch"]
    evaluations: Int[Tensor, " batch"]
    why_not: str
    images_on_path: Float[Tensor, "batch steps channels height width"] | None = None


class Trace:
    """Records the points and probabilities of a shrinking set of rows, then thins the paths."""

    def __init__(self, most: int | None = None) -> None:
        """Keep every point, or between `most` and twice as many of them, evenly spaced."""
        self._most, self._every, self._calls = most, 1, 0
        self._points: list[Tensor] = []
        self._probs: list[Probs] = []
        self._last: tuple[Tensor, Probs] | None = None

    def record(self, rows: Int[Tensor, " some"], points: Tensor, probs: Probs) -> None:
        """Add a point to the paths of some rows; the first call covers all rows."""
        if self._last is not None and len(rows) < len(self._last[0]):
            points = self._last[0].index_copy(0, rows, points)
            probs = self._last[1].index_copy(0, rows, probs)
        self._last = points, probs
        if self._calls % self._every == 0:
            self._points.append(points)
            self._probs.append(probs)
        if self._most is not None and len(self._points) > 2 * self._most:
            self._every *= 2
            self._points, self._probs = self._points[::2], self._probs[::2]
        self._calls += 1

    def thinned(
        self, steps: Int[Tensor, " batch"], most: int
    ) -> tuple[
        Float[Tensor, "batch steps ..."],
        Float[Tensor, "batch steps clusters"],
        Int[Tensor, " batch"],
    ]:
        """Return at most `most` points per path, evenly spaced, both ends included.

        Args:
            steps: Number of steps from the first to the last point of each row.
            most: Maximum number of points to keep.

        Returns:
            The points, their probabilities, and the number of points of each row; later ones
            repeat the last.
        """
        assert self._last is not None
        if (self._calls - 1) % self._every:
            self._points.append(self._last[0])
            self._probs.append(self._last[1])
        lengths = (steps / self._every).ceil().long() + 1
        kept = lengths.clamp(max=most)
        place = torch.arange(int(kept.max()), device=kept.device)
        spacing = (lengths - 1) / (kept - 1).clamp(min=1)
        index = (place * spacing.unsqueeze(1)).round().long()
        index = index.minimum(lengths.unsqueeze(1) - 1)
        row = torch.arange(len(index), device=kept.device).unsqueeze(1)
        return (
            torch.stack(self._points, 1)[row, index],
            torch.stack(self._probs, 1)[row, index],
            kept,
        )
