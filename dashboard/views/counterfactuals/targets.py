"""One image turned into every other class; a click chooses the target."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.ui import download
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import METHODS, Request, set_target
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change
from xai_core.plots.image_sheet import Row
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "The probability of the target is at least 99 % in each picture that does not say *not "
    "reached*. Compare what the pictures keep of the input with what they change. The ink is that "
    "of the change that was found; a smaller one may exist."
)


def show(bundle: "Bundle", request: Request) -> None:
    """Show one counterfactual per target, each a button, with the ink that it changes."""
    found = loader.changes(
        bundle, request.image_id, request.output, request.method, request.ascent
    )
    names = [request.names[t] for t in found.targets]
    listed = sorted(range(len(names)), key=lambda k: request.order.index(found.targets[k]))
    targets = [found.targets[k] for k in listed]
    image_grid(
        found.counterfactuals[listed],
        alt=[
            f"turned into {names[k]}, probability {percent(found.probs[k][found.targets[k]])}, "
            f"{found.l1[k]:.0f} pixels' worth of ink"
            for k in listed
        ],
        key="targets",
        captions=[
            f"{names[k]}\n{f'{found.l1[k]:.0f} px' if found.converged[k] else 'not reached'}"
            for k in listed
        ],
        ids=[f"to {t}" for t in targets],
        colours=[request.colours[t] for t in targets],
        selected=f"to {request.target}",
        scale=3,
        on_pick=set_target,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{len(names)} searches at once by *{METHODS[request.method][0].lower()}*: "
            f"{1000 * found.seconds:.0f} ms. Below each image: the target, and the ink that is "
            f"changed, in full pixels. {change.why_not(found.reasons)}"
        )
        about = request.about | {"to": "all"}
        download.table(bundle, _table(found, names), name="all targets", **about)
        sheet = sprites.sheet(found.counterfactuals[listed], columns=len(names), gap=1)
        download.picture(bundle, sheet, name="all targets", **about)
        row = Row(name="counterfactual", values=found.counterfactuals[listed], kind="ink")
        download.for_print(bundle, [row], [names[k] for k in listed], name="all targets",
                           title="Turned into every class", unit="", **about)  # fmt: skip


def _table(found: loader.Changes, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "target": names,
            "probability": [p[t] for p, t in zip(found.probs, found.targets, strict=True)],
            "l1": found.l1,
            "converged": found.converged,
            "reason": found.reasons,
        }
    )
