"""The frame of every page: title, sidebar with the selected image, figure headings."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import state
from dashboard.services import bundles, image_data
from dashboard.ui import health, messages
from dashboard.ui.components import image_grid
from dashboard.ui.frame import image_steps, page_list
from dashboard.ui.messages import literal
from dashboard.ui.naming import cluster_names, describe, label_name, marked
from xai_core.plots.probabilities import percent
from xai_core.plots.theme import CATEGORIES, rgb

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

START = "test:0"
"""Selected at first, if the bundle has it."""


def page(title: str, one_line: str) -> "Bundle":
    """Draw a page's title and the sidebar; without a bundle, explain and stop.

    Args:
        title: The page's name, as in the navigation.
        one_line: What the page shows.

    Returns:
        The chosen bundle, which then holds the image `state.selected_id()`.
    """
    heading(title, one_line)
    return follow()


def heading(title: str, one_line: str) -> None:
    """Draw a page's title, and read the link that opened it."""
    st.html(Path(__file__).with_suffix(".css"))
    page_list.mend()
    st.title(title, anchor=False)
    st.markdown(one_line)
    state.read_link()


def any_bundle() -> bool:
    """Return whether there is a bundle to show."""
    return bool(bundles.whole(bundles.summaries()))


def follow() -> "Bundle":
    """Draw the sidebar with bundle and selected image; without a bundle, explain and stop."""
    bundle = _bundle()
    state.put_setting("about", bundles.about(bundle))
    _check_selected(bundle)
    with st.sidebar:
        _selected(bundle)
    return bundle


def end() -> None:
    """Write the state of the page into the URL, after all of it has been drawn."""
    state.write_link()


def section(title: str, shows: str, how_to_read: str = "") -> None:
    """Draw the heading of a figure: a title, what it shows, and how to read it."""
    with st.container(key=f"section-{title}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(title, anchor=False, width="content")
            if how_to_read:
                with st.popover("How to read this", type="tertiary", icon=":material/help:"):
                    st.markdown(how_to_read)
        st.caption(shows)


def _bundle() -> "Bundle":
    found = bundles.summaries()
    names = bundles.whole(found)
    broken = "\n".join(
        f"- {messages.plain_message(s.error)}" for s in found.values() if s.error is not None
    )
    if not names:
        messages.empty(
            "No bundle to look at yet",
            "A bundle is a folder with a trained model and everything computed from a data "
            "set. Make one from the MNIST digits that come with the project, on the page Train or "
            f"with this command; then reload this page.\n\n{broken}",
            "xai train --data mnist --out checkpoints/mnist",
        )
    if state.bundle_name() not in names:
        if state.bundle_name():
            messages.note(
                f"There is no bundle {messages.code(state.bundle_name()[:60])} here to open. "
                "Found: " + ", ".join(f"`{name}`" for name in names) + "."
            )
        state.select_bundle(bundles.usual(names))
    if len(names) > 1:
        st.sidebar.selectbox("Bundle", names, **state.bind("bundle", names[0], names))
    if broken:
        st.sidebar.expander("Bundles that cannot be opened").markdown(broken)
    return bundles.bundle(found[state.bundle_name()].path)


def _check_selected(bundle: "Bundle") -> None:
    """Select the first image if none is selected, or if this bundle does not have it."""
    asked = state.selected_id()
    if image_data.is_known(bundle, asked):
        return
    start = START if bundles.row_of(bundle, START) is not None else str(bundles.rows(bundle)[0])
    if asked:
        why = (
            "The image in the link is incomplete"
            if image_data.is_own(asked)
            else f"There is no image {messages.code(asked[:40])} in `{bundle.name}`"
        )
        messages.note(
            f"{why}, so `{start}` is shown. Copy the whole link, or choose another image."
        )
    state.select_image(start)


def _selected(bundle: "Bundle") -> None:
    image_id = state.selected_id()
    found = image_data.facts(bundle, image_id)
    label = int(found["label"])
    true = f"  \nTrue label **{literal(label_name(bundle, label))}**" if label >= 0 else ""
    cluster = cluster_names(bundle)[int(found["cluster"])]
    st.caption("SELECTED IMAGE")
    with st.container(horizontal=True, gap="small", key="selected-facts"):
        image_grid.picture(
            image_data.images(bundle, [image_id])[0],
            alt=describe(bundle, image_id),
            key="selected",
            width=88,
        )
        st.markdown(
            f"{marked(image_id)}  \n"
            f"Cluster **{literal(cluster)}**  \n"
            f"Confidence **{percent(float(found['confidence']))}**{true}",
            width="stretch",
        )
    if (
        image_data.is_own(image_id)
        and not health.problems(bundle, "images")
        and image_data.typicality(bundle, image_id).unlike
    ):
        st.caption(
            ":orange[:material/warning: Unlike the training images: do not trust the answers.]"
        )
    image_steps.buttons(bundle)


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
