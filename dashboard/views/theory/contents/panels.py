"""Links from each statement of a source document to its page, and the document's errata."""

import streamlit as st

from dashboard import state
from dashboard.links import LISTED
from dashboard.ui import messages
from xai_core.theory import sources

DOCUMENTS = {
    "report": "the project's report on the bound, two latents and the final model",
    "exercise sheet": "the solved exercises on the bound and the manifold",
    "slides": "the lecture on latent variable models",
    "note": "the note that derives the bound by Bayes' rule",
}
"""Source documents and what each one is."""
ORDER = {
    "slides": (
        "theory_hidden", "theory_mixtures", "theory_inequalities", "theory_probe",
        "theory", "theory_linear_vae", "theory_plane",
    ),
    "report": ("theory", "theory_factorisations", "theory_mixtures", "theory_collapse"),
    "exercise sheet": ("theory", "theory_manifold", "theory_exercises"),
    "note": ("theory",),
}  # fmt: skip
"""Pages in the order of each document."""


def chosen() -> str:
    """Ask for a document."""
    return str(
        st.segmented_control(
            "Document", list(DOCUMENTS), required=True,
            **state.bind("source document", "report", list(DOCUMENTS), link="document"),
        )
    )  # fmt: skip


def finding(document: str) -> str:
    """Say how many of a document's statements have a page."""
    here = [each for each in sources.statements() if each.document == document]
    found = sum(each.page in LISTED for each in here)
    return f"**{found}** of {len(here)} statements of {DOCUMENTS[document]} have a page"


def order(document: str) -> None:
    """Link to the pages in the document's order."""
    with st.container(horizontal=True):
        for name in ORDER[document]:
            page = LISTED[name]
            st.page_link(page.script, label=page.title, icon=page.icon)


def statements(document: str) -> None:
    """Tabulate the document's statements and their pages."""
    titles = {name: page.title for name, page in LISTED.items()}
    rows = [
        {
            "where": each.place,
            "statement": each.statement,
            "page": titles.get(each.page, "not on a page yet"),
            "line": each.said if each.said.startswith("D-") else "",
        }
        for each in sources.statements()
        if each.document == document
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={"statement": st.column_config.TextColumn(width="large")},
    )


def errata(document: str) -> None:
    """Show each erratum of the document with its correction."""
    serious = st.toggle("Only those that change a conclusion", **state.bind(
        "serious errata", True, link="serious"
    ))  # fmt: skip
    here = [each for each in sources.errata() if each.document == document]
    shown = [each for each in here if each.serious or not serious]
    for each in shown:
        says, holds, advice = map(messages.literal, (each.says, each.holds, each.advice))
        what = f"  \n*What holds:* {holds}" if holds else ""
        st.markdown(f"**{advice}**  \n*It says:* {says}{what}")
    st.caption(f"{len(shown)} shown of {len(here)}.")
