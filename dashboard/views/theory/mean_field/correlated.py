"""A correlated Gaussian and the best independent one, by coordinate ascent."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download
from dashboard.ui.chart import chart
from dashboard.views.theory import stepper
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import mean_field

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

RHO = (-0.95, 0.95, 0.05)
FORMULA = (
    r"\log q_j(z_j)\leftarrow\mathbb E_{i\ne j}[\log p(x,z)]+\text{const}",
    r"m_1\leftarrow\rho\,m_2,\quad m_2\leftarrow\rho\,m_1,\quad\text{variance }1-\rho^2",
)
REVERSE = "KL(q‖p), what mean-field minimises"
FORWARD = "KL(p‖q), which matches moments"
HALF_STEPS = 8


def show(bundle: "Bundle") -> None:
    """Show both ellipses after each half sweep, and the two divergences."""
    from xai_core.theory.derivations.mean_field import CorrelatedGaussian

    formulas(*FORMULA)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rho = st.slider(
            "ρ, correlation of p", RHO[0], RHO[1], step=RHO[2], width=260,
            **state.bind("correlation", 0.9, span=RHO, link="rho"),
        )  # fmt: skip
        kind = st.segmented_control(
            "q minimises", (REVERSE, FORWARD), required=True,
            **state.bind("which divergence", REVERSE, (REVERSE, FORWARD), link="kl"),
        )  # fmt: skip
    variance = 1.0 if kind == FORWARD else None
    path = [CorrelatedGaussian(rho=float(rho), variance=variance)]
    for step in range(HALF_STEPS):
        path.append(path[-1].updated(step % 2))

    def draw(step: int) -> None:
        here = path[step]
        words = (
            f"q has means {plain(here.mean[0], 4)} and {plain(here.mean[1], 4)} and variance "
            f"{here.spread:.4f}; the marginals of p have variance 1"
        )
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            chart(
                mean_field.two_ellipses(
                    float(rho), [one.mean for one in path[: step + 1]], here.spread, state.dark()
                ),
                key="two ellipses",
                alt=words,
            )
        with right:
            st.metric("ℒ(q), at most 0 = log p(x)", plain(here.elbo, 4), border=True)
            st.markdown(
                f"{words}. KL(q‖p) = **{here.reverse_kl:.4f}**, KL(p‖q) = "
                f"**{here.forward_kl:.4f}** nats. The reverse divergence, KL(q‖p), seeks one mode "
                "and is too narrow; the forward one, KL(p‖q), covers all of p. No half step "
                "lowers ℒ."
            )
        table = pd.DataFrame(
            {"m1": [p.mean[0] for p in path], "m2": [p.mean[1] for p in path],
             "bound": [p.elbo for p in path]}
        )  # fmt: skip
        download.table(bundle, table, name="coordinate ascent", rho=rho)

    stepper.stepped("coordinate step", HALF_STEPS, draw, of="Half sweeps", link="half")
