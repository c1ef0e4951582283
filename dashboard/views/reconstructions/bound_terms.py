"""The bound of one image, term by term, and q(c|x)."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download, naming
from dashboard.ui.components.drawing import drawing
from xai_core.plots import elbo_terms, probabilities

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
            st.markdown(f"**Terms of the ELBO**, and percentile among {split} images")
            download.table(bundle, table, name="elbo terms", image=image_id)
        drawing(elbo_terms.waterfall(table, split, dark), key="terms", alt=_words(table, split))
    with right:
        probs, names = image_data.inferred(bundle, image_id).probs, naming.cluster_names(bundle)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Which cluster?** $q(c|x)$")
            shares = pd.DataFrame({"cluster": names, "probability": probs})
            download.table(bundle, shares, name="cluster probabilities", image=image_id)
        best = int(probs.argmax())
        words = f"q(c|x): cluster {names[best]} at {probabilities.percent(probs[best])}"
        drawing(
            probabilities.bar_chart(probs, names, order=naming.cluster_order(bundle)),
            key="clusters",
            alt=words,
        )


def _words(table: pd.DataFrame, split: str) -> str:
    parts = (
        f"{r.term} {r.nats:+.1f} nats, percentile {r.percentile:.0f}" for r in table.itertuples()
    )
    return f"Terms of the ELBO among {split} images: " + "; ".join(parts)
