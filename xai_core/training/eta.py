"""The duration of a training: expected times of its stages and the time left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .progress import (
    CLASSIFIER,
    CRITIC,
    EVALUATION,
    INDEX,
    PSEUDO_LABELS,
    STAGES,
    SURROGATE,
    VAE,
)
from .steps import plan_epochs

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..models.config import ClusterVAEConfig
    from .config import TrainingConfig

__all__ = [
    "TimeLeft",
    "TimedProgress",
    "expected_seconds",
    "time_left",
]

NEARLY_DONE = 0.95
"""Share of the rest of a stage that may be assumed done before the stage reports it."""
ENOUGH_SECONDS = 5.0
"""Seconds of work, expected and measured, from which the measured speed alone decides.

A moment's work says little of hours: a stage may be over in milliseconds, most of which is setup.
"""


@dataclass(frozen=True)
class TimedProgress:
    """A report: a stage had done `done` of `total` steps at time `at`, in seconds."""

    stage: str
    done: int
    total: int
    at: float


@dataclass(frozen=True)
class TimeLeft:
    """How far a training has come.

    Attributes:
        share: Share of the whole work that is done, in [0, 1].
        stage: Seconds until the end of the current stage.
        whole: Seconds until the end of the training.
    """

    share: float
    stage: float
    whole: float


def expected_seconds(
    dataset: "Dataset", model: "ClusterVAEConfig", training: "TrainingConfig"
) -> dict[str, float]:
    """Estimate the seconds of each stage that a training will have, on 2 CPU cores."""
    count = min(len(dataset.train), training.train_images or len(dataset.train))
    splits = (len(dataset.train), len(dataset.test))

    def passes(images: int, epochs: int, min_steps: int) -> int:
        return images * plan_epochs(images, epochs, training.batch_size, min_steps)[0]

    scored = sum(min(size, training.scored_images or size) for size in splits)
    work = {EVALUATION: scored, INDEX: sum(splits)}
    work[VAE] = passes(count, training.epochs, training.min_steps)
    if training.pseudo_label_weight > 0 and model.num_clusters > 1:
        work[PSEUDO_LABELS] = min(count, training.pseudo_label_images)
    if dataset.train.labels is not None:
        work[CLASSIFIER] = passes(count, training.classifier_epochs, training.classifier_min_steps)
    critic = training.critic
    if critic is not None and (model.num_clusters > 1 or CLASSIFIER in work):
        shown = min(count, critic.train_images)
        work[SURROGATE] = passes(shown, critic.surrogate_epochs, critic.min_steps)
        work[CRITIC] = passes(shown, critic.epochs, critic.min_steps)
    larger = dataset.spec.pixels / 784
    return {
        name: work[name] * stage.milliseconds / 1000 * (1.0 if name == INDEX else larger)
        for name, stage in STAGES.items()
        if name in work
    }


def time_left(
    expected: Mapping[str, float], moves: Sequence[TimedProgress], *, now: float
) -> TimeLeft:
    """Estimate the time left from the expected times and the speed so far.

    Between two reports the current stage is assumed to advance at that speed, up to nearly its
    end. So the time left falls exactly when the share of the work rises; if a stage takes longer
    than expected, both stand still.

    Args:
        expected: Seconds of each stage, in order.
        moves: The reports so far, in order.
        now: Current time of the clock used in `moves`.
    """
    whole, slowness = sum(expected.values()), _slowness(expected, moves)
    reached = rest = 0.0
    if moves:
        last = moves[-1]
        rest = expected.get(last.stage, 0.0) * (1 - last.done / max(last.total, 1))
        waited = max(now - last.at, 0.0)  # a clock may be set back
        assumed = min(waited / slowness, NEARLY_DONE * rest)
        reached, rest = _work(expected, last) + assumed, rest - assumed
    return TimeLeft(
        share=min(reached / whole, 1.0),
        stage=rest * slowness,
        whole=max(whole - reached, 0.0) * slowness,
    )


def _slowness(expected: Mapping[str, float], moves: Sequence[TimedProgress]) -> float:
    """Return the ratio of measured to expected seconds, over all reported steps.

    What is missing to `ENOUGH_SECONDS` is filled up with work at the expected speed. Stages of a
    single step are left out: after an interruption they take no time.
    """
    worked = took = 0.0
    for before, after in pairwise(moves):
        if before.stage == after.stage and after.total > 1:
            worked += expected.get(after.stage, 0.0) * (after.done - before.done) / after.total
            took += max(after.at - before.at, 0.0)  # clocks are set back
    missing = max(ENOUGH_SECONDS - min(worked, took), 0.0)
    return (took + missing) / (worked + missing)


def _work(expected: Mapping[str, float], move: TimedProgress) -> float:
    """Add up the expected seconds of what is done."""
    stages = list(expected)
    if move.stage not in expected:
        return 0.0
    before = stages[: stages.index(move.stage)]
    within = expected[move.stage] * move.done / max(move.total, 1)
    return sum(expected[stage] for stage in before) + within
