"""Two clusterings of the same images: their agreement, and the images on which they differ."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download, naming
from dashboard.ui.components.drawing import drawing
from dashboard.ui.components.image_grid import image_grid
from dashboard.views.compare.loader import Compared, compared
from dashboard.views.compare.settings import Pair, colours
from xai_core.plots.clusters import confusion
from xai_core.plots.probabilities import share
from xai_core.report import model_card

SPLITS = ("test", "train")
COUNT = 40


def ask_split() -> str:
    """Let the visitor choose the images on which the clusterings are compared."""
    return st.segmented_control(
        "Images", SPLITS, required=True,
        **state.bind("compare split", "test", SPLITS, link="images"),
    )  # fmt: skip


def finding(pair: Pair, split: str) -> str:
    """Say to what extent both agree, and how often each is right, as Markdown."""
    scores = [b.manifest.metrics.get("test", {}).get("accuracy") for b in pair.both]
    names = [f"`{b.name}`" for b in pair.both]
    right = [f"**{share(score)}**" for score in scores if model_card.defined(score)]
    if not pair.alike:
        accuracy = (
            f"; of unseen images, {' and '.join(right)} land in the right cluster"
            if len(right) == 2
            else ""
        )
        return f"{' and '.join(names)} know different images{accuracy}"
    found = compared(*pair.both, split)
    same = share(found.agreement.share)
    return (
        f"{' and '.join(names)} put **{same}** of {found.images:,} {split} images into the same "
        "group"
    )


def agreement(pair: Pair, split: str) -> None:
    """Show the counts of both clusterings, with NMI, ARI and the share in matched clusters."""
    found = compared(*pair.both, split)
    table = _counts(pair, found)
    long = table.stack().rename("images").rename_axis([pair.first.name, pair.second.name])
    agreed = found.agreement
    for box, (name, value, why) in zip(st.columns(3), (
        ("Same cluster", share(agreed.share), "once clusters are matched one to one"),
        ("NMI", f"{agreed.nmi:.3f}", "1: one determines the other"),
        ("ARI", f"{agreed.ari:.3f}", "0 by chance, 1 at best"),
    ), strict=True):  # fmt: skip
        box.metric(name, value, why, delta_color="off", delta_arrow="off", border=True)
    figure = confusion.heat_map(
        table, list(table.index), list(table.columns), state.dark(),
        row=f"{pair.first.name} cluster", column=f"{pair.second.name} cluster",
    )  # fmt: skip
    words = (
        f"Counts of {found.images:,} {split} images by their cluster in both models; "
        f"{share(agreed.share)} are in matched clusters"
    )
    drawing(figure, key="both clusterings", alt=words)
    download.table(
        pair.first, long.reset_index(), name="both clusterings", split=split, **pair.about
    )


@st.fragment
def differences(pair: Pair, image_id: str, split: str) -> None:
    """Show the images that the bundles sort differently, the most confident first."""
    state.rerun_if_moved(image_id)
    found = compared(*pair.both, split)
    ids = found.differ[:COUNT]
    if not ids:
        st.caption(
            f"There are none: both sort all {found.images:,} {split} images in the same way."
        )
        return
    facts = [image_data.table(b, ids) for b in pair.both]
    names = [
        [naming.cluster_names(b)[c] for c in f["cluster"]]
        for b, f in zip(pair.both, facts, strict=True)
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = "" if len(ids) == len(found.differ) else f", and {len(ids)} are shown"
        st.markdown(
            f"**{len(found.differ):,}** of {found.images:,} {split} images differ{shown}. Under "
            f"each: its cluster in `{pair.first.name}`, then in `{pair.second.name}`."
        )
        download.table(pair.first, _differ_table(pair, found.differ), name="differing images",
                       split=split, **pair.about)  # fmt: skip
    own, _ = colours(pair)
    image_grid(
        image_data.images(pair.first, ids),
        alt=[
            f"{i}: cluster {a} in {pair.first.name}, cluster {b} in {pair.second.name}"
            for i, a, b in zip(ids, *names, strict=True)
        ],
        captions=[f"{a}\n{b}" for a, b in zip(*names, strict=True)],
        key="differences",
        ids=ids,
        colours=[own[c] for c in facts[0]["cluster"]],
        selected=image_id,
    )


def _counts(pair: Pair, found: Compared) -> pd.DataFrame:
    """Order the second bundle's clusters so that matched ones lie on the diagonal."""
    first, second = (naming.cluster_names(b) for b in pair.both)
    rows, partner = naming.cluster_order(pair.first), found.agreement.partner
    paired = [int(partner[c]) for c in rows if partner[c] >= 0]
    columns = paired + [c for c in naming.cluster_order(pair.second) if c not in paired]
    counts = np.asarray(found.agreement.counts)[np.ix_(rows, columns)]
    return pd.DataFrame(
        counts, index=[first[c] for c in rows], columns=[second[c] for c in columns]
    )


def _differ_table(pair: Pair, ids: list[str]) -> pd.DataFrame:
    parts = {"id": ids}
    for bundle in pair.both:
        facts = image_data.table(bundle, ids)
        parts[f"cluster in {bundle.name}"] = facts["cluster"].tolist()
        parts[f"confidence in {bundle.name}"] = facts["confidence"].tolist()
    return pd.DataFrame(parts)
