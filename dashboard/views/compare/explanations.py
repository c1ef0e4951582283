"""The selected image's heatmap and counterfactual in two bundles."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import attributions, counterfactuals, outputs
from dashboard.ui import download, explained, messages, naming
from dashboard.ui.frame import layout
from dashboard.ui.side_by_side.change import one_change
from dashboard.ui.side_by_side.heatmap import CLIP, one_heatmap, unit
from dashboard.views.compare.settings import Pair
from xai_core.plots import image_sheet, sprites, theme


def heatmaps(pair: Pair, image_id: str) -> None:
    """Show the map of one method in both, each for the class that its model predicts."""
    layout.section(
        "Its heatmap in each",
        "Which pixels made each of them decide, on one colour scale.",
        "Each map is for the class that its own model predicts, of the output that is chosen in "
        "the bar above. The colours end at the 99th percentile of both maps.",
    )
    output = _shared_output(pair)
    if not output:
        return
    methods = [m for m in attributions.methods(pair.first, output)
               if m in attributions.methods(pair.second, output)]  # fmt: skip
    method = st.selectbox(
        "Method", methods, format_func=attributions.title, width=210,
        **state.bind("compare method", methods[0], methods, link="method"),
    )  # fmt: skip
    found = [attributions.maps(bundle, (image_id,), method, output) for bundle in pair.both]
    values = np.concatenate([one.values for one in found])
    limit = image_sheet.shared_limit([values], CLIP)
    for bundle, one, box in zip(pair.both, found, st.columns(2, gap="medium"), strict=True):
        names = naming.class_names(bundle, output, _count(pair, output))
        with box:
            one_heatmap(
                bundle, image_id, one.values[0], title=messages.literal(bundle.name),
                what=names[int(one.targets[0])], method=method,
                unit=unit(outputs.explained(bundle, output), method), limit=limit,
            )  # fmt: skip
    pixels = theme.colourise(values, theme.diverging(state.dark()), limit)
    sheet = sprites.sheet(pixels, columns=2, gap=2, fill=255)
    download.picture(pair.first, sheet, name="heatmaps in both", image=image_id, method=method,
                     explained=output, limit=limit, **pair.about)  # fmt: skip


def changes(pair: Pair, image_id: str) -> None:
    """Show the counterfactual for one target in both, by the default search."""
    layout.section(
        "Its counterfactual in each",
        "How the image would have to change for each of them to see another class.",
        "The same search for the class of the same name in both. L1 is the ink changed, summed "
        "over pixels.",
    )
    output = _shared_output(pair)
    if not output:
        return
    names = [naming.class_names(bundle, output, _count(pair, output)) for bundle in pair.both]
    order = naming.class_order(pair.first, output, len(names[0]))
    shared = [names[0][c] for c in order if names[0][c] in names[1]]
    probs = [counterfactuals.decided(bundle, image_id, output) for bundle in pair.both]
    here = {one[int(p.argmax())] for one, p in zip(names, probs, strict=True)}
    targets = [name for name in shared if name not in here]
    if not targets:
        st.caption("No other class has the same name in both.")
        return
    nearest = max(targets, key=lambda name: float(probs[0][names[0].index(name)]))
    target = st.selectbox(
        "Turn it into", targets, width=210, format_func=messages.literal,
        **state.bind("compare target", nearest, targets, link="target"),
    )  # fmt: skip
    rows = []
    for bundle, known, box in zip(pair.both, names, st.columns(2, gap="medium"), strict=True):
        with box, messages.errors_as_text():
            rows.append(
                one_change(
                    bundle, image_id, output, "default", known.index(target),
                    title=messages.literal(bundle.name),
                )
            )  # fmt: skip
    table = pd.DataFrame([row for row in rows if row])
    download.table(pair.first, table, name="counterfactuals in both", image=image_id, to=target,
                   explained=output, **pair.about)  # fmt: skip


def _shared_output(pair: Pair) -> str:
    """Return the explained output if both have it with as many classes; else say so."""
    output = explained.chosen(pair.first)
    if output and output in explained.choices(pair.second):
        if _count(pair, output) == outputs.classes(pair.second, output).count(pair.second):
            return output
    messages.note("The two do not explain the same output. Choose the other one in the bar above.")
    return ""


def _count(pair: Pair, output: str) -> int:
    return outputs.classes(pair.first, output).count(pair.first)
