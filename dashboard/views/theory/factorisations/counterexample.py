"""A model of two equal Gaussians, on which L lies below L^."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download
from dashboard.ui.chart import chart
from xai_core.plots.style import plain
from xai_core.plots.theory import bounds

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPAN = (0.05, 0.95, 0.05)


@st.fragment
def show(bundle: "Bundle") -> None:
    """Show both bounds as the likelihoods and q(c|x) change."""
    from xai_core.theory.cluster_choices import IdenticalGaussians

    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, second, given = (
            st.slider(
                label, *SPAN[:2], step=SPAN[2], width=220,
                **state.bind(f"equal {link}", start, span=SPAN, link=link),
            )
            for label, link, start in (
                ("p(x|z, 1)", "first", 0.9),
                ("p(x|z, 2)", "second", 0.1),
                ("q(1|x)", "given", 0.9),
            )
        )  # fmt: skip
    here = IdenticalGaussians(first=first, second=second, given_x=given)
    along = np.linspace(0, 1, 101)
    lower = [IdenticalGaussians(first=first, second=second, given_x=q).lower for q in along]
    order = "below" if here.upper < here.lower - 1e-12 else "not below"
    words = (
        f"L is {plain(here.upper, 3)}, L\u0302 is {plain(here.lower, 3)} and log p(x) is "
        f"{plain(here.log_evidence, 3)} nats"
    )
    levels = {"L": here.upper, "log p(x)": here.log_evidence}
    chart(
        bounds.counterexample(along.tolist(), lower, levels, (given, here.lower), state.dark()),
        key="two equal Gaussians",
        alt=words,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{words}: L lies **{order}** L\u0302. The best q(1|x) is q\u22c6(1) = "
            f"{here.best:.2f}, where L\u0302 is log p(x). q(c|z) cannot know better than 1/2, "
            "since both clusters have the same p(z|c)."
        )
        table = pd.DataFrame({"q(1|x)": along, "lower bound": lower})
        download.table(bundle, table, name="two equal Gaussians", first=first, second=second)
