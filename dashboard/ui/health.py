"""What the shown bundle failed to learn, with the command that improves it."""

from typing import TYPE_CHECKING, get_args

import streamlit as st

from dashboard.services import outputs
from xai_core.evaluation.health import Kind, Problem, health_of

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.models.vae import Part

CHECKS: tuple[str, ...] = get_args(Kind)
"""Names of all checks."""
_FAILURES: "dict[Part, tuple[Kind, ...]]" = {
    "class_probs": ("classifier",),
    "cluster_probs": ("collapse", "steps"),
    "encode": ("reconstruction", "steps"),
    "decode": ("reconstruction", "steps"),
}
"""The kinds of failure of each part of a bundle."""


def needs(bundle: "Bundle", output: str) -> tuple[Kind, ...]:
    """Return the kinds of failure that invalidate explanations of an output."""
    kinds = [_FAILURES[part] for part in outputs.explained(bundle, output).needs]
    return tuple(dict.fromkeys(kind for some in kinds for kind in some))


def problems(bundle: "Bundle", *kinds: Kind) -> list[Problem]:
    """Return the bundle's problems of some kinds, by default of all."""
    return [p for p in health_of(bundle.manifest) if not kinds or p.kind in kinds]


def show(bundle: "Bundle", *kinds: Kind) -> None:
    """Show each problem of some kinds in one sentence, with the command that improves it."""
    for problem in problems(bundle, *kinds):
        st.warning(problem.sentence, icon=":material/health_and_safety:")
        st.code(problem.remedy, language="bash")
