"""A derivation, line by line, with both sides evaluated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, naming
from dashboard.ui.frame import layout
from dashboard.views.theory import loader, stepper
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.derivations.line import Derivation, Line, Sides

DERIVED = {
    "theory": ("D-1", "D-8", "D-9", "D-10", "D-21"),
    "theory_factorisations": ("D-2", "D-3", "D-4", "D-5"),
    "theory_collapse": ("D-6", "D-7"),
    "theory_inequalities": ("D-11", "D-12"),
    "theory_mixtures": ("D-14", "D-13", "D-15", "D-23"),
    "theory_probe": ("D-16", "D-17", "D-18"),
    "theory_linear_vae": ("D-19", "D-20"),
    "theory_manifold": ("D-22",),
}
"""The derivations that a page offers, by the page's name."""
IMAGE, EXACT = "The selected image", "A one-dimensional model, exactly"
RELATIONS = {"=": "=", ">=": "≥", "<=": "≤"}
SMALL = 5e-4
"""Magnitude in nats below which a number is written with a power of ten."""


def section(bundle: "Bundle", image_id: str, page: str) -> None:
    """Show the section of a page that derives its formulas line by line."""
    layout.section(
        "Derived, line by line",
        "Each line with its reason and the values of both sides: step forwards and back.",
        "The number on the left of a relation is the line before, that on the right the new "
        "line; a tick says that the relation holds. Averages over the same "
        f"{loader.FEWEST_DRAWS:,} codes stand for expectations, so equalities hold to rounding. "
        "log p(x) is estimated from these codes too: for lines that contain p(z|x), the "
        "one-dimensional model is an independent check, since everything is exact there. "
        "Numbers in brackets are the source's; where a source prints something else, a note "
        "says so.",
    )
    chosen = _choice(page)
    sides, sentence = evaluated_sides(bundle, image_id, chosen, page)
    st.markdown(f"**{chosen.title}.** {_escaped(chosen.setting)}")
    st.caption(f"{chosen.source}. Evaluated on {sentence}.")
    lines(bundle, image_id, chosen, sides)


def evaluated_sides(
    bundle: "Bundle", image_id: str, chosen: "Derivation", page: str
) -> "tuple[list[Sides | None], str]":
    """Ask where a derivation is evaluated; return both sides of its lines, and the place."""
    where = _where(chosen, page)
    sides = loader.sides(bundle, image_id, chosen.key, exactly=where == EXACT)
    return sides, naming.marked(image_id) if where == IMAGE else "an example of its own"


def lines(
    bundle: "Bundle", image_id: str, chosen: "Derivation", sides: "list[Sides | None]"
) -> None:
    """Step through the lines of a derivation, each with its reason and both sides."""
    last = len(chosen.lines) - 1

    def draw(at: int) -> None:
        for number in range(at + 1):
            _line(chosen, number, sides[number], now=number == at)
        _save(bundle, chosen, sides, image_id)

    stepper.stepped(f"line of {chosen.key}", last, draw, of="Lines after the first", link="line")


def _choice(page: str) -> "Derivation":
    from xai_core.theory.derivations.catalogue import DERIVATIONS

    offered = [DERIVATIONS[key] for key in DERIVED[page]]
    if len(offered) == 1:
        return offered[0]
    titles = [derivation.title for derivation in offered]
    title = st.selectbox(
        "Derivation", titles, width=420,
        **state.bind(f"derivation of {page}", titles[0], titles, link="derivation"),
    )  # fmt: skip
    return offered[titles.index(title)]


def _where(chosen: "Derivation", page: str) -> str:
    """Let the visitor choose where a derivation is evaluated, if there is a choice."""
    from xai_core.theory.derivations import evaluated

    if chosen.key in evaluated.EXACT:
        return str(
            st.segmented_control(
                "Evaluated on", (IMAGE, EXACT), required=True,
                **state.bind(f"evaluated on {page}", IMAGE, (IMAGE, EXACT), link="on"),
            )
        )  # fmt: skip
    return EXACT if chosen.key in evaluated.EXAMPLES else IMAGE


def _line(chosen: "Derivation", number: int, sides: "Sides | None", *, now: bool) -> None:
    line = chosen.lines[number]
    with st.container(border=now, key=f"line-{chosen.key}-{number}"):
        left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
        left.latex(line.formula)
        with right:
            sentence = f"**{line.number}** " if line.number else ""
            st.markdown(f"{sentence}{_escaped(line.reason)}")
            if sides is not None:
                st.markdown(f"{_numbers(sides)} {chosen.unit}")
            if line.note:
                st.caption(f":material/edit_note: Beside the source: {_escaped(line.note)}")


def _numbers(sides: "Sides") -> str:
    right = _number(sides.right)
    if sides.left is None:
        return f"`{right}`"
    sign = ":green[:material/check:]" if sides.holds else ":red[:material/close:]"
    return f"`{_number(sides.left)} {RELATIONS[sides.relation]} {right}` {sign}"


def _number(value: float) -> str:
    if 0 < abs(value) < SMALL:
        return f"{value:.1e}".replace("-", "\N{MINUS SIGN}")
    return plain(value, 4)


def _escaped(text: str) -> str:
    """Escape signs in formulas that Markdown would interpret."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("~", "\\~").replace("$", "\\$")


def _save(
    bundle: "Bundle", chosen: "Derivation", sides: "Sequence[Sides | None]", image_id: str
) -> None:
    rows = [_row(line, both) for line, both in zip(chosen.lines, sides, strict=True)]
    with st.container(horizontal=True, vertical_alignment="center"):
        held = sum(both is not None and both.holds for both in sides)
        st.caption(f"{held} of {sum(both is not None for both in sides)} lines with numbers hold.")
        download.table(
            bundle, pd.DataFrame(rows), name=f"derivation {chosen.title}", image=image_id
        )


def _row(line: "Line", sides: "Sides | None") -> dict[str, object]:
    return {
        "number": line.number,
        "formula": line.formula,
        "reason": line.reason,
        "left": None if sides is None else sides.left,
        "relation": "" if sides is None else sides.relation,
        "right": None if sides is None else sides.right,
    }
