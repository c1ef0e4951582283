"""What the page needs: a model with two latents."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import messages, next_pages

if TYPE_CHECKING:
    from xai_core.bundle.manifest import Manifest
    from xai_core.bundle.reading import Bundle


def ask_for_two_latents(bundle: "Bundle") -> None:
    """Stop the page unless the model has two latents, and offer those that have."""
    latents = bundle.model.config.latent_dim
    if latents == 2:
        return
    found = bundles.summaries()
    flat = [name for name in bundles.whole(found) if _latents(found[name].manifest) == 2]
    title = f"{messages.code(bundle.name)} has {latents:,} latents"
    if not flat:
        messages.empty(
            title,
            "A plane shows two, and there is no model with two latents here. This command trains "
            "one in a quarter of an hour.",
            "xai train --preset plane --data mnist --out checkpoints/mnist-2d",
        )
    with st.container(border=True):
        st.markdown(f"#### {title}\n\nA plane shows two. These models have two latents:")
        for name in flat:
            st.button(
                f"Look at {messages.code(name)}", type="primary", key=f"open {name}",
                on_click=state.select_bundle, args=(name,),
            )  # fmt: skip
    next_pages.offer_neighbours("theory_plane")
    st.stop()


def _latents(manifest: "Manifest | None") -> int | None:
    """Return d, read from the manifest, without opening the bundle."""
    return None if manifest is None else manifest.configs.get("model", {}).get("latent_dim")
