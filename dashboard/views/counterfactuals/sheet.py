"""Every class turned into every class: a sheet that is computed row by row."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import cache, image_data
from dashboard.ui import download, messages
from dashboard.ui.components.labelled_sheet import labelled_sheet
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots import sprites
from xai_core.plots.counterfactual import change

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "A row is a real image, named at the left; a column is a target. Along a row, the "
    "handwriting should stay; down a column, each picture should show the same class."
)

TICK = 0.2
"""Seconds between rows, in which other visitors' requests are computed."""


def show(bundle: "Bundle", request: Request) -> None:
    """Show a button that computes the sheet, its progress, and the sheet."""
    wanted = state.keep("cf sheet", False, link="sheet")
    seed = state.keep("cf sheet seed", 0, span=state.SEEDS, link="sheetdraw")
    key = (cache.fingerprint(bundle), request.output, request.method, seed)
    done = state.setting("cf sheet done", {})
    if done.get("key") != key:
        state.put_setting("cf sheet done", done := {"key": key, "rows": 0})
    ids = loader.one_of_each(bundle, request.output, seed) if wanted else []
    close = "Close" if done["rows"] >= len(ids) else "Cancel"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            close if wanted else "Compute the sheet",
            icon=":material/close:" if wanted else ":material/grid_on:",
            on_click=state.put_setting, args=("cf sheet", not wanted),
        )  # fmt: skip
        st.button(
            "Shuffle", key="other images of the sheet", icon=":material/shuffle:",
            disabled=not wanted,
            on_click=state.put_setting, args=("cf sheet seed", seed + 1),
        )  # fmt: skip
    if not wanted:
        return
    if done["rows"] < len(ids):
        st.fragment(_compute, run_every=TICK)(bundle, request, ids, done)
    else:
        _sheet(bundle, request, ids)


@messages.errors_as_text()
def _compute(bundle: "Bundle", request: Request, ids: list[str | None], done: dict) -> None:
    """Compute one row and show the progress; rerun the page when all rows are done."""
    row = done["rows"]
    bar = st.empty()
    _say(bar, done, ids)
    if row < len(ids) and state.setting("cf sheet"):
        if ids[row] is not None:
            loader.changes(bundle, ids[row], request.output, request.method, request.ascent)
        done["rows"] = row + 1
    _say(bar, done, ids)
    if done["rows"] >= len(ids):
        st.rerun()


def _say(bar: "DeltaGenerator", done: dict, ids: list[str | None]) -> None:
    bar.progress(done["rows"] / len(ids), f"{done['rows']} of {len(ids)} rows. *Cancel* stops it.")


def _sheet(bundle: "Bundle", request: Request, ids: list[str | None]) -> None:
    count = len(ids)
    shape = image_data.shape(bundle)
    images, rows = np.zeros((count, count, *shape), np.float32), []
    for source, image_id in enumerate(ids):
        if image_id is None:
            continue
        images[source, source] = image_data.images(bundle, [image_id])[0] / np.float32(255)
        found = loader.changes(bundle, image_id, request.output, request.method, request.ascent)
        for target, picture, probs, l1, reached, reason in zip(
            found.targets, found.counterfactuals, found.probs, found.l1, found.converged,
            found.reasons, strict=True,
        ):  # fmt: skip
            images[source, target] = picture
            rows.append((image_id, request.names[source], request.names[target], probs[target],
                         l1, reached, reason))  # fmt: skip
    images = images[np.ix_(request.order, request.order)]
    columns = ["id", "from", "to", "probability", "l1", "converged", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    labelled_sheet(
        images,
        rows=[(request.names[c], ids[c] or "none") for c in request.order],
        columns=[request.names[c] for c in request.order],
        axis="turned into; on the diagonal: the real image",
        alt=f"{count} rows of {count} images: one real image per class, turned into every class",
    )
    why_not = change.why_not(table["reason"].tolist())
    method, reached = METHODS[request.method][0], int(table["converged"].sum())
    st.caption(
        f"{reached} of {len(table)} reached by *{method.lower()}*, ink changed "
        f"{table['l1'].mean():.0f} full pixels on average. {why_not}"
    )
    with st.container(horizontal=True):
        about = {"explained": request.output, "method": request.method}
        download.table(bundle, table, name="sheet", **about)
        sheet = sprites.sheet(images.reshape(-1, *shape), columns=count, gap=1)
        download.picture(bundle, sheet, name="sheet", **about)
