"""The frame of every page: bar with the selected image, title, headings of figures."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import state
from dashboard.services import bundles, image_data, outputs
from dashboard.ui import glossary, messages
from dashboard.ui.frame import page_list, presentation, selection_bar
from xai_core.plots.theme import CATEGORIES, rgb

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from xai_core.bundle.reading import Bundle
    from xai_core.models.vae import Part

START = "test:0"
"""Selected at first, if the bundle has it."""


def page(title: str, one_line: str, *needs: "Part") -> "Bundle":
    """Draw a page's bar and title; without a bundle, explain and stop.

    Args:
        title: The page's name, as in the navigation.
        one_line: What the page shows; "" where its claim says so.
        needs: Parts of the model without which the page has nothing to show.

    Returns:
        The chosen bundle, which then holds the image `state.selected_id()`.

    Raises:
        BundleError: If the model lacks a part that the page needs.
    """
    bundle = follow(heading(title, one_line))
    outputs.check_parts(bundle, needs, f"the page {title}")
    return bundle


def heading(title: str, one_line: str) -> "DeltaGenerator":
    """Read the link that opened a page and draw its title; return the place of the bar above."""
    page_list.mend()
    bar = st.container(key="bar", gap="xxsmall")
    st.title(title, anchor=False)
    if one_line:
        st.markdown(one_line)
    state.read_link()
    presentation.show()
    return bar


def any_bundle() -> bool:
    """Return whether there is a bundle to show."""
    return bool(bundles.whole(bundles.summaries()))


def follow(bar: "DeltaGenerator") -> "Bundle":
    """Fill the bar; without a bundle, explain and stop.

    Args:
        bar: The place that `heading` returned.
    """
    bundle = _bundle()
    state.put_setting("about", bundles.about(bundle))
    _check_selected(bundle)
    with bar:
        selection_bar.show(bundle)
    return bundle


def end() -> None:
    """Write the state of the page into the URL, after all of it has been drawn."""
    state.write_link()


def claim(text: str, shows: str = "", how_to_read: str = "") -> None:
    """Draw the one sentence that a page makes its point with, computed from what it shows.

    Args:
        text: The sentence, as Markdown.
        shows: What the figures below it show.
        how_to_read: How to read them.
    """
    with st.container(key="claim", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(text, width="content")
            _explain(f"{shows} {how_to_read}", how_to_read)
        if shows:
            st.caption(shows)


def section(title: str, shows: str, how_to_read: str = "") -> None:
    """Draw the heading of a figure: title, what it shows, how to read it, and the terms used.

    Args:
        title: Unique on the page.
        shows: What the figure shows; "" where its title says so.
        how_to_read: How to read it, as Markdown.
    """
    with st.container(key=f"section-{title}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(title, anchor=False, width="content")
            _explain(f"{title} {shows} {how_to_read}", how_to_read)
        if shows:
            st.caption(shows)


def _explain(text: str, how_to_read: str) -> None:
    """Offer how to read a figure, and the definitions of the terms that a text uses."""
    terms = glossary.used_in(text)
    if how_to_read or terms:
        with st.popover("How to read this", type="tertiary", icon=":material/help:"):
            st.markdown(how_to_read)
            glossary.define(terms)


def _bundle() -> "Bundle":
    found = bundles.summaries()
    names = bundles.whole(found)
    broken = "\n".join(
        f"- {messages.plain_message(s.error)}" for s in found.values() if s.error is not None
    )
    if not names:
        messages.empty(
            "No model to look at yet",
            "A model is a folder (a bundle) with its weights and everything computed from a data "
            "set. Train one on the MNIST digits that come with the project, on the page Train or "
            f"with this command; then reload this page.\n\n{broken}",
            "xai train --data mnist --out checkpoints/mnist",
        )
    if state.bundle_name() not in names:
        if state.bundle_name():
            messages.note(
                f"There is no model {messages.code(state.bundle_name()[:60])} here to open. "
                "Found: " + ", ".join(f"`{name}`" for name in names) + "."
            )
        state.select_bundle(bundles.usual(names))
    if len(names) > 1:
        st.sidebar.selectbox("Model", names, **state.bind("bundle", names[0], names))
    if broken:
        st.sidebar.expander("Models that cannot be opened").markdown(broken)
    return bundles.bundle(found[state.bundle_name()].path)


def _check_selected(bundle: "Bundle") -> None:
    """Select the first image if none is selected, or if this bundle does not have it."""
    requested = state.selected_id()
    if image_data.is_known(bundle, requested):
        return
    start = START if bundles.row_of(bundle, START) is not None else str(bundles.rows(bundle)[0])
    if requested:
        why = (
            "The image in the link is incomplete"
            if image_data.is_own(requested)
            else f"There is no image {messages.code(requested[:40])} in `{bundle.name}`"
        )
        messages.note(
            f"{why}, so `{start}` is shown. Copy the whole link, or choose another image."
        )
    state.select_image(start)


@cache
def icon(side: int = 64) -> Image.Image:
    """Draw the tab's icon: three clusters."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    pixels = np.zeros((side, side, 4), np.uint8)
    for i, (cx, cy, r) in enumerate([(0.3, 0.32, 0.26), (0.74, 0.45, 0.2), (0.42, 0.78, 0.18)]):
        cover = np.clip((r - np.hypot(x - cx, y - cy)) * side + 0.5, 0, 1)
        pixels[cover > 0, :3] = rgb(CATEGORIES[(0, 1, 4)[i]])
        pixels[..., 3] = np.maximum(pixels[..., 3], (cover * 255).astype(np.uint8))
    return Image.fromarray(pixels)
