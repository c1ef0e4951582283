"""Faithfulness checks of each method on this model, measured on request."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import attributions
from dashboard.ui import download, health, messages
from dashboard.ui.components.drawing import drawing
from dashboard.views.heatmaps import loader
from dashboard.views.heatmaps.settings import Request
from xai_core.plots import faithfulness
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.faithfulness.summary import FaithfulnessSummary

COUNTS = (8, 32, 100)
REFERENCES = ("random", "edges")
"""Controls: maps that ignore the model."""


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show a button that measures, then the table, and the curves of the chosen method."""
    wanted = f"heat trust {bundle.name} {request.output}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.selectbox("Test images", COUNTS, width=120,
                             **state.bind("heat trust images", COUNTS[1], COUNTS))  # fmt: skip
        started = count in state.setting(wanted, ())
        st.button("Measure", icon=":material/fact_check:", disabled=started, key="heat measure",
                  on_click=state.put_setting,
                  args=(wanted, (*state.setting(wanted, ()), count)))  # fmt: skip
        bar = st.container()
    kept = None if started else loader.kept_trust(bundle, request.output)
    if not started and kept is None:
        st.caption(
            "Takes about half a second per image. Other visitors' clicks are served in between."
        )
        return
    place = bar.empty()
    found = kept or loader.trust(bundle, request.output, count, _progress(place))
    place.empty()
    titles = {name: attributions.title(name) for name in found.table["method"]}
    _checks(request, found, titles)
    _table(bundle, request, found, titles)
    _curves(bundle, request, found, titles)


def _progress(place: "DeltaGenerator") -> Callable[[str, int, int], None]:
    def show(method: str, number: int, methods: int) -> None:
        place.progress(
            number / methods, f"{attributions.title(method)}, {number + 1} of {methods}"
        )

    return show


def _checks(request: Request, found: "FaithfulnessSummary", titles: Mapping[str, str]) -> None:
    from xai_core.evaluation.faithfulness.trust_criteria import CHECKS

    st.markdown(f"**{finding(found.table, titles)}**")
    figure = faithfulness.checks(
        found.table, titles, CHECKS, emphasised=state.setting("heat method", request.methods[0])
    )
    words = f"Insertion minus deletion of each method over {found.images} images, and its checks"
    drawing(figure, key="heat-checks", alt=words)


def finding(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Say how many methods pass every check, and whether both in-fills agree on the best."""
    methods = table[~table["method"].isin(REFERENCES)]
    passed = int(methods["trusted"].sum())
    best = methods.loc[methods["merit"].idxmax(), "method"]
    other = methods.loc[methods["neutral_merit"].idxmax(), "method"]
    order = float(methods["merit"].rank().corr(methods["neutral_merit"].rank()))
    which = (
        f"{titles[best]} orders pixels best, whichever way removed pixels are filled"
        if best == other
        else f"{titles[best]} orders pixels best where the model fills removed pixels, "
        f"{titles[other]} where the mean image does"
    )
    agree = "" if math.isnan(order) else f" (rank correlation of both orders {plain(order)})"
    return f"{passed} of {len(methods)} methods pass every check. {which}{agree}."


def _table(
    bundle: "Bundle", request: Request, found: "FaithfulnessSummary", titles: Mapping[str, str]
) -> None:
    shown = faithfulness.words(found.table, titles)
    about = {
        title: st.column_config.TextColumn(help=text)
        for title, text in faithfulness.SCORES.values()
    }
    about["seconds"] = st.column_config.NumberColumn(format="%.1f", help="To measure all scores")
    about["verdict"] = st.column_config.TextColumn(width="medium")
    for some in (shown.columns[:6], shown.columns[[0, *range(6, shown.shape[1])]]):
        st.dataframe(shown[some], hide_index=True, column_config=about, height="content",
                     alt=f"{', '.join(some[1:])} of every method")  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Means over {found.images} images with 95 % bootstrap intervals. "
            f"{verdict(bundle, request, found, titles)}"
        )
        download.table(bundle, found.table, name="faithfulness", explained=request.output,
                       images=found.images)  # fmt: skip


def verdict(
    bundle: "Bundle", request: Request, found: "FaithfulnessSummary", titles: Mapping[str, str]
) -> str:
    """State which methods fail no check, and how informative that is."""
    if health.problems(bundle, *health.needs(bundle, request.output)):
        return (
            "The explained model has not learned its task, so passing these checks means nothing."
        )
    passed = set(found.table[found.table["trusted"]]["method"])
    methods = [name for name in found.table["method"] if name not in REFERENCES]
    named = [titles[name] for name in methods if name in passed]
    sentence = f"No check speaks against {len(named)} of {len(methods)} methods"
    sentence += f": {', '.join(named)}." if named else "."
    if len(named) == len(methods):
        sentence += " All methods pass, so these checks do not tell them apart."
    blind = [titles[name] for name in REFERENCES if name in passed]
    if blind:
        sentence += f" Controls, which ignore the model, fail no check either: {', '.join(blind)}."
    return sentence


def halfway(
    curves: Mapping[str, NDArray[np.floating]],
    shares: Sequence[float],
    titles: Mapping[str, str],
    kind: str,
    method: str,
) -> str:
    """Say how many pixels take a method and a random map half of the way."""
    verb = "shown" if kind == "insertion" else "taken away"

    def needed(name: str) -> str:
        curve = np.asarray(curves[name])
        half = (curve[0] + curve[-1]) / 2
        passed = curve >= half if kind == "insertion" else curve <= half
        return f"{100 * shares[int(passed.argmax())]:.0f} %"

    text = f"Half of the decision with {needed(method)} of the pixels {verb} by {titles[method]}"
    return f"{text}, {needed('random')} at random" if "random" in curves else text


def _curves(
    bundle: "Bundle", request: Request, found: "FaithfulnessSummary", titles: Mapping[str, str]
) -> None:
    method = state.setting("heat method", request.methods[0])
    method = method if method in titles else request.methods[0]
    sides = {"insertion": "pixels shown, most important first",
             "deletion": "pixels taken away, most important first"}  # fmt: skip
    curves = [
        {"method": name, "curve": kind, "share of pixels": share, "probability": float(value)}
        for kind in sides
        for name, values in getattr(found, kind).items()
        for share, value in zip(found.shares, values, strict=True)
    ]
    download.table(bundle, pd.DataFrame(curves), name="faithfulness curves",
                   explained=request.output, images=found.images)  # fmt: skip
    for column, (kind, axis) in zip(st.columns(2, gap="medium"), sides.items(), strict=True):
        with column:
            st.markdown(f"**{halfway(getattr(found, kind), found.shares, titles, kind, method)}**")
            figure = faithfulness.curves(
                getattr(found, kind), found.shares, titles,
                emphasised=method, axis=axis,
            )  # fmt: skip
            drawing(figure, key=f"heat-{kind}", alt=f"{kind} curves of every method")
