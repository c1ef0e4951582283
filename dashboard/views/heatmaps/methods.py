"""The selected image large under one method, with every method around it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import attributions, image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.chart import chart
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.heatmaps import loader
from dashboard.views.heatmaps.settings import Question, show_warnings
from xai_core.plots import image_sheet, sprites, theme
from xai_core.plots.image_sheet import Row
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

PREDICTED, USUAL = -1, "usual"


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", asked: Question, image_id: str) -> None:
    """Draw one map large, and all maps as buttons."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        target = _target(asked)
        method = state.keep("heat method", asked.methods[0], asked.methods, link="method")
        baseline = _baseline(method)
        side = min(image_data.images(bundle, [image_id]).shape[-2:])
        controls = _controls(method, side)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _large(bundle, asked, image_id, method, target, baseline, controls)
    with right:
        _around(bundle, asked, image_id, method, target)


def _target(asked: Question) -> int | None:
    if not asked.names:
        return None
    classes = [PREDICTED, *range(len(asked.names))]
    chosen = st.selectbox(
        "For the class", classes, width=170,
        format_func=lambda c: "the predicted one" if c == PREDICTED else asked.names[c],
        **state.bind("heat target", PREDICTED, classes, link="for"),
    )  # fmt: skip
    return None if chosen == PREDICTED else chosen


def _baseline(method: str) -> str | None:
    titles = attributions.baselines(method)
    if not titles:
        return None
    chosen = st.selectbox(
        "Measured from", [USUAL, *titles], width=220,
        format_func=lambda name: titles.get(name, "its usual baseline"),
        help="What stands for an image with nothing in it: black is the background here, so a "
        "black baseline says nothing of strokes that are absent.",
        **state.bind(f"heat baseline {method}", USUAL, [USUAL, *titles], link="base"),
    )  # fmt: skip
    return None if chosen == USUAL else chosen


def _controls(method: str, side: int) -> attributions.Controls:
    chosen = []
    for control in (found.at(side) for found in attributions.card(method).controls):
        value = st.slider(
            control.title, control.low, control.high, step=control.step, width=150,
            help=control.unit,
            **state.bind(f"heat {method} {control.name}", control.default),
        )  # fmt: skip
        if value != control.default:
            chosen.append((control.name, value))
    return tuple(chosen)


def _large(
    bundle: "Bundle",
    asked: Question,
    image_id: str,
    method: str,
    target: int | None,
    baseline: str | None,
    controls: attributions.Controls,
) -> None:
    card = attributions.card(method)
    found = attributions.maps(
        bundle, (image_id,), method, asked.output, target, baseline, controls
    )
    ink = image_data.images(bundle, [image_id]) / np.float32(255)
    through = state.setting("heat through", 0) / 100
    limit = image_sheet.shared_limit([found.values], 1.0)
    row = Row(name="", values=found.values, limit=limit, under=ink)
    sheet = image_sheet.compose([row], [""], state.dark(), through=through)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{card.title}**, {messages.literal(_for(asked, found))}")
        about = {"image": image_id, "explained": asked.output, "target": int(found.targets[0])}
        download.picture(bundle, sheet.pixels, name=f"{method} map", limit=limit, **about)
    figure = image_sheet.figure(sheet, state.dark(), unit=asked.unit(method), height=450)
    words = f"{card.title} of {naming.describe(bundle, image_id)}: {_sum(found)}"
    chart(figure, key="heat-large", alt=words)
    show_warnings(found)
    st.caption(f"{card.note} {_sum(found)} [{card.paper} ({card.year})]({card.url})")


def _for(asked: Question, found: attributions.Maps) -> str:
    return f"for {asked.names[int(found.targets[0])] if asked.names else asked.words}"


def _sum(found: attributions.Maps) -> str:
    text = f"The map sums to {signed(float(found.values.sum()), 2)}."
    if found.gap is not None:
        text += f" It misses {100 * float(found.gap[0]):.2g} % of the output's change."
    return text


def _around(
    bundle: "Bundle", asked: Question, image_id: str, method: str, target: int | None
) -> None:
    lut, pictures, gaps = theme.diverging(state.dark()), [], []
    for name in asked.methods:
        found = attributions.maps(bundle, (image_id,), name, asked.output, target)
        limit = image_sheet.shared_limit([found.values], 0.998)
        pictures.append(theme.colourise(found.values[0], lut, limit))
        gaps.append(found)
    titles = [attributions.title(name) for name in asked.methods]
    worth = loader.scores(bundle, image_id, asked.output, target)
    lines = titles if worth is None else [
        f"{title}\n+{more:.2f} \N{MINUS SIGN}{less:.2f}"
        for title, more, less in zip(titles, worth.insertion, worth.deletion, strict=True)
    ]  # fmt: skip
    image_grid(
        sprites.as_bytes(np.stack(pictures)),
        alt=[f"{title}: {_sum(found)}" for title, found in zip(titles, gaps, strict=True)],
        key="heat-around",
        captions=lines,
        ids=asked.methods,
        selected=method,
        scale=3,
        on_pick=_pick,
    )
    with st.container(horizontal=True):
        about = {"image": image_id, "explained": asked.output, "target": int(gaps[0].targets[0])}
        table = pd.DataFrame({"method": asked.methods, "sum": [g.values.sum() for g in gaps]})
        if worth is not None:
            table = table.assign(**worth._asdict())
        download.table(bundle, table, name="heatmap scores", **about)
        sheet = sprites.sheet(np.stack(pictures), columns=6, gap=2, fill=255)
        download.picture(bundle, sheet, name="every method", **about)
    meaning = "" if worth is None else (
        " **+** area under the probability while pixels are shown in the map's order (insertion, "
        "high is good), **\N{MINUS SIGN}** while they are taken away (deletion, low is good)."
    )  # fmt: skip
    st.caption("Each on a scale of its own, at its defaults. Click one to see it large." + meaning)


def _pick(method: str) -> None:
    state.put_setting("heat method", method)
