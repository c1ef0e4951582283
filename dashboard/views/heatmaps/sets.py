"""The report's figures 2 and 3: input, reconstruction and heatmap, for train and for test."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import attributions, bundles, image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.views.heatmaps.settings import Request, show_warnings
from xai_core.evaluation import exemplars
from xai_core.plots import image_sheet
from xai_core.plots.image_sheet import Row

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPLITS = {"train": "Figure 2. Training set", "test": "Figure 3. Test set"}
COUNT, WIDTH = 9, 620
"""Images of a set, and the width of a figure that stands beside another."""


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Draw both sets on one scale per method, with buttons that save them."""
    shown = state.selected_id()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        hows = list(exemplars.HOWS)
        how = st.selectbox(
            "Images", hows, width=170, **state.bind("heat nine", hows[0], hows, link="nine")
        )
        methods = st.multiselect(
            "Methods", request.methods, format_func=attributions.title, width=340,
            **state.bind("heat methods", request.methods[:1], request.methods, link="rows"),
        )  # fmt: skip
        percents = (0, 100, 10)
        through = st.slider(
            "Input overlay", *percents[:2], step=percents[2], format="%d %%", width=200,
            **state.bind("heat through", 0, link="through", span=percents),
        )  # fmt: skip
        seed = state.keep("heat seed", 0, link="draw", span=state.SEEDS)
        st.button("Shuffle", icon=":material/shuffle:", key="heat draw",
                  on_click=state.put_setting, args=("heat seed", seed + 1))  # fmt: skip
    chosen = {split: _choose(bundle, split, how, seed) for split in SPLITS}
    ids = {split: found for split, found in chosen.items() if found}
    rows = _rows(bundle, request, ids, tuple(methods))
    for column, split in zip(st.columns(2, gap="medium"), rows, strict=False):
        with column:
            only = methods[0] if len(methods) == 1 else None
            _sheet(bundle, request, split, ids[split], rows[split], only, through / 100)
            show_warnings(
                *(attributions.maps(bundle, ids[split], name, request.output) for name in methods)
            )
    scale = "One colour scale" if len(methods) < 2 else "One colour scale per method"
    above = "it is" if request.names else "its cluster is"
    st.caption(
        f"Shown: {exemplars.HOWS[how]}, explained for {request.words}; {above} written above "
        f"each image. {scale}, the same for both sets."
    )
    state.rerun_if_moved(shown)


def _choose(bundle: "Bundle", split: str, how: exemplars.How, seed: int) -> tuple[str, ...]:
    """Choose images of a split; with one per cluster, in the order of the clusters' names."""
    rows = exemplars.choose_for_split(bundle.index, split, how, count=COUNT, seed=seed)
    if how == "One a cluster":
        place = np.argsort(naming.cluster_order(bundle))
        rows = rows[np.argsort(place[bundle.index["cluster"].to_numpy()[rows]])]
    return tuple(str(i) for i in bundles.rows(bundle)[rows])


def _rows(
    bundle: "Bundle",
    request: Request,
    ids: dict[str, tuple[str, ...]],
    methods: tuple[str, ...],
) -> dict[str, list[Row]]:
    ink = {s: image_data.images(bundle, i) / np.float32(255) for s, i in ids.items()}
    rows = {s: [Row(name="input", values=ink[s], kind="ink")] for s in ids}
    for s, i in ids.items() if "decode" in bundle.model.parts else ():
        drawn = image_data.reconstructions(bundle, i)
        rows[s].append(Row(name="output", values=drawn, kind="ink"))
    for method in methods:
        maps = {s: attributions.maps(bundle, i, method, request.output) for s, i in ids.items()}
        limit = image_sheet.shared_limit([found.values for found in maps.values()])
        for s, found in maps.items():
            name = attributions.title(method).lower()
            rows[s].append(Row(name=name, values=found.values, limit=limit, under=ink[s]))
    return rows


def _sheet(
    bundle: "Bundle",
    request: Request,
    split: str,
    ids: tuple[str, ...],
    rows: list[Row],
    method: str | None,
    through: float,
) -> None:
    names, unit = _decisions(bundle, request, ids), request.unit(method) if method else ""
    sheet = image_sheet.compose(rows, names, state.dark(), through=through)
    about = {
        "images": " ".join(ids),
        "rows": ", ".join(sheet.rows),
        "explained": request.output,
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{SPLITS[split]}**")
        download.picture(bundle, sheet.pixels, name=f"heatmaps {split}", **about)
        download.for_print(bundle, rows, names, title=SPLITS[split], unit=unit,
                           name=f"heatmaps {split}", **about)  # fmt: skip
        st.selectbox(
            "Look into one below", ids, index=None, placeholder="Look into one below", width=210,
            label_visibility="collapsed", **state.act(f"heat open {split}", _open),
        )  # fmt: skip
    words = f"{SPLITS[split]}: {', '.join(sheet.rows)} of {len(ids)} images"
    figure = image_sheet.drawing(sheet, state.dark(), unit=unit, width=WIDTH)
    drawing(figure, key=f"heatmaps-{split}", alt=words)


def _open(image_id: str | None) -> None:
    if image_id:
        state.select_image(image_id)


def _decisions(bundle: "Bundle", request: Request, ids: tuple[str, ...]) -> list[str]:
    """Return the names of the columns: the explained class if there is one, else the cluster."""
    classes = request.explained.classes
    column = "cluster" if classes is None else classes.column
    found = bundle.index[column].take(bundles.rows_of(bundle, ids))
    names = request.names or naming.cluster_names(bundle)
    return [names[c] for c in found]
