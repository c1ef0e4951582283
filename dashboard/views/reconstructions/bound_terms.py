"""The bound of one image, term by term, and q(c|x)."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data, prediction_sets
from dashboard.ui import download, explained, messages, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots import elbo_terms, probabilities
from xai_core.plots.style import signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def show(bundle: "Bundle", image_id: str) -> None:
    """Show the waterfall of terms with their percentiles, and the cluster's bars beside it."""
    facts = image_data.facts(bundle, image_id)
    table = elbo_terms.summary(bundle.index, facts)
    split, dark = elbo_terms.peers(facts), state.dark()
    left, right = st.columns([3, 2], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_finding(table, split)}**")
            download.table(bundle, table, name="elbo terms", image=image_id)
        st.caption(f"Terms of the ELBO, and percentile among {split} images")
        drawing(elbo_terms.waterfall(table, split, dark), key="terms", alt=_words(table, split))
    with right:
        probs, names = image_data.inferred(bundle, image_id).probs, naming.cluster_names(bundle)
        best = int(probs.argmax())
        sure = f"{messages.literal(names[best])}, {probabilities.percent(probs[best])}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{sure}**")
            shares = pd.DataFrame({"cluster": names, "probability": probs})
            download.table(bundle, shares, name="cluster probabilities", image=image_id)
        st.caption("Probability of each cluster, $q(c|x)$")
        words = f"q(c|x): cluster {names[best]} at {probabilities.percent(probs[best])}"
        drawing(
            probabilities.bar_chart(probs, names, order=naming.cluster_order(bundle)),
            key="clusters",
            alt=words,
        )
        if not prediction_sets.obstacle(bundle, "cluster"):
            level = prediction_sets.LEVELS[1]
            held = messages.literal(explained.prediction_set(bundle, "cluster", image_id, level))
            st.caption(
                f"Prediction set at {100 * level:.0f} %: **{held}**. It contains the label of "
                "this share of images like the test images."
            )


def _finding(table: pd.DataFrame, split: str) -> str:
    """Compare the image's ELBO, in the table's last row, with those of its split."""
    last = table.iloc[-1]
    return (
        f"ELBO {signed(last.nats)} nats: higher than that of {last.percentile:.0f} % of {split} "
        "images"
    )


def _words(table: pd.DataFrame, split: str) -> str:
    parts = (
        f"{r.term} {r.nats:+.1f} nats, percentile {r.percentile:.0f}" for r in table.itertuples()
    )
    return f"Terms of the ELBO among {split} images: " + "; ".join(parts)
