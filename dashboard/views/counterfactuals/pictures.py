"""Input, counterfactual, change and an adversarial example in one row, and the numbers."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import counterfactuals, outputs
from dashboard.ui import download, messages, naming
from dashboard.ui.components import image_grid
from dashboard.views.counterfactuals.settings import Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.image_sheet import Row
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method

WIDTH = 160
"""Side of a picture in screen pixels: all four stand in one row above the fold."""
HOW_TO_READ = (
    "**Warm is ink that was added, cold is ink that was removed.** L1 is the ink changed, summed "
    "over pixels. The adversarial example is found by gradient ascent on the pixels themselves, "
    "without the decoder. Compare what it changes, and what you see in it, with the "
    "counterfactual."
)
CONTRAST: "Method" = "pixel"
"""The method that is shown beside each other one."""


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show input, counterfactual, change and an adversarial example, then describe them."""
    boxes = st.container(key="in-one-row").columns(4, gap="medium")
    found = counterfactuals.change(bundle, *request.searched)
    target, source = request.names[request.target], request.names[request.source]
    with boxes[0]:
        _picture("Input", found.image, f"Input {naming.display_name(request.image_id)}, {source}")
        st.caption(messages.literal(f"{source} at {percent(found.before[request.source])}"))
    with boxes[1]:
        reached = f"{target} at {percent(found.after[request.target])}"
        _picture("Counterfactual", found.counterfactual, f"Counterfactual, {reached}")
        st.caption(messages.literal(reached))
    with boxes[2]:
        delta = change.coloured((found.counterfactual - found.image)[None], state.dark())[0]
        _picture("Change", delta, f"Change from {source} to {target}: {_ink(found)}")
        added, removed = change.ink(found.counterfactual - found.image)
        st.caption(f"Warm: ink added, {added:.0f} px. Cold: removed, {removed:.0f} px.")
    if not found.converged:
        st.warning(
            f"The target was not reached: {found.reason}. What is shown is how far it got.",
            icon=":material/warning:",
        )
    words, files = st.columns([2, 1], gap="medium")
    words.markdown(_words(bundle, request, found))
    with files.container(horizontal=True, horizontal_alignment="right"):
        four = change.side_by_side(found.image, found.reconstruction, found.counterfactual)
        download.picture(bundle, four, name="counterfactual", **request.about)
        download.for_print(
            bundle,
            [Row(name="input", values=found.image[None], kind="ink"),
             Row(name="counterfactual", values=found.counterfactual[None], kind="ink"),
             Row(name="change", values=(found.counterfactual - found.image)[None])],
            [naming.display_name(request.image_id)], name="counterfactual",
            title=f"From {source} to {target}", unit="ink added or removed", **request.about,
        )  # fmt: skip
        download.arrays(bundle, arrays(found), name="counterfactual", **request.about)
    with boxes[3]:
        _contrast(bundle, request)


def _contrast(bundle: "Bundle", request: Request) -> None:
    """Show an adversarial example of the same target."""
    found = counterfactuals.change(
        bundle, request.image_id, request.output, CONTRAST, request.target
    )
    reached = f"{request.names[request.target]} at {percent(found.after[request.target])}"
    _picture("Adversarial example", found.counterfactual, f"Adversarial example, {reached}")
    st.caption(
        messages.literal(f"{reached} too, found without the decoder: {found.l1:.0f} px")
        if found.converged
        else "It does not reach the target."
    )


def _picture(title: str, pixels: NDArray[np.generic], alt: str) -> None:
    st.markdown(f"**{title}**")
    shown = pixels if pixels.dtype == np.uint8 else sprites.pixels(pixels[None])[0]
    image_grid.picture(shown, alt=alt, key=title.lower().replace(" ", "-"), width=WIDTH)


def arrays(found: counterfactuals.Change) -> dict[str, object]:
    """Return the results of a search by name, for a file."""
    kept = ("image", "reconstruction", "counterfactual", "frames", "frame_probs", "codes",
            "density", "places", "before", "after", "l1", "l2", "converged", "reason", "source",
            "target")  # fmt: skip
    return {name: getattr(found, name) for name in kept}


def _words(bundle: "Bundle", request: Request, found: counterfactuals.Change) -> str:
    """Describe the change, as Markdown."""
    source, target = (messages.literal(request.names[c]) for c in (request.source, request.target))
    symbol = outputs.classes(bundle, request.output).symbol
    steps = f"{found.steps} gradient steps, " if found.steps else ""
    ended = "Found in" if found.converged else "Given up after"
    second = _second_opinion(bundle, request, found)
    before, after = (percent(p[request.target]) for p in (found.before, found.after))
    return (
        f"From **{source}** to **{target}**: {_ink(found)} (L1 {found.l1:.1f}, "
        f"L2 {found.l2:.2f}). {symbol}({target}|x) goes from {before} to **{after}**. {ended} "
        f"{steps}{1000 * found.seconds:.0f} ms.{second}"
    )


def finding(bundle: "Bundle", request: Request) -> str:
    """Say what it took to change the decision, as Markdown."""
    found = counterfactuals.change(bundle, *request.searched)
    source, target = (messages.literal(request.names[c]) for c in (request.source, request.target))
    if not found.converged:
        return f"From {source} to {target}: the target was not reached"
    added, removed = change.ink(found.counterfactual - found.image)
    return (
        f"Adding ink worth **{added:.0f}** pixels and removing **{removed:.0f}** turns this image "
        f"from {source} into {target}"
    )


def _second_opinion(bundle: "Bundle", request: Request, found: counterfactuals.Change) -> str:
    """Return a sentence with the other model's answer about the counterfactual."""
    other = outputs.second_opinion(bundle, request.output)
    if found.other is None or other is None:
        return ""
    best = int(found.other.argmax())
    name = naming.class_names(bundle, other, len(found.other))[best]
    return (
        f" A second opinion: {outputs.classes(bundle, other).who}, which was not used, classifies "
        f"it as {messages.literal(naming.called(bundle, other, name))} "
        f"({percent(found.other[best])})."
    )


def _ink(found: counterfactuals.Change) -> str:
    added, removed = change.ink(found.counterfactual - found.image)
    return f"ink worth {added:.1f} full pixels is added and {removed:.1f} removed"
