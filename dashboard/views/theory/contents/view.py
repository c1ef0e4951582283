"""Theory: where each statement of the source documents stands."""

import streamlit as st

from dashboard.ui.frame import layout
from dashboard.views.theory.contents import panels

layout.page(
    "Contents",
    "Which page explains which equation? Choose a source document: its statements, and the order "
    "in which to read the pages.",
)
point = st.container()
document = panels.chosen()
with point:
    layout.claim(panels.finding(document))

layout.section("A reading order", "The pages in the order in which this document needs them.")
panels.order(document)

layout.section(
    "Where each statement stands",
    "Section, equation or slide of the document, its statement, and the page that covers it. "
    "“D-1.3” is the third line of the derivation D-1, under “Derived, line by line” on that page.",
)
panels.statements(document)

layout.section(
    "Read with care",
    "The errata of the document, each with its correction and a line to remember.",
    "Most are typos. Those that change a conclusion are shown first; a source "
    "that gives so much to check is a good source to learn from.",
)
panels.errata(document)
