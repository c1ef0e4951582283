"""The settings of the Heatmaps page: what is explained."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.services import attributions, outputs
from dashboard.ui import messages, naming

if TYPE_CHECKING:
    from xai_core.bundle.explained_output import ExplainedOutput, Registration
    from xai_core.bundle.reading import Bundle


class Question(NamedTuple):
    """What is explained, the methods that apply, and the names of the classes, if any."""

    explained: "ExplainedOutput"
    methods: list[str]
    names: list[str]

    @property
    def output(self) -> str:
        """Return the name of what is explained."""
        return self.explained.name

    @property
    def methods_of_model(self) -> list[str]:
        """Return the methods without the reference maps, which know no model."""
        return [m for m in self.methods if attributions.card(m).kind != "baseline"]

    @property
    def words(self) -> str:
        """Return what is explained, as part of a sentence."""
        return self.explained.words

    def choose_method(self, name: str, *, link: str) -> str:
        """Let the visitor choose a method; `name` and `link` are those of the setting."""
        return st.selectbox(
            "Method", self.methods, format_func=attributions.title, width=210,
            **state.bind(name, self.methods[0], self.methods, link=link),
        )  # fmt: skip

    def unit(self, method: str) -> str:
        """Return the unit of a method's numbers."""
        card, unit = attributions.card(method), self.explained.unit
        if card.kind in ("mask", "baseline"):
            return "weight of the pixel"
        return (
            f"share of the output, {unit}"
            if card.contribution
            else f"slope, {unit} per unit of ink"
        )


def show_warnings(*found: attributions.Maps) -> None:
    """Show by how much maps miss what they promise to explain, one sentence per method."""
    for warning in dict.fromkeys(one.warning for one in found if one.warning):
        st.warning(messages.plain_message(warning), icon=":material/warning:")


def ask(bundle: "Bundle") -> Question:
    """Draw the settings above the figures."""
    known = outputs.registrations(bundle)
    kinds = list(known)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control(
            "Explain", kinds, format_func=lambda key: known[key].title, required=True,
            help="The classifier's decision, the cluster q(c|x), how well the model explains "
            "or draws the image, one number of its code, or why one class rather than another.",
            **state.bind("heat of", kinds[0], kinds, link="of"),
        )  # fmt: skip
        output = _named(bundle, known[kind])
    explained = outputs.explained(bundle, output)
    names = [] if explained.classes is None else naming.class_names(
        bundle, output, explained.classes.count(bundle)
    )  # fmt: skip
    return Question(explained, attributions.methods(bundle, output), names)


def _named(bundle: "Bundle", kind: "Registration") -> str:
    """Let the visitor make the choices of a name."""
    chosen: list[str] = []
    for choice in kind.choices:
        options = dict(choice.options(bundle, tuple(chosen)))
        values = list(options)
        if len(values) == 1:
            chosen.append(values[0])
            continue
        bound = state.bind(f"heat {choice.name}", values[0], values, link=choice.name)
        chosen.append(
            st.selectbox(choice.title, values, width=120, format_func=options.__getitem__, **bound)
        )
    return kind.name.format(*chosen)
