"""The frame of every page: title, sidebar with the selected image, figure headings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from dashboard import loaders, state, theme
from dashboard.components import image_grid, messages, page_list, steps
from dashboard.figures import cluster_table

if TYPE_CHECKING:
    from xai_core.bundle import Bundle

START = "test:0"
"""Selected before a person selects anything, where the bundle has it."""


def icon() -> Image.Image:
    """Give the picture in the browser's tab."""
    return theme.icon()


def page(title: str, one_line: str) -> "Bundle":
    """Draw a page's title and the sidebar; stop with an explanation without a bundle.

    Args:
        title: The page's name, as in the navigation.
        one_line: What a person can see here.

    Returns:
        The chosen bundle; `state.selected_id()` is then an id that its loaders know.
    """
    heading(title, one_line)
    return follow()


def heading(title: str, one_line: str) -> None:
    """Draw a page's title, and read the link by which it was opened."""
    st.html(Path(__file__).with_suffix(".css"))
    page_list.name_roles()
    st.title(title, anchor=False)
    st.markdown(one_line)
    state.read_link()


def any_bundle() -> bool:
    """Tell whether there is a bundle to follow."""
    return bool(loaders.whole(loaders.summaries()))


def follow() -> "Bundle":
    """Draw the sidebar with bundle and selected image; stop with an explanation without one."""
    bundle = _bundle()
    state.put_setting("about", loaders.about(bundle))
    _check_selected(bundle)
    with st.sidebar:
        _selected(bundle)
    return bundle


def end() -> None:
    """Write what the page shows into the URL, once all of it has been drawn."""
    state.write_link()


def section(title: str, shows: str, how_to_read: str = "") -> None:
    """Head a figure: its name, one line that says what it shows, and how to read it."""
    with st.container(key=f"section-{title}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(title, anchor=False, width="content")
            if how_to_read:
                with st.popover("How to read this", type="tertiary", icon=":material/help:"):
                    st.markdown(how_to_read)
        st.caption(shows)


def ways_on(pages: Sequence[tuple[str, str, str, str]]) -> None:
    """Offer other pages as cards: path, title, icon, the question each one answers."""
    with st.container(horizontal=True, key=f"ways-{pages[0][0]}"):
        for path, title, icon, question in pages:
            with st.container(border=True, key=f"way-{path}"):
                st.page_link(path, label=f"**{title}**", icon=icon)
                st.caption(question)


def cluster_names(bundle: "Bundle") -> list[str]:
    """Name clusters by number and by the label that each was matched with."""
    clusters, names = bundle.model.config.num_clusters, bundle.manifest.dataset.class_names
    return cluster_table.cluster_names(clusters, bundle.cluster_labels, names)


def describe(bundle: "Bundle", image_id: str) -> str:
    """Say in one line what is known of an image: id, cluster, confidence, label."""
    return describe_all(bundle, [image_id])[0]


def describe_all(bundle: "Bundle", ids: Sequence[str]) -> list[str]:
    """Say in one line each what is known of images."""
    known = loaders.table(bundle, ids)
    labels = [f", label {label_name(bundle, v)}" if v >= 0 else "" for v in known["label"]]
    return [
        f"{display_name(image_id)}: cluster {cluster} ({sure(confidence)} sure){label}"
        for image_id, cluster, confidence, label in zip(
            ids, known["cluster"], known["confidence"], labels, strict=True
        )
    ]


def display_name(image_id: str) -> str:
    """Name an image in a sentence: its id, or "your image" for a person's own."""
    return "your image" if loaders.is_own(image_id) else image_id


def marked(image_id: str) -> str:
    """Name an image in Markdown."""
    name = display_name(image_id)
    return f"`{name}`" if name == image_id else name


def sure(confidence: float) -> str:
    """Write a confidence, never as more than it is."""
    return "over 99.9 %" if confidence > 0.999 else f"{confidence:.1%}".replace("%", " %")


def label_name(bundle: "Bundle", label: int) -> str:
    """Name a label in the data set's words; a dash where there is none."""
    names = bundle.dataset.class_names
    if label < 0:
        return "-"
    return names[label] if label < len(names) else str(label)


def _bundle() -> "Bundle":
    found = loaders.summaries()
    names = loaders.whole(found)
    broken = "\n".join(f"- {s.error}" for s in found.values() if s.error is not None)
    if not names:
        messages.empty(
            "No bundle to look at yet",
            "A bundle is a folder that holds a trained model and all it learned about a data "
            "set. Make one from the MNIST digits that come with the project, on the page Train or "
            f"with this command; then reload this page.\n\n{broken}",
            "xai train --data mnist --out checkpoints/mnist",
        )
    if state.bundle_name() not in names:
        if state.bundle_name():
            messages.note(
                f"There is no bundle `{state.bundle_name()[:60]}` here to open. "
                "Found: " + ", ".join(f"`{name}`" for name in names) + "."
            )
        state.select_bundle(loaders.usual(names))
    if len(names) > 1:
        st.sidebar.selectbox("Bundle", names, **state.bind("bundle", names[0], names))
    if broken:
        st.sidebar.expander("Bundles that cannot be opened").markdown(broken)
    return loaders.bundle(found[state.bundle_name()].path)


def _check_selected(bundle: "Bundle") -> None:
    """Select the first image there is where none is, or one that this bundle does not know."""
    asked = state.selected_id()
    if loaders.is_known(bundle, asked):
        return
    start = START if loaders.row_of(bundle, START) is not None else str(loaders.rows(bundle)[0])
    if asked:
        why = (
            "The link's own image was cut short or changed"
            if loaders.is_own(asked)
            else f"There is no image `{asked[:40]}` in `{bundle.name}`"
        )
        messages.note(f"{why}, so `{start}` is shown. Copy the link whole, or choose another.")
    state.select_image(start)


def _selected(bundle: "Bundle") -> None:
    image_id = state.selected_id()
    found = loaders.facts(bundle, image_id)
    label = int(found["label"])
    true = f"  \nTrue label **{label_name(bundle, label)}**" if label >= 0 else ""
    st.caption("SELECTED IMAGE")
    with st.container(horizontal=True, gap="small", key="selected-facts"):
        image_grid.picture(
            loaders.images(bundle, [image_id])[0],
            alt=describe(bundle, image_id),
            key="selected",
            width=88,
        )
        st.markdown(
            f"{marked(image_id)}  \n"
            f"Cluster **{cluster_names(bundle)[int(found['cluster'])]}**  \n"
            f"Confidence **{sure(float(found['confidence']))}**{true}",
            width="stretch",
        )
    if loaders.is_own(image_id) and loaders.typicality(bundle, image_id).unlike:
        st.caption(":orange[:material/warning: Unlike the training images: do not believe it.]")
    steps.buttons(bundle)
