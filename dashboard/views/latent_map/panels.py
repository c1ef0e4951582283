"""Around the map: its settings, the neighbours, the images inside the lasso, the table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import bundles, cache, image_data
from dashboard.ui import download, find_image, image_strip, messages, model_card, naming
from dashboard.ui.components.latent_map import legend
from dashboard.ui.components.latent_map.files import map_files
from dashboard.ui.frame import layout
from dashboard.views.latent_map import set_sizes, tag_colours, tag_list
from xai_core.latent_space.own_columns import own_columns
from xai_core.plots.latent_map import colouring, points

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

Shown = NDArray[np.bool_] | None
"""Mask of the images that the filters keep, in index order; None for all."""

TRUSTED = (
    (0.95, "Trust neighbours on this map {}, not distances between groups"),
    (0.85, "Mostly trust neighbours on this map {}, not distances between groups"),
    (0.0, "Trust neither neighbours on this map {} nor distances between groups"),
)
"""The least trustworthiness for each judgement, which holds a place for it."""
TRUST = (
    "*Trustworthiness* is how far neighbours on the map are neighbours in latent space, "
    "*continuity* how far neighbours in latent space stay so on the map. "
)
GRID_IMAGES, TABLE_ROWS, NUM_NEIGHBOURS = 60, 1000, 12
TABLE = ("id", "split", "label", "cluster", "confidence", "distortion", "elbo", "reconstruction")


def settings(bundle: "Bundle") -> tuple[colouring.Column, Shown]:
    """Let the visitor choose colours and filter the images, or find one by its id."""
    known = cache.cached_per_bundle(
        bundle, "colourings", lambda: colouring.available(bundle.index)
    )
    offered = [
        *known,
        *set_sizes.colourings(bundle),
        *tag_colours.colourings(bundle),
    ]
    columns = {c.name: c for c in offered}
    parts = ["all", *bundle.index["split"].unique()]
    clusters, named = naming.cluster_order(bundle), naming.cluster_names(bundle)
    names = list(columns)
    name = st.selectbox(
        "Colour by", names, format_func=lambda n: f"Colour: {columns[n].title}", width=220,
        label_visibility="collapsed",
        **state.bind("map colour", "cluster", names, link="colour"),
    )  # fmt: skip
    with st.popover("Filter and find", icon=":material/filter_alt:"):
        part = st.segmented_control(
            "Images", parts, required=True, format_func=str.title,
            **state.bind("map part", "all", parts, link="images"),
        )  # fmt: skip
        chosen = st.multiselect(
            "Clusters", clusters, placeholder="All",
            format_func=lambda c: messages.literal(named[c]),
            **state.bind("map clusters", [], clusters, link="clusters"),
        )  # fmt: skip
        find_image.by_id(bundle, "map find", lambda found: state.put_setting("map focus", found))
    shown = colouring.in_question(bundle.index, part, chosen)
    column = tag_colours.with_tags(bundle, set_sizes.with_sizes(bundle, columns[name]))
    return column, _both(shown, legend.left_in(bundle, column))


def nearest(bundle: "Bundle") -> tuple[str, ...]:
    """Return the ids of the images nearest to the selected one in latent space."""
    return tuple(image_data.neighbours(bundle, state.selected_id(), NUM_NEIGHBOURS)[0])


def neighbours(bundle: "Bundle") -> None:
    """Show the images nearest to the selected one in latent space."""
    ids, distances = image_data.neighbours(bundle, state.selected_id(), NUM_NEIGHBOURS)
    layout.section(
        "Nearest images",
        "The 12 images whose codes lie nearest to the selected one's, and how far they are.",
        "Distances are measured between codes in the full latent space, not on the map: one "
        "unit is one standard deviation of N(0, I). The map joins these images to the selected "
        "one by lines. A long line shows that the map has separated neighbours. Click an image "
        "to select it.",
    )
    captions = [f"{d:.2f}" for d in distances]
    image_strip.show(bundle, ids, key="neighbours", captions=captions)
    near = pd.DataFrame({"id": ids, "distance": distances})
    download.table(bundle, near, name="neighbours", image=state.selected_id())


def finding(bundle: "Bundle") -> str:
    """Say how far neighbours and distances on the map can be trusted, as Markdown."""
    found = bundle.manifest.metrics.get("map", {}).get("trustworthiness")
    if found is None:
        return "Distances between groups on this map mean nothing"
    words = next(said for least, said in TRUSTED if found >= least)
    return words.format(f"(trustworthiness **{found:.2f}**)")


def measured(bundle: "Bundle") -> str:
    """Return the measured quality of the map, as Markdown."""
    return f"{model_card.map_words(bundle)} Colour by *Distortion* to see where it fails."


def inside_lasso(bundle: "Bundle", shown: Shown) -> Shown:
    """Keep the images inside the lasso; all of them without a lasso."""
    corners = state.lasso()
    if not corners:
        return shown
    return _both(shown, points.inside(np.array(corners), bundles.map_places(bundle)))


def lassoed(bundle: "Bundle", held: Shown) -> None:
    """Show the images inside the lasso."""
    layout.section(
        "Inside the lasso",
        "The images inside the line that you draw: up to 60 of them, spread over the area.",
        "Choose **Lasso** on the map (or hold Shift) and drag around some points. The filters "
        "above the map apply here too. Images that are close to each other on the map are close "
        "to each other here.",
    )
    if held is None or not state.lasso():
        st.caption("Nothing yet. Choose *Lasso* on the map and drag around some points.")
        return
    along = map_files(bundle).places.along
    along = along[held[along]]
    some = along[np.linspace(0, len(along) - 1, min(GRID_IMAGES, len(along))).astype(int)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(along):,}** images, {len(some)} shown. {_mix(bundle, held)}")
        inside = bundle.index[[*TABLE, "umap_x", "umap_y"]].take(along)
        download.table(bundle, inside, name="lasso", images=len(along))
    tag_list.tag_these(bundle, bundles.rows(bundle)[along].astype(str).tolist())
    if len(some):
        image_strip.show(bundle, [str(i) for i in bundles.rows(bundle)[some]], key="lassoed")


def table(bundle: "Bundle", column: colouring.Column, shown: Shown) -> None:
    """Show the images that the filters keep as a table; a row selects its image."""
    layout.section(
        "As a table",
        "The images inside the lasso, or those that the filters and the legend keep; a row "
        "selects its image.",
        "The page shows the first 1,000 rows, sorted by the value that colours the map (by "
        "confidence for categories), lowest first; the file holds all of them. A dot marks the "
        "selected image, which comes first if it is not among those rows. ELBO and its terms are "
        "in nats per image.",
    )
    rows = np.arange(len(bundle.index)) if shown is None else np.flatnonzero(shown)
    sort_by = "confidence" if column.categorical else column.title.lower()
    values = (
        bundle.index["confidence"]
        if column.categorical
        else (colouring.values_of(bundle.index, column))
    )
    opened = st.expander(
        f"Show {len(rows):,} images, lowest {messages.literal(sort_by)} first",
        icon=":material/table_rows:",
        **state.bind("map table open", False, link="table"),
    )
    if not opened.open:
        return
    order = rows[np.argsort(np.asarray(values)[rows], kind="stable")]
    own = own_columns(bundle.index).rename(columns=lambda n: f"{n}*" if n in TABLE else n)
    index = pd.concat([bundle.index[list(TABLE)], own], axis=1)
    if column.name not in TABLE and not column.name.startswith(colouring.OWN_NAME):
        index = index.assign(**{column.name: tag_colours.in_words(bundle, column)})
    with opened:
        here = bundles.row_of(bundle, state.selected_id())
        found = index.take(_first(order, here))
        ids = found["id"].tolist()
        dots = np.where(found["id"] == state.selected_id(), "\N{BLACK CIRCLE}", "")
        found.insert(0, "selected", dots)
        st.dataframe(
            found,
            hide_index=True,
            height=320,
            alt="The images with their cluster, confidence and ELBO terms",
            column_config={
                "selected": st.column_config.TextColumn("", width=30, pinned=True),
                "confidence": st.column_config.NumberColumn(format="%.4f"),
            },
            **state.act_on_row("map table", lambda row: state.select_image(ids[row])),
        )
        everything = index.take(order)
        download.table(bundle, everything, name="map", images=len(order), sorted_by=sort_by)


def _first(order: NDArray[np.intp], here: int | None) -> NDArray[np.intp]:
    """Return the table's rows; the selected image comes first if it would be cut off."""
    if here is not None and here in order[TABLE_ROWS:]:
        return np.concatenate([[here], order[: TABLE_ROWS - 1]])
    return order[:TABLE_ROWS]


def _both(shown: Shown, held: Shown) -> Shown:
    """Keep what both filters keep."""
    if shown is None or held is None:
        return held if shown is None else shown
    return shown & held


def _mix(bundle: "Bundle", held: NDArray[np.bool_]) -> str:
    counts: pd.Series = bundle.index["cluster"][held].value_counts()
    names = naming.cluster_names(bundle)
    return ", ".join(f"{messages.literal(names[c])}: {n:,}" for c, n in counts.head(4).items())
