"""The model card: headline numbers, measures with their meaning, and how the bundle was made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.ui import download, health, messages
from xai_core.plots.probabilities import share
from xai_core.report import model_card

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def headlines(bundle: "Bundle") -> None:
    """Show the most important numbers, and how many checks failed."""
    clusters = bundle.model.config.num_clusters
    failed = f"{len(health.problems(bundle))} of {len(health.CHECKS)}"
    rows = [
        *model_card.headlines(bundle.manifest.metrics, clusters),
        ("Failed checks", failed, "what was not learned"),
    ]
    with st.container(horizontal=True, key="headlines"):
        for i, (name, value, why) in enumerate(rows):
            box = st.container(key=f"headline-{i}")
            box.metric(name, value, why, delta_color="off", delta_arrow="off", border=True)


def finding(bundle: "Bundle") -> str:
    """Say how often the model is right, how far its confidence is off, and what failed."""
    scores = bundle.manifest.metrics.get("test", {})
    parts = []
    if model_card.defined(scores.get("accuracy")):
        parts.append(f"**{share(scores['accuracy'])}** of unseen images land in the right group")
    if model_card.defined(scores.get("ece")):
        parts.append(f"confidence is off by {100 * scores['ece']:.1f} points on average")
    count = len(health.problems(bundle))
    parts.append(f"{count} of {len(health.CHECKS)} checks failed" if count else "no check failed")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}"


def tables(bundle: "Bundle") -> None:
    """Show the measures, how the bundle was made, and its files, in one tab each."""
    how_good, how_made, files = st.tabs(["How good it is", "How it was made", "Files"])
    with how_good:
        _measures(bundle)
        st.markdown(f"**The map.** {map_words(bundle)}")
    with how_made:
        made = model_card.making(bundle.manifest, bundle.model.config)
        _table(bundle, made, ["What", "Value"], "making")
    with files:
        _table(bundle, model_card.files(bundle.manifest), ["File", "Size", "SHA-256"], "files")


def map_words(bundle: "Bundle") -> str:
    """Return a sentence with the measured quality of the map."""
    return model_card.map_words(bundle.manifest.metrics)


def _measures(bundle: "Bundle") -> None:
    metrics, clusters = bundle.manifest.metrics, bundle.model.config.num_clusters
    rows = model_card.measures(metrics, clusters)
    trained = any(row.train != model_card.number(None, "") for row in rows)
    columns = ["Measure", "Test", *(["Train"] if trained else []), "What it says"]
    body = [(r.name, r.test, *([r.train] if trained else []), r.meaning) for r in rows]
    _table(bundle, body, columns, "measures")


def _table(
    bundle: "Bundle", rows: Sequence[tuple[str, ...]], columns: list[str], name: str
) -> None:
    table = pd.DataFrame(rows, columns=columns)
    messages.text_table(table, key=name)
    download.table(bundle, table, name=name)
