"""A name that people give to a cluster, kept in the file of notes beside the bundle."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.services.jobs import runs
from dashboard.ui import messages, naming
from xai_core.bundle import notes

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def ask(bundle: "Bundle", cluster: int) -> None:
    """Let the visitor name a cluster, or take its name back."""
    given = bundle.notes.cluster_names.get(cluster, "")
    with st.popover("Name this cluster", icon=":material/edit:"):
        if not runs.allowed():
            st.markdown(
                "All visitors see a cluster's name, so this server does not let them change it. "
                "`XAI_TRAINING=on` does, and `name_cluster` does in Python."
            )
            return
        with st.form(f"name of cluster {cluster}", border=False):
            name = st.text_input(
                f"Name of cluster {cluster}",
                given,
                max_chars=notes.LONGEST,
                placeholder=naming.cluster_names(bundle)[cluster],
                help="All pages, figures and reports call the cluster so. It is kept in "
                f"{messages.code(notes.notes_file(bundle.path).name)} beside the model.",
            )
            with st.container(horizontal=True, gap="small"):
                saved = st.form_submit_button("Save the name", type="primary")
                reset = bool(given) and st.form_submit_button("Use the automatic name")
        if saved or reset:
            with messages.errors_as_text():
                bundle.name_cluster(cluster, None if reset else name)
                st.rerun()
