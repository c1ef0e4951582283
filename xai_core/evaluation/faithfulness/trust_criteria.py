"""The rule that decides whether a method is trusted on a model, with reasons.

References:
    Sanity Checks for Saliency Maps (Adebayo et al., 2018), https://arxiv.org/abs/1810.03292
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from .intervals import mean_interval
from .scores import Measured

__all__ = ["CHECKS", "TrustRule", "failures", "reasons_against"]

CHECKS = {
    "model": "changes with the model",
    "class": "changes with the class",
    "pixels": "finds the pixels that decide",
    "sum": "sums to the output's change",
}
"""The checks that a map must pass to be trusted, in a few words each."""


@dataclass(frozen=True, kw_only=True)
class TrustRule:
    """Limits beyond which a method is not trusted.

    For the map of another class the mean over images decides, since its limit is a convention; the
    other checks are statistical tests and use the whole interval.

    Attributes:
        max_randomised: Rank correlation with the map of a model whose layers are all random.
        max_other_class: Rank correlation with the map for another class.
        max_gap: Completeness error, as a share of the output's change.
        level: Level of the intervals.
    """

    max_randomised: float = 0.5
    max_other_class: float = 0.8
    max_gap: float = 0.05
    level: float = 0.95


def reasons_against(
    measured: Measured,
    others: Mapping[str, Measured],
    *,
    rule: TrustRule | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Return why a method should not be trusted; empty if it passes every check.

    Takes the arguments of `failures`.
    """
    found = failures(measured, others, rule=rule, seed=seed)
    return tuple(reason for reasons in found.values() for reason in reasons)


def failures(
    measured: Measured,
    others: Mapping[str, Measured],
    *,
    rule: TrustRule | None = None,
    seed: int = 0,
) -> dict[str, tuple[str, ...]]:
    """Run every check that applies to a method.

    Args:
        measured: The method's scores.
        others: Scores of maps that ignore the model, on the same images, such as "random" and
            "edges". The method must be better than "random" and not worse than any of them.
        rule: The limits.
        seed: Seed of the bootstrap.

    Returns:
        The reason of each failed check, by key of `CHECKS`; empty if all pass.
    """
    rule, found = rule or TrustRule(), {}
    if measured.randomisation is not None:
        found["model"] = _unmoved(measured.randomisation[:, -1], rule, seed)
    if measured.class_sensitivity is not None:
        mean = float(measured.class_sensitivity.mean())
        same = (
            f"asked for another class it gives nearly the same map (rank correlation {mean:.2f})"
        )
        found["class"] = (same,) if mean > rule.max_other_class else ()
    if others:
        found["pixels"] = tuple(
            reason
            for name, other in others.items()
            if (reason := _no_better(measured.merit - other.merit, name, rule, seed))
        )
    if measured.gap is not None:
        missed = mean_interval(measured.gap, seed=seed, level=rule.level)
        text = f"its shares miss {missed.mean:.0%} of the output's change"
        found["sum"] = (text,) if missed.low > rule.max_gap else ()
    return found


def _unmoved(correlation: Tensor, rule: TrustRule, seed: int) -> tuple[str, ...]:
    found = mean_interval(correlation, seed=seed, level=rule.level)
    if found.low <= rule.max_randomised:
        return ()
    return (
        "it hardly changes when everything the model learned is shuffled (rank "
        f"correlation {found.mean:.2f})",
    )


def _no_better(lead: Tensor, name: str, rule: TrustRule, seed: int) -> str:
    found = mean_interval(lead, seed=seed, level=rule.level)
    if found.high < 0:
        return f"it ranks the decisive pixels worse than {name} does"
    if name == "random" and found.low <= 0:
        return "it ranks the decisive pixels no better than a random map"
    return ""
