"""All tags: the images of each, their names, export and import."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.services.jobs import runs
from dashboard.ui import download, image_strip, messages
from dashboard.ui.frame import layout
from dashboard.ui.notes import tags
from xai_core.bundle.notes import LONGEST, PINNED

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SHOWN = 60
"""Largest number of images of a tag that the page shows."""
BROUGHT = "brought notes"
"""Setting that holds what an import brought, in plain text."""
SAVED = ("id", "split", "label", "cluster", "confidence", "elbo")


def show(bundle: "Bundle") -> None:
    """List the tags with their numbers of images, and show the images of one."""
    layout.section(
        "All tags",
        "Collections of images under names of your own, kept beside the model.",
        "*Pin* and *Tags* in the bar above are for the selected image; the images inside a lasso "
        f"are tagged all at once. Tags belong to the images: every model of `{bundle.name}` keeps "
        "them when it is trained anew on the same images. All visitors of this server share them. "
        "The last 20 changes can be undone, one after another.",
    )
    found = bundle.notes.tags
    if found:
        tag = st.pills(
            "Tag", list(found), required=True, wrap=True, label_visibility="collapsed",
            format_func=lambda name: f"{messages.literal(name)} · {len(found[name]):,}",
            **state.bind("map tag", next(iter(found)), list(found), link="tag"),
        )  # fmt: skip
        _images(bundle, tag)
    else:
        st.caption("None yet. Tag the selected image in the bar above, or draw a lasso.")
    if brought := state.setting(BROUGHT):  # once, after an import
        messages.note(messages.plain_message(brought))
        state.put_setting(BROUGHT, "")
    with st.container(horizontal=True, vertical_alignment="center"):
        if found or bundle.notes.cluster_names:
            download.notes(bundle)
        if runs.allowed():
            _import(bundle)
            tags.undo(bundle, "undo of tags")
    if not runs.allowed():
        st.caption(tags.READ_ONLY)


def tag_these(bundle: "Bundle", ids: list[str]) -> None:
    """Let the visitor tag the images inside the lasso."""
    from xai_core.bundle.tags import tag_images

    if not ids or not runs.allowed():
        return
    with st.form("tag these", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox(
                "Tag", tags.names(bundle), index=None, accept_new_options=True, width=260,
                placeholder="Choose a tag or type a new one",
            )  # fmt: skip
            sent = st.form_submit_button(f"Tag these {len(ids):,} images", icon=":material/sell:")
    if sent:
        with messages.errors_as_text():
            tag_images(bundle, name or "", ids)
            st.rerun()


def _images(bundle: "Bundle", tag: str) -> None:
    """Show the images of a tag, and let the visitor save, rename or remove it."""
    from xai_core.bundle.tags import untag_images

    ids, count = tags.indexed(bundle, tag), len(bundle.notes.tags[tag])
    with st.container(horizontal=True, vertical_alignment="center"):
        rows = bundle.index[list(SAVED)].take(bundles.rows_of(bundle, ids))
        download.table(bundle, rows, name="tag", tag=tag, images=len(ids))
        if runs.allowed():
            _rename(bundle, tag)
            what = "Unpin all" if tag == PINNED else "Remove the tag"
            st.button(
                what, key="remove tag", icon=":material/delete:", type="tertiary",
                on_click=tags.change, args=(untag_images, bundle, tag),
            )  # fmt: skip
    if count > len(ids):
        st.caption(f"{count - len(ids):,} of {count:,} images are not on this model's map.")
    if len(ids) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(ids):,} images; the CSV file has all of them.")
    if ids:
        image_strip.show(bundle, ids[:SHOWN], key="tagged")


def _rename(bundle: "Bundle", tag: str) -> None:
    from xai_core.bundle.tags import rename_tag

    with st.popover("Rename", icon=":material/edit:", type="tertiary"):
        with st.form("rename tag", border=False):
            name = st.text_input("New name of the tag", tag, max_chars=LONGEST)
            sent = st.form_submit_button("Rename the tag")
        if sent:
            with messages.errors_as_text():
                rename_tag(bundle, tag, name)
                state.put_setting("map tag", name.strip())
                st.rerun()


def _import(bundle: "Bundle") -> None:
    from xai_core.bundle.tags import import_notes

    with st.popover("Import", icon=":material/upload:", type="tertiary"):
        with st.form("import notes", border=False, clear_on_submit=True):
            file = st.file_uploader("Exported notes on the same images", ["json"])
            sent = st.form_submit_button("Add them to these")
        if sent and file is not None:
            with messages.errors_as_text():
                brought = import_notes(bundle, file.getvalue())
                counts = (
                    f"{brought.tagged:,} tagged images, {len(brought.named)} names of clusters"
                )
                state.put_setting(BROUGHT, " ".join([f"Imported: {counts}.", *brought.left_out]))
                st.rerun()
