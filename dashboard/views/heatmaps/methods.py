"""The selected image under one method, enlarged; then every method with its scores."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import attributions, counterfactuals, image_data, outputs
from dashboard.ui import download, explained, messages, naming
from dashboard.ui.components import image_grid
from dashboard.ui.components.drawing import drawing
from dashboard.ui.frame import layout
from dashboard.views.heatmaps import beside, loader
from dashboard.views.heatmaps.settings import Request, show_warnings
from xai_core.plots import faithfulness, image_sheet, pixel_map, probabilities, sprites, theme
from xai_core.plots.probabilities import percent, share
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from xai_core.bundle.reading import Bundle

PREDICTED, USUAL = -1, "usual"
CLIP = 0.99
"""Quantile of the absolute values at which the colours of the large map end."""
HALF = 127
"""Grey level above which a pixel counts as ink."""
HOW_TO_READ = (
    "Methods answer different questions, so different maps need not contradict: a *slope* says "
    "where a little ink would matter, a *share* how much of the output each pixel brought, a "
    "*mask* which pixels suffice. *Random* and *Edges* are controls, which ignore the model: a "
    "map that looks like those is no evidence of what the model does. A dot is the insertion "
    "area minus the deletion area; a method left of a control orders the pixels of this image "
    "no better than a map that ignores the model."
)
FAMILIES = {
    "mask": "Learned",
    "gradient": "Gradients",
    "perturbation": "Removing pixels",
    "baseline": "Controls",
}
"""The methods' families, in the order in which they are listed."""


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request, image_id: str, point: "DeltaGenerator") -> None:
    """Draw the image, one enlarged map and the decision; then all methods with their scores.

    Args:
        bundle: The bundle shown.
        request: What is explained.
        image_id: The image.
        point: Where the page's claim goes, an empty place above the settings.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        method = _method(request)
        target = _target(request)
        baseline = _baseline(method)
        side = min(image_data.images(bundle, [image_id]).shape[-2:])
        controls = _controls(method, side)
    left, middle, right = st.columns([4, 6, 5], gap="large")
    with left:
        ink = image_data.images(bundle, [image_id])[0]
        st.markdown("**Input**")
        described = naming.describe(bundle, image_id)
        image_grid.picture(ink, alt=f"Input, {described}", key="heat-input")
        card = attributions.card(method)
        st.caption(f"{card.note} [{card.paper} ({card.year})]({card.url})")
    with middle:
        found = _large(bundle, request, image_id, method, target, baseline, controls)
    with point.container():
        drawn = None if bundle.spec.look == "natural" else ink
        layout.claim(_finding(request, found, drawn), explained.means(bundle, request.output))
    with right:
        _decision(bundle, request, image_id)
    beside.show(bundle, request, image_id, beside.Asked(method, target, baseline, controls))
    layout.section(
        "Which map to believe",
        f"{len(request.methods_of_model)} methods on this image, and beside them controls, which "
        "ignore the model. Click one to see it large.",
        HOW_TO_READ,
    )
    _around(bundle, request, image_id, method, target)


def _method(request: Request) -> str:
    """Let the visitor choose the method that is drawn large, listed by family."""
    families = list(FAMILIES)
    listed = sorted(request.methods, key=lambda m: families.index(attributions.card(m).kind))
    return st.selectbox(
        "Method", listed, width=300,
        format_func=lambda m: f"{FAMILIES[attributions.card(m).kind]}: {attributions.title(m)}",
        **state.bind("heat method", request.methods[0], request.methods, link="method"),
    )  # fmt: skip


def _decision(bundle: "Bundle", request: Request, image_id: str) -> None:
    """Show the probabilities that the explained model gives the image."""
    if not request.names:
        st.markdown("**What is explained**")
        st.markdown(f"{request.words[:1].upper()}{request.words[1:]}.")
        return
    probs = counterfactuals.decided(bundle, image_id, request.output)
    best = int(probs.argmax())
    symbol = outputs.classes(bundle, request.output).symbol
    described = messages.literal(naming.called(bundle, request.output, request.names[best]))
    st.markdown(f"**The decision**: {described}, {percent(probs[best])}")
    drawing(
        probabilities.bar_chart(
            probs, request.names, order=request.order, symbol=f"{symbol}(class|x)"
        ),
        key="heat-decision",
        alt=f"Probabilities of every class; {described} is the highest",
    )


def _target(request: Request) -> int | None:
    if not request.names:
        return None
    classes = [PREDICTED, *request.order]
    chosen = st.selectbox(
        "For the class", classes, width=170,
        format_func=lambda c: "the predicted one" if c == PREDICTED else request.names[c],
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
        help="An image that represents the absence of content. Black is the background here, so a "
        "black baseline cannot attribute anything to absent strokes.",
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
    request: Request,
    image_id: str,
    method: str,
    target: int | None,
    baseline: str | None,
    controls: attributions.Controls,
) -> attributions.Maps:
    card = attributions.card(method)
    found = attributions.maps(
        bundle, (image_id,), method, request.output, target, baseline, controls
    )
    values, dark = found.values[0], state.dark()
    limit = image_sheet.shared_limit([values], CLIP)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{card.title}**, {messages.literal(_for(request, found))}")
        about = {"image": image_id, "explained": request.output, "target": int(found.targets[0])}
        pixels = theme.colourise(values, theme.diverging(dark), limit)
        download.picture(bundle, pixels, name=f"{method} map", limit=limit, **about)
        download.for_print(
            bundle, _printed(bundle, image_id, card.title, values, limit),
            [naming.display_name(image_id)], title=f"{card.title} {_for(request, found)}",
            unit=request.unit(method), name=f"{method} map", **about,
        )  # fmt: skip
    ink = sprites.levels(image_data.images(bundle, [image_id]) / np.float32(255))[0]
    unit = request.unit(method)
    figure = (
        pixel_map.mask_map(values, ink, dark, limit=limit, words=unit)
        if card.kind == "mask"
        else pixel_map.signed_map(values, dark, under=ink, limit=limit, words=unit)
    )
    words = f"{card.title} of {naming.describe(bundle, image_id)}: {_sum(found)}"
    drawing(figure, key="heat-large", alt=words)
    show_warnings(found)
    st.caption(f"{_sum(found)} Colours end at the 99th percentile; the line is the ink's contour.")
    return found


def _printed(
    bundle: "Bundle", image_id: str, title: str, values: NDArray[np.floating], limit: float
) -> list[image_sheet.Row]:
    """Return the rows of a printed figure: the image and its map."""
    ink = image_data.images(bundle, [image_id]) / np.float32(255)
    return [
        image_sheet.Row(name="input", values=ink, kind="ink"),
        image_sheet.Row(name=title.lower(), values=values[None], limit=limit),
    ]


def _finding(request: Request, found: attributions.Maps, ink: NDArray[np.uint8] | None) -> str:
    """Say how concentrated the map is and how much of it is on the ink, as Markdown."""
    values = found.values[0]
    drawn = np.zeros(values.shape, bool) if ink is None else ink > HALF
    pixels, on_ink = pixel_map.concentration(values, drawn)
    what = messages.literal(_for(request, found))
    half = f"Half of the map's weight {what} is on **{pixels} of {drawn.size}** pixels"
    if ink is None:
        return half
    area = share(drawn.mean())
    return f"{half}; **{share(on_ink)}** of all weight is on the ink, {area} of the area"


def _for(request: Request, found: attributions.Maps) -> str:
    return f"for {request.names[int(found.targets[0])] if request.names else request.words}"


def _sum(found: attributions.Maps) -> str:
    text = f"The map sums to {signed(float(found.values.sum()), 2)}."
    if found.gap is not None:
        text += f" It misses {100 * float(found.gap[0]):.2g} % of the output's change."
    return text


def _around(
    bundle: "Bundle", request: Request, image_id: str, method: str, target: int | None
) -> None:
    lut, pictures, gaps = theme.diverging(state.dark()), [], []
    for name in request.methods:
        found = attributions.maps(bundle, (image_id,), name, request.output, target)
        limit = image_sheet.shared_limit([found.values], 0.998)
        pictures.append(theme.colourise(found.values[0], lut, limit))
        gaps.append(found)
    worth = loader.scores(bundle, image_id, request.output, target)
    plot, maps = st.columns([2, 3], gap="large") if worth is not None else (None, st.container())
    if plot is not None and worth is not None:
        with plot:
            _dots(request, worth, method)
    with maps:
        _grid(bundle, request, image_id, method, gaps, np.stack(pictures), worth)


def _dots(request: Request, worth: loader.Scores, method: str) -> None:
    difference = dict(
        zip(request.methods, (worth.insertion - worth.deletion).tolist(), strict=True)
    )
    named = {name: attributions.title(name) for name in request.methods}
    best = max(
        (n for n in request.methods_of_model),
        key=difference.__getitem__,
        default=request.methods[0],
    )
    st.markdown(f"**{named[best]} orders the pixels of this image best**")
    figure = faithfulness.dots(difference, named, emphasised=method)
    drawing(figure, key="heat-dots", alt="Insertion minus deletion of every method and control")


def _grid(
    bundle: "Bundle",
    request: Request,
    image_id: str,
    method: str,
    gaps: list[attributions.Maps],
    pictures: NDArray[np.uint8],
    worth: loader.Scores | None,
) -> None:
    titles = [attributions.title(name) for name in request.methods]
    lines = titles if worth is None else [
        f"{title}\n+{more:.2f} \N{MINUS SIGN}{less:.2f}"
        for title, more, less in zip(titles, worth.insertion, worth.deletion, strict=True)
    ]  # fmt: skip
    image_grid.image_grid(
        pictures,
        alt=[f"{title}: {_sum(found)}" for title, found in zip(titles, gaps, strict=True)],
        key="heat-around",
        captions=lines,
        ids=request.methods,
        selected=method,
        scale=3,
        on_pick=_pick,
    )
    with st.container(horizontal=True):
        about = {
            "image": image_id,
            "explained": request.output,
            "target": int(gaps[0].targets[0]),
        }
        table = pd.DataFrame({"method": request.methods, "sum": [g.values.sum() for g in gaps]})
        if worth is not None:
            table = table.assign(**worth._asdict())
        download.table(bundle, table, name="heatmap scores", **about)
        sheet = sprites.sheet(pictures, columns=6, gap=2, fill=255)
        download.picture(bundle, sheet, name="every method", **about)
    meaning = "" if worth is None else (
        " **+** area under the probability while pixels are shown in the map's order (insertion, "
        "high is good), **\N{MINUS SIGN}** while they are removed (deletion, low is good)."
    )  # fmt: skip
    st.caption(
        "Each method at its default settings, on its own colour scale. Click one to enlarge it."
        + meaning
    )


def _pick(method: str) -> None:
    state.put_setting("heat method", method)
