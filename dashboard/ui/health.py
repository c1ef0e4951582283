"""What the bundle on the screen failed to learn, with the command that would better it."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.services import outputs
from xai_core.evaluation.health import Kind, Problem, health_of

if TYPE_CHECKING:
    from xai_core.bundle.explained_output import Part
    from xai_core.bundle.reading import Bundle

_FAILURES: "dict[Part, tuple[Kind, ...]]" = {
    "class_probs": ("classifier",),
    "cluster_probs": ("collapse", "steps"),
    "encode": ("reconstruction", "steps"),
    "decode": ("reconstruction", "steps"),
}
"""How each part of a bundle may have failed to learn."""


def needs(bundle: "Bundle", output: str) -> tuple[Kind, ...]:
    """Return what must have been learned for an explanation of an output to mean something."""
    kinds = [_FAILURES[part] for part in outputs.explained(bundle, output).needs]
    return tuple(dict.fromkeys(kind for some in kinds for kind in some))


def problems(bundle: "Bundle", *kinds: Kind) -> list[Problem]:
    """Return the bundle's problems of some kinds, of every kind where none is named."""
    return [p for p in health_of(bundle.manifest) if not kinds or p.kind in kinds]


def show(bundle: "Bundle", *kinds: Kind) -> None:
    """Show each problem of some kinds in one sentence, and the command that would better it."""
    for problem in problems(bundle, *kinds):
        st.warning(problem.sentence, icon=":material/health_and_safety:")
        st.code(problem.remedy, language="bash")
