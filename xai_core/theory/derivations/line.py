"""A derivation: lines with a reason, whose two sides can be evaluated."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from torch import Tensor

from ..._numbers import Number

__all__ = ["Derivation", "Line", "Sides", "Value"]

N = TypeVar("N")
"""The numbers that a derivation is evaluated on."""
Relation = Literal["=", ">=", "<="]
Value = Callable[[N], Number | Tensor]
"""A side of a line, as a function of the numbers."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of a line, evaluated.

    Attributes:
        left: Value on the left of the relation; None at the start of a chain.
        right: Value on the right of the relation.
        relation: Relation between the two.
        tolerance: Allowed error of the relation, relative to the sides if they are above 1.
    """

    left: float | None
    right: float
    relation: Relation
    tolerance: float

    @property
    def holds(self) -> bool:
        """Return whether the relation holds; False if a side is not a number."""
        if self.left is None:
            return math.isfinite(self.right)
        room = self.tolerance * max(1.0, abs(self.left), abs(self.right))
        if self.relation == "=":
            return abs(self.left - self.right) <= room
        excess = self.left - self.right
        return excess >= -room if self.relation == ">=" else excess <= room


@dataclass(frozen=True, kw_only=True)
class Line(Generic[N]):
    """A line of a derivation.

    Attributes:
        formula: LaTeX, with its relation sign.
        reason: Why it holds, in Markdown.
        value: Evaluates the right side; None for an assumption or a definition of a symbol.
        start: Evaluates the left side; None for the value of the previous line.
        begins: Whether a chain starts here, so that there is no left side.
        relation: Relation between left and right side.
        number: Number of the equation in its source.
        note: One line on a deviation from the source.
        tolerance: See `Sides.tolerance`.
    """

    formula: str
    reason: str
    value: Value[N] | None = None
    start: Value[N] | None = None
    begins: bool = False
    relation: Relation = "="
    number: str = ""
    note: str = ""
    tolerance: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class Derivation(Generic[N]):
    """Lines that lead from one formula to another.

    Attributes:
        key: "D-1" and so on, as `catalogue.DERIVATIONS` names it.
        title: What is derived.
        source: Where it stands in the source documents.
        setting: What the symbols mean where that is not obvious, in Markdown.
        lines: In order.
        unit: Unit of the numbers.
    """

    key: str
    title: str
    source: str
    lines: Sequence[Line[N]]
    setting: str = ""
    unit: str = "nats"

    def sides(self, numbers: N) -> list[Sides | None]:
        """Evaluate both sides of every line; None for a line that has no value.

        A chain continues from the last line that has a value.

        Args:
            numbers: What the derivation is evaluated on.
        """
        found: list[Sides | None] = []
        before: float | None = None
        for line in self.lines:
            if line.value is None:
                found.append(None)
                continue
            left = None if line.begins else before
            if line.start is not None:
                left = float(line.start(numbers))
            before = float(line.value(numbers))
            found.append(
                Sides(left=left, right=before, relation=line.relation, tolerance=line.tolerance)
            )
        return found
