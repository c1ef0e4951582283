"""The pages and their order: the script that runs at each visit."""

import streamlit as st

from dashboard.links import LISTED
from dashboard.ui import messages
from dashboard.ui.frame import layout

st.set_page_config(page_title="Cluster VAE explorer", page_icon=layout.icon(), layout="wide")


def listed(name: str) -> st.Page:
    """Return the entry of a page in the navigation; its name is its address."""
    page, home = LISTED[name], name == "home"
    return st.Page(
        page.script,
        title=page.title,
        icon=page.icon,
        url_path=None if home else name,
        default=home,
    )


sections: dict[str, list[st.Page]] = {page.section: [] for page in LISTED.values()}
for name, entry in LISTED.items():
    sections[entry.section].append(listed(name))
page = st.navigation(sections, expanded=True)
with messages.errors_as_text():
    page.run()
layout.end()
