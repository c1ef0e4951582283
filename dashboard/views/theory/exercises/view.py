"""Theory: the exercise sheet, a prediction first, and all answers as one file."""

from dashboard import state
from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.exercises import answers, sheet

bundle = layout.page(
    "Exercises",
    "Each statement of the exercise sheet is shown first; predict what its numbers will say, then "
    "see them, and step through the solution line by line. The answers to the questions of all "
    "Theory pages are collected below, as one file for a teacher.",
    "decode",
)
image_id = state.selected_id()
answers.keep()

layout.section(
    "An exercise",
    "The statement, a prediction, both sides in numbers, and the solution on demand.",
    "An answer can be changed at any time; the numbers appear with the first one. log P(X) is "
    "estimated from the same codes as everything else, so choose the one-dimensional model for an "
    "independent check: there everything is exact. Averages over the same codes stand for "
    "expectations, so equalities hold to rounding.",
)
sheet.show(bundle, image_id)

layout.section(
    "Your answers",
    "The questions of every Theory page, with the answers given so far.",
    "The link of this page holds all answers: whoever opens it sees this table. A question whose "
    "answer depends on the numbers of its page is checked when that page is open.",
)
answers.show(bundle)

next_pages.offer_neighbours("theory_exercises")
