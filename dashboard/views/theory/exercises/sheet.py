"""The statements of the exercise sheet, each with a prediction, its numbers and its solution."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.views.theory import derivation, question
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.derivations.line import Sides

PAGE = "theory_exercises"


class Shown(NamedTuple):
    """Both sides of a statement in numbers, by their names, and what they say."""

    values: dict[str, float]
    because: str


class Exercise(NamedTuple):
    """A statement of the exercise sheet.

    Attributes:
        key: Key of the derivation that is its solution.
        asked: Key of the question that comes before the numbers.
        statement: LaTeX.
        numbers: Reads the statement's numbers from both sides of the derivation's lines.
    """

    key: str
    asked: str
    statement: str
    numbers: "Callable[[Sequence[Sides | None]], Shown]"


def show(bundle: "Bundle", image_id: str) -> None:
    """Show one exercise: its statement, then a prediction, then numbers and solution."""
    from xai_core.theory.derivations.catalogue import DERIVATIONS

    title = st.segmented_control(
        "Exercise", list(EXERCISES), required=True,
        **state.bind("exercise", next(iter(EXERCISES)), list(EXERCISES), link="exercise"),
    )  # fmt: skip
    chosen = EXERCISES[title]
    solution = DERIVATIONS[chosen.key]
    st.markdown("**Show that**")
    st.latex(chosen.statement)
    st.caption(f"{solution.source}.")
    if not question.predict(chosen.asked):
        st.caption("Choose an answer to see the numbers and the solution.")
        return
    sides, place = derivation.evaluated_sides(bundle, image_id, solution, PAGE)
    shown = chosen.numbers(sides)
    for column, (name, value) in zip(st.columns(3), shown.values.items(), strict=False):
        column.metric(name, f"{plain(value, 4)} {solution.unit}", border=True)
    st.caption(f"Evaluated on {place}.")
    right = question.answer(chosen.asked) == question.QUESTIONS[chosen.asked].right
    question.say(chosen.asked, right, shown.because)
    if st.toggle("The solution, line by line", **state.bind("solution", False, link="solution")):
        derivation.lines(bundle, image_id, solution, sides)


def _value(sides: "Sequence[Sides | None]", number: int, side: str) -> float:
    found = sides[number]
    assert found is not None
    return float(getattr(found, side))


def _exercise_a(sides: "Sequence[Sides | None]") -> Shown:
    left, right = _value(sides, 0, "left"), _value(sides, -1, "right")
    return Shown(
        {"Left side, the KL": left, "Right side": right},
        f"Both sides are {plain(right, 4)} nats. The statement is an identity: it holds for every "
        "X and every Q, since log Q − log P(X|z) − log P(z) + log P(X) is log Q − log P(z|X).",
    )


def _exercise_b(sides: "Sequence[Sides | None]") -> Shown:
    first, right = _value(sides, 0, "left"), _value(sides, -1, "right")
    return Shown(
        {"Left side": first, "Right side": right},
        f"The right side is {plain(right, 4)} nats, and log P(X) is that plus KL[Q ‖ P(z|X)], "
        "which is never negative: the right side can be computed, and it is a lower bound.",
    )


def _step(sides: "Sequence[Sides | None]") -> Shown:
    whole, law = _value(sides, 5, "left"), _value(sides, 6, "right")
    return Shown(
        {"|J v|": whole, "|U S² Uᵀ ∇f|": law},
        f"Both are {plain(law, 4)} ink per unit of λ: v = Jᵀ ∇f, and J Jᵀ = U S² Uᵀ. v "
        "has already lost what is orthogonal to the tangent space, since the step is taken in z.",
    )


EXERCISES = {
    "Exercise A": Exercise(
        "D-9",
        "exercise a",
        r"\mathrm{KL}[Q(z|X)\,\|\,P(z|X)]=\mathbb E_{z\sim Q(z|X)}[\log Q(z|X)-\log P(X|z)"
        r"-\log P(z)]+\log P(X)\qquad(1)",
        _exercise_a,
    ),
    "Exercise B": Exercise(
        "D-10",
        "exercise b",
        r"\log P(X)-\mathrm{KL}[Q(z|X)\,\|\,P(z|X)]=\mathbb E_{z\sim Q(z|X)}[\log P(X|z)]"
        r"-\mathrm{KL}[Q(z|X)\,\|\,P(z)]\qquad(9)",
        _exercise_b,
    ),
    "A counterfactual's step": Exercise(
        "D-22",
        "exercise step",
        r"g(z^{(i+1)})=g(z^{(i)})+\lambda\,US^2U^\top\frac{\partial f_t}{\partial x}"
        r"+\mathcal O(\lambda^2)",
        _step,
    ),
}
"""By their names on the page."""
