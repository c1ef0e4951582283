"""The time left of a training, from the expected times of its stages and its speed so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = [
    "TimeLeft",
    "TimedProgress",
    "time_left",
]

NEARLY_DONE = 0.95
"""Share of the rest of a stage that may be assumed done before the stage reports it."""
ENOUGH_SECONDS = 5.0
"""Seconds of work, expected and measured, after which the estimate uses the measured speed alone.

Short measurements are unreliable: a stage may end within milliseconds, most of them setup.
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

    Up to `ENOUGH_SECONDS`, work at the expected speed is added to what was measured. Stages of a
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
