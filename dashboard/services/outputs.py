"""The outputs of a bundle by name, as links and caches store them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xai_core.bundle.explained_output import Classes, ExplainedOutput, Registration
    from xai_core.bundle.reading import Bundle
    from xai_core.models.vae import Part


def explained(bundle: "Bundle", output: str) -> "ExplainedOutput":
    """Return the output of a name."""
    from xai_core.bundle.explained_output import explained_output

    return explained_output(bundle, output)


def classes(bundle: "Bundle", output: str) -> "Classes":
    """Return the classes of an output.

    Raises:
        ValueError: If it has none.
    """
    found = explained(bundle, output).classes
    if found is None:
        raise ValueError(f"`{output}` has no classes; ask for one of {deciding(bundle)}.")
    return found


def deciding(bundle: "Bundle") -> list[str]:
    """List the outputs with at least two classes."""
    from xai_core.bundle.explained_output import deciding_outputs

    return [found.name for found in deciding_outputs(bundle)]


def check_parts(bundle: "Bundle", parts: "Sequence[Part]", what: str) -> None:
    """Raise an error that says which part of the model something needs and lacks."""
    from xai_core.bundle.explained_output import check_parts as check

    check(bundle, parts, what)


def second_opinion(bundle: "Bundle", output: str) -> str | None:
    """Return another output with classes, for a second opinion on counterfactuals."""
    from xai_core.bundle.explained_output import available_outputs

    others = (one.name for one in available_outputs(bundle) if one.classes is not None)
    return next((name for name in others if name != output), None)


def registrations(bundle: "Bundle") -> "dict[str, Registration]":
    """Return the registered outputs of which the bundle has at least one, by key."""
    from xai_core.bundle.explained_output import OUTPUTS

    return {key: found for key, found in OUTPUTS.items() if _first(bundle, found) is not None}


def _first(bundle: "Bundle", registration: "Registration") -> "ExplainedOutput | None":
    """Return the output for the first value of every choice; None if there is none."""
    chosen: list[str] = []
    for choice in registration.choices:
        options = choice.options(bundle, tuple(chosen))
        if not options:
            return None
        chosen.append(next(iter(options)))
    found = registration.read(bundle, registration.name.format(*chosen))
    return None if found is None or found.lacks(bundle) else found
