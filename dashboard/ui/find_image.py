"""Find an image by its id, or by a text of the user's own columns."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import messages
from xai_core.latent_space.own_columns import own_columns

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def by_id(bundle: "Bundle", key: str, then: Callable[[str], None] = lambda found: None) -> None:
    """Select the first image that `bundles.search` finds; list the valid ids if it finds none.

    Args:
        bundle: The bundle to search.
        key: Unique over the pages.
        then: Called with the id before the page runs again.
    """

    def go(text: str) -> None:
        if found := bundles.search(bundle, text):
            state.select_image(found[0])
            then(found[0])

    has_texts = any(values.dtype.kind != "f" for _, values in own_columns(bundle.index).items())
    label = "Find by id or by your own columns" if has_texts else "Find by id"
    typed = st.text_input(label, placeholder="test:123", **state.act(key, go))
    found = bundles.search(bundle, typed) if typed else []
    if len(found) > 1:
        st.caption(f"{len(found):,} images; the first one is selected.")
    if typed and not found:
        ends = bundle.index.groupby("split", sort=False)["id"].agg(["first", "last"])
        valid = " and ".join(f"`{a}` to `{b}`" for a, b in ends.itertuples(index=False))
        st.caption(f"No image {messages.code(typed[:40])}. There are {valid}.")
