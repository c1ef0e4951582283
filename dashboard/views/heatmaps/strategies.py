"""Groups of a class's images that are decided in the same way, and possible shortcuts."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import attributions, image_data
from dashboard.services.bundles import rows as all_ids
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.views.heatmaps import loader, one_strategy
from dashboard.views.heatmaps.settings import Request
from xai_core.bundle.cluster_names import letters
from xai_core.evaluation.strategies.of_bundle import usual_method
from xai_core.plots import image_sheet
from xai_core.plots.image_sheet import Row
from xai_core.plots.strategies import heatmap_places

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    "Up to 500 train images that are decided as the class are grouped by their heatmaps alone: "
    "spectral clustering, whose number of groups follows from the gaps between eigenvalues and "
    "may be one. **On the map, neighbours were decided in the same way**; distances mean nothing. "
    "A group is a *possible shortcut* if, in half of its images, one small square off the object "
    "holds at least 15 % of the relevance. The object is the largest part that differs from the "
    "colour of the border, so nothing is found in images without a plain border. A flag is "
    "*confirmed* if changing nothing but this square changes at least 5 % more decisions than "
    "chance does. Several groups without a flag are different looks of the class, not a fault."
)


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show a button that groups the heatmaps of a class, then the groups."""
    if request.explained.classes is None:
        st.caption("What is explained above is one number. Strategies are those of one class.")
        return
    noun, usual = request.explained.classes.noun, usual_method(request.methods)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        target = st.selectbox(
            f"Decided as {noun}", request.order, format_func=request.names.__getitem__, width=170,
            **state.bind("heat strategy of", request.order[0], request.order, link="strategies"),
        )  # fmt: skip
        method = st.selectbox(
            "Method", request.methods_of_model, format_func=attributions.title, width=210,
            **state.bind("heat strategy by", usual, request.methods_of_model, link="strategyby"),
        )  # fmt: skip
        wanted, asked = f"heat strategies {bundle.name} {request.output}", (target, method)
        known = state.setting(wanted, ())
        st.button("Find strategies", icon=":material/workspaces:", disabled=asked in known,
                  key="heat strategies", on_click=state.put_setting,
                  args=(wanted, (*known, asked)))  # fmt: skip
    if asked not in known:
        st.caption("Takes a few seconds.")
        return
    found = loader.strategies(bundle, request.output, target, method)
    groups, ids = found.strategies.groups, all_ids(bundle)[found.rows]
    called = naming.called(bundle, request.output, request.names[target])
    st.markdown(f"**{one_strategy.finding(found, messages.literal(called))}**")
    names = [letters(number) for number in range(len(groups))]
    drawn = heatmap_places(found.places, found.strategies.of_image, names, [*map(str, ids)])
    means = np.stack([group.mean for group in groups])
    limit = image_sheet.shared_limit([means])
    typical = image_data.images(bundle, [str(ids[g.rows[0]]) for g in groups]) / np.float32(255)
    sheet = image_sheet.compose(
        [Row(name="typical image", values=typical, kind="ink"),
         Row(name="mean heatmap", values=means, limit=limit)], names, state.dark(),
    )  # fmt: skip
    left, right = st.columns([2, 3], gap="large")
    with left:
        drawing(drawn, key="heat-strategies", alt=f"Map of {len(ids)} heatmaps by strategy")
    with right:
        figure = image_sheet.drawing(sheet, state.dark(), unit="share of relevance", width=560)
        drawing(figure, key="heat-strategy-means", alt="Mean heatmap of each strategy")
    about = {"explained": request.output, "target": target, "method": method}
    download.table(bundle, found.table(bundle), name="strategies", **about)
    one_strategy.show(bundle, found, ids, request.names[target])
