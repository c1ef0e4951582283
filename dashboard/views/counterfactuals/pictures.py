"""Input, reconstruction, counterfactual and change, large and with numbers."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals, outputs
from dashboard.ui import download, messages, naming
from dashboard.ui.chart import chart
from dashboard.views.counterfactuals.settings import Question
from xai_core.plots import pixel_map
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "**Warm is ink that was added, cold is ink that was removed.** The reconstruction is what "
    "the model can draw of the input; what it cannot draw is carried over unchanged by *near "
    "search* and lost by *latent ascent*. A VAE only approximates the manifold of images, so "
    "where the reconstruction is poor, do not trust the counterfactual either. L1 is the ink "
    "changed, summed over pixels."
)

HEIGHT = 280


def show(bundle: "Bundle", asked: Question) -> None:
    """Show the four images side by side, then describe them in words."""
    found = counterfactuals.change(bundle, *asked[:4])
    delta, dark = found.counterfactual - found.image, state.dark()
    if not found.converged:
        st.warning(
            f"The target was not reached: {found.reason}. What is shown is how far it got.",
            icon=":material/warning:",
        )
    target, source = asked.names[asked.target], asked.names[asked.source]
    pictures = (
        ("**Input** $x$", pixel_map.ink_map(found.image, dark, height=HEIGHT),
         f"Input {naming.display_name(asked.image_id)}, taken for {source}"),
        ("**Reconstruction** $g(z)$",
         pixel_map.ink_map(found.reconstruction, dark, height=HEIGHT),
         f"Reconstruction of {naming.display_name(asked.image_id)}"),
        ("**Counterfactual** $x'$",
         pixel_map.ink_map(found.counterfactual, dark, height=HEIGHT),
         f"Counterfactual, {target} at {percent(found.after[asked.target])}"),
        ("**Change** $x' - x$",
         pixel_map.signed_map(delta, dark, words="ink added or removed", height=HEIGHT),
         f"Change from {source} to {target}: {_ink(found)}"),
    )  # fmt: skip
    halves = st.container(key="large").columns(2, gap="medium")
    columns = [column for half in halves for column in half.columns(2, gap="medium")]
    for column, (title, figure, alt) in zip(columns, pictures, strict=True):
        with column:
            st.markdown(title)
            chart(figure, key=title.split("**")[1].lower(), alt=alt, **asked.about)
    _words(bundle, asked, found)
    with st.container(horizontal=True):
        four = change.side_by_side(found.image, found.reconstruction, found.counterfactual)
        download.picture(bundle, four, name="counterfactual", **asked.about)
        download.arrays(bundle, arrays(found), name="counterfactual", **asked.about)


def arrays(found: counterfactuals.Change) -> dict[str, object]:
    """Return the results of a search by name, for a file."""
    kept = ("image", "reconstruction", "counterfactual", "frames", "frame_probs", "codes",
            "density", "places", "before", "after", "l1", "l2", "converged", "reason", "source",
            "target")  # fmt: skip
    return {name: getattr(found, name) for name in kept}


def _words(bundle: "Bundle", asked: Question, found: counterfactuals.Change) -> None:
    source, target = (messages.literal(asked.names[c]) for c in (asked.source, asked.target))
    symbol = outputs.classes(bundle, asked.output).symbol
    steps = f"{found.steps} gradient steps, " if found.steps else ""
    ended = "Found in" if found.converged else "Given up after"
    second = _second_opinion(bundle, asked, found)
    before, after = (percent(p[asked.target]) for p in (found.before, found.after))
    st.markdown(
        f"From **{source}** to **{target}**: {_ink(found)} (L1 {found.l1:.1f}, "
        f"L2 {found.l2:.2f}). {symbol}({target}|x) goes from {before} to **{after}**. {ended} "
        f"{steps}{1000 * found.seconds:.0f} ms.{second}"
    )


def _second_opinion(bundle: "Bundle", asked: Question, found: counterfactuals.Change) -> str:
    """Return a sentence with the other model's answer about the counterfactual."""
    other = outputs.second_opinion(bundle, asked.output)
    if found.other is None or other is None:
        return ""
    best = int(found.other.argmax())
    name = naming.class_names(bundle, other, len(found.other))[best]
    return (
        f" A second opinion: {outputs.classes(bundle, other).who}, which was not asked, takes it "
        f"for {messages.literal(naming.called(bundle, other, name))} "
        f"({percent(found.other[best])})."
    )


def _ink(found: counterfactuals.Change) -> str:
    added, removed = change.ink(found.counterfactual - found.image)
    return f"ink worth {added:.1f} full pixels is added and {removed:.1f} removed"
