"""The set of classes that a model cannot exclude for an image, in words."""

from typing import TYPE_CHECKING

from dashboard.services import prediction_sets
from dashboard.ui import naming

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def answer(bundle: "Bundle", output: str, image_id: str, level: float) -> str:
    """Return the set in plain text, the most plausible class first: "a 3 or an 8"."""
    p_values = prediction_sets.p_values(bundle, output, image_id)
    members = prediction_sets.members(p_values, level)
    if len(members) == len(p_values) > 2:
        return "any class"
    names = [naming.with_article(naming.label_name(bundle, c)) for c in members]
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "no class"
