"""The answers given on all Theory pages, as a table and a file."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.links import LISTED
from dashboard.ui import download
from dashboard.views.theory import question
from dashboard.views.theory.questions import QUESTIONS
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

NONE, OPEN = "no answer", "open its page to check"


def keep() -> None:
    """Keep all answers in this page's link."""
    question.keep_all()


def show(bundle: "Bundle") -> None:
    """Tabulate the answers, offer them as one file, and link to the pages with open questions."""
    rows = [_row(key) for key in QUESTIONS]
    given = [row for row in rows if row["right"] != NONE]
    st.dataframe(
        rows, hide_index=True,
        column_config={"question": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    unchecked = sum(row["right"] == OPEN for row in rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        later = f" {unchecked} to be checked on their pages." if unchecked else ""
        st.caption(
            f"{len(given)} of {len(rows)} questions answered, "
            f"{sum(row['right'] == 'yes' for row in rows)} right.{later}"
        )
        student = st.text_input(
            "Your name, for the file", max_chars=80, width=240, **state.bind("student", "")
        ).strip()
        table = pd.DataFrame(rows)
        if student:
            table.insert(0, "student", student)
        download.table(bundle, table, "All answers for a teacher", name="answers")
    open_ = [key for key, row in zip(QUESTIONS, rows, strict=True) if row["right"] in (NONE, OPEN)]
    with st.container(horizontal=True):
        for name in dict.fromkeys(QUESTIONS[key].page for key in open_):
            if name != "theory_exercises":
                page = LISTED[name]
                st.page_link(page.script, label=page.title, icon=page.icon)


def _row(key: str) -> dict[str, str]:
    """Describe a question, the answer, whether it is right, and the model and image asked about.

    An answer from a link whose page has not been open is judged here if its judgement does not
    depend on the page's numbers.
    """
    asked, given, found = QUESTIONS[key], question.answer(key), question.checked(key)
    row = {"page": LISTED[asked.page].title, "question": asked.text, "answer": "", "right": NONE}
    if given is None:
        return {**row, "model": "", "image": ""}
    row["answer"] = asked.choices[int(given)] if asked.choices else f"{plain(given, 2)}"
    if found is not None:
        row["right"] = "yes" if found.is_right else "no"
        return {**row, "model": found.model, "image": found.image}
    if asked.right is None:
        return {**row, "right": OPEN, "model": "", "image": ""}
    row["right"] = "yes" if given == asked.right else "no"
    return {**row, "model": state.bundle_name(), "image": state.selected_id()}
