"""Find an image by its id."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import messages

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def by_id(bundle: "Bundle", key: str, then: Callable[[str], None] = lambda found: None) -> None:
    """Select the image whose id is typed; list the valid ids if there is no such image.

    Args:
        bundle: The bundle to search.
        key: Unique over the pages.
        then: Called with the id before the page runs again.
    """

    def go(text: str) -> None:
        if bundles.row_of(bundle, text.strip()) is not None:
            state.select_image(text.strip())
            then(text.strip())

    typed = st.text_input("Find by id", placeholder="test:123", **state.act(key, go))
    if typed and bundles.row_of(bundle, typed.strip()) is None:
        ends = bundle.index.groupby("split", sort=False)["id"].agg(["first", "last"])
        valid = " and ".join(f"`{a}` to `{b}`" for a, b in ends.itertuples(index=False))
        st.caption(f"No image {messages.code(typed[:40])}. There are {valid}.")
