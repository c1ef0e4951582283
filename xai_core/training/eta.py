"""How long a training takes: what is expected of its stages, and what is left of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..models.vae import ClusterVAEConfig
    from .config import TrainingConfig

__all__ = [
    "TimeLeft",
    "TimedProgress",
    "expected_seconds",
    "time_left",
]

MILLISECONDS = {
    "assign": 1.96,
    "vae": 1.08,
    "classifier": 0.44,
    "surrogate": 0.20,
    "critic": 1.12,
    "evaluation": 0.88,
    "index": 1.12,
}
"""An image and epoch takes in each stage, measured with the default preset on 2 CPU cores."""


@dataclass(frozen=True)
class TimedProgress:
    """A stage was at `done` of `total` steps, `at` seconds of some clock."""

    stage: str
    done: int
    total: int
    at: float


@dataclass(frozen=True)
class TimeLeft:
    """How far a training is.

    Attributes:
        share: Of the whole work that is done, in [0, 1].
        stage: Seconds until the end of the stage it is at.
        whole: Seconds until the end of all.
    """

    share: float
    stage: float
    whole: float


def expected_seconds(
    dataset: "Dataset", model: "ClusterVAEConfig", training: "TrainingConfig"
) -> dict[str, float]:
    """Estimate the seconds of each stage that a training will have, on 2 CPU cores."""
    count = min(len(dataset.train), training.train_images or len(dataset.train))
    everything = len(dataset.train) + len(dataset.test)
    work = {"vae": count * training.epochs, "evaluation": everything, "index": everything}
    if training.guess_weight > 0 and model.num_clusters > 1:
        work["assign"] = min(count, training.guess_images)
    if dataset.train.labels is not None:
        work["classifier"] = count * training.classifier_epochs
    if training.critic is not None and (model.num_clusters > 1 or "classifier" in work):
        shown = min(count, training.critic.train_images)
        work["surrogate"] = shown * training.critic.surrogate_epochs
        work["critic"] = shown * training.critic.epochs
    return {stage: work[stage] * ms / 1000 for stage, ms in MILLISECONDS.items() if stage in work}


def time_left(
    expected: Mapping[str, float], moves: Sequence[TimedProgress], *, begun: float, now: float
) -> TimeLeft:
    """Estimate what is left from what was expected and the speed so far.

    Args:
        expected: Seconds of each stage, in order.
        moves: What was told, in order.
        begun: When the training began, by the clock of `moves`.
        now: What that clock says.
    """
    whole = sum(expected.values())
    reached, since, rest = 0.0, begun, 0.0
    if moves:
        last = moves[-1]
        reached, since = _work(expected, last), last.at
        rest = expected.get(last.stage, 0.0) * (1 - last.done / max(last.total, 1))
    slowness, waited = _slowness(expected, moves), max(now - since, 0.0)  # clocks are set back
    return TimeLeft(
        share=min(reached / whole, 1.0),
        stage=max(rest * slowness - waited, 0.0),
        whole=max((whole - reached) * slowness - waited, 0.0),
    )


def _slowness(expected: Mapping[str, float], moves: Sequence[TimedProgress]) -> float:
    """Measure the seconds that a step takes against those expected, over steps one by one.

    Stages of a single step say nothing: after an interruption they take no time.
    """
    worked = took = 0.0
    for before, after in pairwise(moves):
        if before.stage == after.stage and after.total > 1:
            worked += expected.get(after.stage, 0.0) * (after.done - before.done) / after.total
            took += after.at - before.at
    return took / worked if worked > 0 and took > 0 else 1.0


def _work(expected: Mapping[str, float], move: TimedProgress) -> float:
    """Add up the expected seconds of what is done."""
    stages = list(expected)
    if move.stage not in expected:
        return 0.0
    before = stages[: stages.index(move.stage)]
    within = expected[move.stage] * move.done / max(move.total, 1)
    return sum(expected[stage] for stage in before) + within
