"""Pins and tags of the selected image, in the bar of every page, and what all places share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import bundles, image_data
from dashboard.services.jobs import runs
from dashboard.ui.messages import literal, plain_message
from xai_core.bundle.notes import LONGEST, PINNED
from xai_core.errors import XaiError

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

BESIDE = 2
"""Largest number of pinned images that stand beside the selected one."""
READ_ONLY = (
    "All visitors share these notes, so this server does not let them change any. "
    "`XAI_TRAINING=on` does, and `xai_core.tag_images` does in Python."
)
NOT_KEPT = "Your own image is in no data set, so it has no tags. Copy its link to keep it."


def change(use: Callable[..., object], *args: object) -> None:
    """Change the notes in a callback; a refusal is shown as a message over the page."""
    try:
        use(*args)
    except XaiError as error:
        st.toast(plain_message(str(error)), icon=":material/error:", duration="long")


def names(bundle: "Bundle") -> list[str]:
    """Return the tags besides the pins."""
    return [tag for tag in bundle.notes.tags if tag != PINNED]


def indexed(bundle: "Bundle", tag: str) -> list[str]:
    """Return the images with a tag that the index has, which pages can show."""
    found = bundle.notes.tags.get(tag, ())
    return [i for i, row in zip(found, bundles.rows_of(bundle, found), strict=True) if row >= 0]


def beside(bundle: "Bundle", image_id: str) -> list[str]:
    """Return the images pinned last, at most two, besides one image."""
    return [pinned for pinned in indexed(bundle, PINNED) if pinned != image_id][-BESIDE:]


@st.fragment
def of_image(bundle: "Bundle", image_id: str) -> None:
    """Let the visitor pin and tag the selected image."""
    _rerun_if_changed(bundle)
    pinned = image_id in bundle.notes.tags.get(PINNED, ())
    own, locked = image_data.is_own(image_id), not runs.allowed()
    with st.container(horizontal=True, gap="xxsmall", key="keep", width="content"):
        st.button(
            "Unpin" if pinned else "Pin",
            icon=":material/keep_off:" if pinned else ":material/keep:",
            help=NOT_KEPT if own else READ_ONLY if locked else
            "Pin: Heatmaps and Counterfactuals show the last two pinned images beside the "
            "selected one",
            key="pin", type="tertiary", wrap=False, disabled=own or locked,
            on_click=change, args=(_toggle, bundle, PINNED, image_id, not pinned),
        )  # fmt: skip
        opened = st.popover(
            "Tags", icon=":material/sell:", type="tertiary", key="tags", on_change="rerun",
        )  # fmt: skip
        if opened.open:
            with opened:
                _choose(bundle, image_id, own=own, locked=locked)


def _choose(bundle: "Bundle", image_id: str, *, own: bool, locked: bool) -> None:
    """Offer the tags of one image, a new one, and the way back."""
    known = names(bundle)
    has = [tag for tag in known if image_id in bundle.notes.tags[tag]]
    if own or locked:
        listed = ", ".join(map(literal, has)) or "none"
        st.markdown(NOT_KEPT if own else f"Tags of `{image_id}`: {listed}. {READ_ONLY}")
    else:
        if known:
            st.pills(
                f"Tags of {image_id}", known, selection_mode="multi", wrap=True,
                format_func=literal,
                **state.shown(f"tags of {image_id}", has,
                              lambda chosen: change(_set, bundle, image_id, has, chosen)),
            )  # fmt: skip
        with st.form("new tag", border=False, clear_on_submit=True):
            name = st.text_input(f"New tag for {image_id}", max_chars=LONGEST)
            if st.form_submit_button("Add the tag"):
                change(_toggle, bundle, name, image_id, True)
                _rerun_if_changed(bundle)
        undo(bundle, "undo in the bar")
    st.page_link(PAGES["latent_map"], label="All tags, on the map", icon=":material/scatter_plot:")


def undo(bundle: "Bundle", key: str) -> None:
    """Offer to undo the last change of the notes."""
    from xai_core.bundle.tags import undo_notes

    if (last := bundle.notes.last_change) is not None:
        st.button(
            f"Undo: {literal(last.words)}", key=key, icon=":material/undo:", type="tertiary",
            on_click=change, args=(undo_notes, bundle, last.key),
        )  # fmt: skip


def _rerun_if_changed(bundle: "Bundle") -> None:
    if bundles.bundle(bundle.path).notes != bundle.notes:
        st.rerun()


def _toggle(bundle: "Bundle", tag: str, image_id: str, there: bool) -> None:
    from xai_core.bundle.tags import tag_images, untag_images

    (tag_images if there else untag_images)(bundle, tag, [image_id])


def _set(bundle: "Bundle", image_id: str, has: list[str], chosen: list[str]) -> None:
    """Apply what the visitor changed, and nothing that others changed meanwhile."""
    for tag in {*has} ^ {*chosen}:
        _toggle(bundle, tag, image_id, tag in chosen)
