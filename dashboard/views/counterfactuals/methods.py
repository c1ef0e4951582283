"""Counterfactuals of one image and target by every method, baselines too, with numbers."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals, outputs
from dashboard.ui import download, messages, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals.settings import METHODS, Request, set_method
from xai_core.plots.counterfactual import change
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "*Pixel ascent* changes pixels without the decoder: it is an adversarial example. Compare "
    "its second opinion, and its distance to the decoder's images under *What "
    "speaks for it*. *Nearest real image* is a real train image of the target class: compare its "
    "L1. "
    "Counterfactual and change side by side, warm for added ink, cold for removed."
)


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show each method's counterfactual and change, then its numbers."""
    found = [
        counterfactuals.change(bundle, *request._replace(method=method).searched)
        for method in METHODS
    ]
    table = _table(bundle, request, found)
    pictures, numbers = st.columns([2, 5], gap="medium", vertical_alignment="center")
    with pictures:
        _pictures(request, found)
    with numbers:
        _numbers(table)
        download.table(bundle, table, name="methods", **request.about | {"method": "all"})
    reasons = [
        f"*{title}* did not reach the target: {one.reason}."
        for (title, _), one in zip(METHODS.values(), found, strict=True)
        if not one.converged
    ]
    st.caption(" ".join(reasons) or "Every method reached the target.")


def _pictures(request: Request, found: list[counterfactuals.Change]) -> None:
    deltas = np.stack([one.counterfactual - one.image for one in found])
    grey = np.stack([one.counterfactual for one in found])
    images = change.with_change(grey, deltas, state.dark())
    titles = [title for title, _ in METHODS.values()]
    image_grid(
        images,
        alt=[f"{title}: counterfactual and change" for title in titles],
        key="methods",
        captions=titles,
        ids=list(METHODS),
        selected=request.method,
        scale=2,
        on_pick=_pick,
    )


def _pick(method: str) -> None:
    set_method(method)


def _table(
    bundle: "Bundle", request: Request, found: list[counterfactuals.Change]
) -> pd.DataFrame:
    second = [one.other for one in found]
    count = 0 if second[0] is None else len(second[0])
    other = outputs.second_opinion(bundle, request.output)
    names = naming.class_names(bundle, other, count) if other and count else []
    opinions = [
        "-" if o is None else f"{names[int(o.argmax())]} ({percent(o.max())})" for o in second
    ]
    return pd.DataFrame(
        {
            "method": [title for title, _ in METHODS.values()],
            "probability": [float(one.after[request.target]) for one in found],
            "second_opinion": opinions,
            "l1": [one.l1 for one in found],
            "l2": [one.l2 for one in found],
            "log_p_z": [float(one.density[-1]) for one in found],
            "converged": [one.converged for one in found],
            "gradient_steps": [one.steps for one in found],
            "milliseconds": [1000 * one.seconds for one in found],
        }
    )


def _numbers(table: pd.DataFrame) -> None:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    columns = {
        "method": text("method"),
        "probability": text("p(target)"),
        "second_opinion": text(
            "second opinion", help="The class given by the model that is not explained"
        ),
        "l1": number("L1", format="%.1f", help="Ink changed, in full pixels"),
        "l2": number("L2", format="%.2f"),
        "log_p_z": number("log p(z)", format="%.1f", help="Of its code, in nats"),
        "converged": st.column_config.CheckboxColumn("reached"),
        "gradient_steps": number("steps", help="Gradients taken"),
        "milliseconds": number("ms", format="%.0f"),
    }
    shown = table.assign(probability=table["probability"].map(percent))
    st.dataframe(shown, hide_index=True, column_config=columns, alt="Each method's numbers")
