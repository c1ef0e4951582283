"""Jensen's inequality on an image's weights, and entropy and divergence of its clusters."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, naming
from dashboard.ui.chart import chart
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory import question
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import inequalities

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNTS = (2, 5, 20, 100)
JENSEN = (
    r"\mathbb E[f(X)]\ge f(\mathbb E[X])\ \text{ for a convex }f",
    r"\mathbb E[\log w]\le\log\mathbb E[w]\ \text{ for the concave }\log",
)
ENTROPY = (
    r"I(X)=-\log p(X)",
    r"H(X)=\mathbb E[I(X)]=-\sum_x p(x)\log p(x)",
    r"\mathrm{KL}(p\,\|\,q)=\sum_x p(x)\log\frac{p(x)}{q(x)}\ge0",
)
BITS = float(np.log(2))


@st.fragment
def jensen(bundle: "Bundle", image_id: str) -> None:
    """Show an image's weights on the curve of log, and the gap between the two means."""
    formulas(*JENSEN)
    count = st.segmented_control(
        "Draws", COUNTS, required=True,
        **state.bind("jensen weights", COUNTS[1], COUNTS, link="weights"),
    )  # fmt: skip
    drawn = theory_loader.draws(bundle, image_id, theory_loader.FEWEST_DRAWS)
    logs = drawn.log_weights[:count, 0].numpy()
    values = np.exp(np.maximum(logs - logs.max(), -600))
    average, of_mean = float(logs.mean()), float(np.log(values.mean()) + logs.max())
    chart(
        inequalities.on_the_logarithm(values, state.dark()),
        key="on the logarithm",
        alt=f"The mean of log w is {average:.2f} nats, the log of the mean w {of_mean:.2f}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Over {count} draws of {naming.marked(image_id)}: the mean of log w is "
            f"**{plain(average, 2)}**, the log of the mean w **{plain(of_mean, 2)}** nats. The "
            f"second is higher by **{of_mean - average:.2f}**, whatever the draws are."
        )
        table = pd.DataFrame({"log w": logs})
        download.table(bundle, table, name="weights", image=image_id, draws=count)
    question.choose(
        "jensen equality",
        because="Equality needs weights that do not vary, since log is not linear anywhere. With "
        "more draws both means only settle at their own expectations: the bound, and log p(x).",
    )


def divergences(bundle: "Bundle", image_id: str) -> None:
    """Show entropy and both divergences of two distributions over the clusters."""
    formulas(*ENTROPY)
    choices = theory_loader.choices(bundle, image_id)
    p = choices.get("encoder", choices["average"])[0].numpy()
    q = choices["unsure"][0].numpy() * 0.02 + choices["best"][0].numpy() * 0.98
    entropy = -float((p * np.log(np.maximum(p, 1e-300))).sum())
    forward, back = _kl(p, q), _kl(q, p)
    best = int(p.argmax())
    rows = (
        f"| surprise of the likeliest cluster, $-\\log p$ | {-np.log(p[best]):.4f} |\n"
        f"| entropy $H(p)$, in nats | {entropy:.4f} |\n"
        f"| entropy $H(p)$, in bits: divided by ln 2 | {entropy / BITS:.4f} |\n"
        f"| most, $\\ln K$ | {np.log(len(p)):.4f} |\n"
        f"| $\\mathrm{{KL}}(p\\,\\Vert\\,q)$ | {forward:.4f} |\n"
        f"| $\\mathrm{{KL}}(q\\,\\Vert\\,p)$ | {back:.4f} |\n"
    )
    st.markdown(f"| p = q(c\\|x), q = .98 q\u22c6 + .02/K | nats |\n|---|--:|\n{rows}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "KL is not symmetric, and infinite where q is 0 and p is not: therefore q\u22c6 is "
            "mixed with 2 % of 1/K here."
        )
        table = pd.DataFrame({"p": p, "q": q})
        download.table(bundle, table, name="two distributions", image=image_id)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / np.maximum(q[there], 1e-300))).sum())
