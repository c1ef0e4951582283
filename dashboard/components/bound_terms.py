"""The bound of one image, term by term, and q(c|x)."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import loaders, state
from dashboard.components import download, layout
from dashboard.components.chart import chart
from dashboard.figures import bound, probabilities

if TYPE_CHECKING:
    from xai_core.bundle import Bundle


def show(bundle: "Bundle", image_id: str) -> None:
    """Show the waterfall of terms with their percentiles, and the cluster's bars beside it."""
    facts = loaders.facts(bundle, image_id)
    table = bound.summary(bundle.index, facts)
    split, dark = bound.peers(facts), state.dark()
    left, right = st.columns([3, 2], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Terms of the ELBO**, and percentile among {split} images")
            download.table(bundle, table, name="elbo terms", image=image_id)
        chart(bound.waterfall(table, split, dark), key="terms", alt=_words(table, split))
    with right:
        probs, names = loaders.inferred(bundle, image_id).probs, layout.cluster_names(bundle)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Which cluster?** $q(c|x)$")
            shares = pd.DataFrame({"cluster": names, "probability": probs})
            download.table(bundle, shares, name="cluster probabilities", image=image_id)
        best = int(probs.argmax())
        words = f"q(c|x): cluster {names[best]} at {probabilities.percent(probs[best])}"
        chart(probabilities.bar_chart(probs, names, dark), key="clusters", alt=words)


def _words(table: pd.DataFrame, split: str) -> str:
    parts = (
        f"{r.term} {r.nats:+.1f} nats, percentile {r.percentile:.0f}" for r in table.itertuples()
    )
    return f"Terms of the ELBO among {split} images: " + "; ".join(parts)
