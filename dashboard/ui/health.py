"""What the bundle on the screen failed to learn, with the command that would better it."""

from typing import TYPE_CHECKING

import streamlit as st

from xai_core.evaluation.health import Kind, Problem, health_of

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_NEEDS: dict[str, tuple[Kind, ...]] = {
    "classifier": ("classifier",),
    "cluster": ("collapse", "steps"),
}


def needs(of: str) -> tuple[Kind, ...]:
    """Return the parts that an explanation of an output needs to work."""
    return _NEEDS.get(of, ("reconstruction", "steps"))


def problems(bundle: "Bundle", *kinds: Kind) -> list[Problem]:
    """Return the bundle's problems of some kinds, of every kind where none is named."""
    return [p for p in health_of(bundle.manifest) if not kinds or p.kind in kinds]


def show(bundle: "Bundle", *kinds: Kind) -> None:
    """Show each problem of some kinds in one sentence, and the command that would better it."""
    for problem in problems(bundle, *kinds):
        st.warning(problem.sentence, icon=":material/health_and_safety:")
        st.code(problem.remedy, language="bash")
