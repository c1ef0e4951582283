"""The rule that marks a method as not to be trusted on a model, with its reasons.

References:
    Sanity Checks for Saliency Maps (Adebayo et al., 2018), https://arxiv.org/abs/1810.03292
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .intervals import mean_interval
from .scores import Measured

__all__ = ["TrustRule", "reasons_against"]


@dataclass(frozen=True, kw_only=True)
class TrustRule:
    """What a method must not do; each reason needs the whole interval over images, not its mean.

    Attributes:
        max_randomised: Rank correlation with the map of a model whose layers are all random.
        max_other_class: Rank correlation with the map for another class.
        max_gap: Share of the output's change missed by a method that promises completeness.
        level: Of the intervals.
    """

    max_randomised: float = 0.5
    max_other_class: float = 0.9
    max_gap: float = 0.05
    level: float = 0.95


def reasons_against(
    measured: Measured,
    others: Mapping[str, Measured],
    *,
    rule: TrustRule | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Say why a method should not be trusted; nothing where it passes every check.

    Args:
        measured: The method's scores.
        others: Scores of maps that know no model on the same images, such as "random" and
            "edges", which it has to beat. It must be better than "random", and not worse than
            any.
        rule: The limits.
        seed: Of the bootstrap.
    """
    rule, reasons = rule or TrustRule(), []
    if measured.randomisation is not None:
        found = mean_interval(measured.randomisation[:, -1], seed=seed, level=rule.level)
        if found.low > rule.max_randomised:
            reasons.append(
                "it hardly changes when everything the model learned is shuffled (rank "
                f"correlation {found.mean:.2f})"
            )
    if measured.class_sensitivity is not None:
        found = mean_interval(measured.class_sensitivity, seed=seed, level=rule.level)
        if found.low > rule.max_other_class:
            reasons.append(
                "asked for another class it gives the same map (rank correlation "
                f"{found.mean:.2f})"
            )
    for name, other in others.items():
        found = mean_interval(measured.merit - other.merit, seed=seed, level=rule.level)
        if found.high < 0 or (name == "random" and found.low <= 0):
            worse = "worse" if found.high < 0 else "no better"
            reasons.append(f"it finds the pixels that decide {worse} than {name} does")
    if measured.gap is not None:
        found = mean_interval(measured.gap, seed=seed, level=rule.level)
        if found.low > rule.max_gap:
            reasons.append(f"its shares miss {found.mean:.0%} of the output's change")
    return tuple(reasons)
