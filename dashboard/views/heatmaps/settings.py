"""The settings of the Heatmaps page: what is explained."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.services import attributions, counterfactuals, outputs
from dashboard.ui import explained as chip
from dashboard.ui import messages, naming
from dashboard.ui.side_by_side.heatmap import unit

if TYPE_CHECKING:
    from xai_core.bundle.explained_output import ExplainedOutput, Registration
    from xai_core.bundle.reading import Bundle

BEST = {"why": "the predicted one", "rather": "the next best"}
"""What the choices of a contrast offer first: the classes of the selected image."""
DECISION = "decision"
"""The decision of the model chosen in the bar."""


class Request(NamedTuple):
    """The explained output, the methods that apply, and the names and order of any classes."""

    explained: "ExplainedOutput"
    methods: list[str]
    names: list[str]
    order: list[int]

    @property
    def output(self) -> str:
        """Return the name of what is explained."""
        return self.explained.name

    @property
    def methods_of_model(self) -> list[str]:
        """Return the methods without the controls, which ignore the model."""
        return [m for m in self.methods if attributions.card(m).kind != "baseline"]

    @property
    def words(self) -> str:
        """Return the description of the output as part of a sentence."""
        return self.explained.words

    def choose_method(self, name: str, *, link: str) -> str:
        """Let the visitor choose a method; `name` and `link` are those of the setting."""
        return st.selectbox(
            "Method", self.methods, format_func=attributions.title, width=210,
            **state.bind(name, self.methods[0], self.methods, link=link),
        )  # fmt: skip

    def unit(self, method: str) -> str:
        """Return the unit of a method's numbers."""
        return unit(self.explained, method)


def show_warnings(*found: attributions.Maps) -> None:
    """Show the completeness error of maps, one sentence per method."""
    for warning in dict.fromkeys(one.warning for one in found if one.warning):
        st.warning(messages.plain_message(warning), icon=":material/warning:")


def ask(bundle: "Bundle") -> Request:
    """Draw the settings above the figures."""
    decides, known = chip.chosen(bundle), outputs.registrations(bundle)
    others = [key for key in known if key not in chip.choices(bundle)]
    kinds = [*([DECISION] if decides else []), *others]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.selectbox(
            "Explain", kinds, width=210,
            format_func=lambda key: "The decision" if key == DECISION else known[key].title,
            help="The decision of the model chosen above; how well the cluster model explains or "
            "draws the image; one number of its code; or why one class rather than another.",
            **state.bind("heat output", kinds[0], kinds, link="output"),
        )  # fmt: skip
        output = decides if kind == DECISION else _named(bundle, known[kind])
    explained = outputs.explained(bundle, output)
    count = 0 if explained.classes is None else explained.classes.count(bundle)
    names = naming.class_names(bundle, output, count) if count else []
    order = naming.class_order(bundle, output, count) if count else []
    return Request(explained, attributions.methods(bundle, output), names, order)


def _named(bundle: "Bundle", kind: "Registration") -> str:
    """Let the visitor make the choices of a name; of classes, the image's best come first."""
    chosen: list[str] = []
    for choice in kind.choices:
        options = dict(choice.options(bundle, tuple(chosen)))
        best = ""
        if choice.name in BEST and len(options) > 1:
            best = _most_probable(bundle, chosen[0], list(options))
            options = {BEST[choice.name]: BEST[choice.name], **options}
        values = list(options)
        value = values[0]
        if len(values) > 1:
            bound = state.bind(f"heat {choice.name}", values[0], values, link=choice.name)
            value = st.selectbox(
                choice.title, values, width=170, format_func=options.__getitem__, **bound
            )
        chosen.append(best if value == BEST.get(choice.name) else value)
    return kind.name.format(*chosen)


def _most_probable(bundle: "Bundle", output: str, classes: list[str]) -> str:
    """Return the most probable of some classes for the selected image."""
    probs = counterfactuals.decided(bundle, state.selected_id(), output)
    return max(classes, key=lambda c: float(probs[int(c)]))
