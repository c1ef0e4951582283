"""All clusters at a glance: prototype, name, size and confidence; one of them is picked."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import cache, generation, image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.clusters import own_name
from xai_core.plots import sprites
from xai_core.plots.clusters import table as cluster_table
from xai_core.plots.image_sheet import Row
from xai_core.plots.probabilities import share

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPLIT = "test"
_PREFIX = "cluster "


def show(bundle: "Bundle") -> int:
    """Show the prototypes as buttons, and a table beside them; return the picked cluster."""
    picked, table = picked_cluster(bundle), _table(bundle)
    pictures, numbers = st.columns([11, 12], gap="medium")
    with pictures:
        _prototypes(bundle, table, picked)
    with numbers:
        _numbers(table, naming.cluster_names(bundle), naming.cluster_order(bundle))
        download.table(bundle, table, name="clusters", split=SPLIT)
    return picked


def finding(bundle: "Bundle") -> str:
    """Say how pure the clusters are, or without labels how large, as Markdown."""
    table = _table(bundle)
    names = [messages.literal(name) for name in naming.cluster_names(bundle)]
    pure = table.get("purity", pd.Series(dtype=float)).dropna()
    if len(pure) < 2:
        sizes = table["images"]
        return f"{len(table)} clusters hold {sizes.min():,} to {sizes.max():,} {SPLIT} images each"
    best, worst = int(pure.idxmax()), int(pure.idxmin())
    return (
        f"Each cluster holds {'almost only' if pure.min() > 0.9 else 'mostly'} one label: from "
        f"**{share(pure[worst])}** of its images ({names[worst]}) to **{share(pure[best])}** "
        f"({names[best]})"
        if pure.min() > 0.5
        else f"Not every cluster holds one label: {names[worst]} does for {share(pure[worst])} "
        f"of its images, {names[best]} for {share(pure[best])}"
    )


def _prototypes(bundle: "Bundle", table: pd.DataFrame, picked: int) -> None:
    names, colours = naming.cluster_names(bundle), naming.cluster_colours(bundle)
    order, made = naming.cluster_order(bundle), generation.prototypes(bundle).images
    sizes = [f"{size:,}" for size in table["images"]]
    image_grid(
        made[order],
        alt=[f"{_PREFIX}{names[c]}, {sizes[c]} images" for c in order],
        key="prototypes",
        captions=[f"{names[c]}\n{sizes[c]}" for c in order],
        ids=[f"{_PREFIX}{c}" for c in order],
        colours=[colours[c] for c in order],
        selected=f"{_PREFIX}{picked}",
        scale=3,
        on_pick=_pick,
    )
    st.caption(f"Under each prototype: the cluster and how many {SPLIT} images it holds.")
    sheet = sprites.sheet(made[order], columns=len(order), gap=1)
    with st.container(horizontal=True, gap="small"):
        own_name.ask(bundle, picked)
        download.picture(bundle, sheet, name="prototypes")
        row = Row(name="prototype", values=made[order], kind="ink")
        download.for_print(bundle, [row], [names[c] for c in order], name="prototypes",
                           title="The decoded centre of each cluster")  # fmt: skip


def picked_cluster(bundle: "Bundle") -> int:
    """Return the cluster that was picked last, else that of the selected image."""
    count = bundle.model.config.num_clusters
    picked = state.keep("cluster", None, [None, *range(count)], link="cluster")
    if picked is None:
        return int(image_data.facts(bundle, state.selected_id())["cluster"])
    return picked


def _pick(name: str) -> None:
    state.put_setting("cluster", int(name.removeprefix(_PREFIX)))


def _table(bundle: "Bundle") -> pd.DataFrame:
    def count() -> pd.DataFrame:
        scale, named = generation.prior(bundle)[1].numpy(), bundle.cluster_labels
        return cluster_table.overview(
            bundle.index, SPLIT, scale, named, bundle.dataset.class_names
        )

    return cache.cached_per_bundle(bundle, "clusters", count)


def _numbers(table: pd.DataFrame, names: list[str], order: list[int]) -> None:
    shares = ["purity", "mean_confidence", "share"]
    shown = table.assign(name=names, **{c: 100 * table[c] for c in shares if c in table}).iloc[
        order
    ]
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    columns = {
        "name": text("cluster"),
        "images": number(f"{SPLIT} images", format="localized"),
        "purity": number("purity", format="%.1f %%", help="Images that have the label"),
        "mean_confidence": number("confidence", format="%.1f %%", help="Mean of max q(c|x)"),
        "sigma": number("\N{GREEK SMALL LETTER SIGMA}_c", format="%.2f", help="Spread of p(z|c)"),
        "share": number("of all", format="%.1f %%"),
        "cluster": number("index", help="The c of the formulas and of files"),
    }
    listed = [c for c in columns if c in shown]
    alt = "Size, purity, confidence and spread of each cluster"
    st.dataframe(
        shown,
        height=35 * min(len(shown) + 1, 11) + 2,  # as Streamlit's own, which comes too late
        hide_index=True,
        column_order=listed,
        column_config=columns,
        alt=alt,
    )
