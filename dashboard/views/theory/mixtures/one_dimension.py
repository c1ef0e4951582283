"""Mixtures on a line: a density with movable means, and EM in half steps beside K-means."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download
from dashboard.ui.chart import chart
from dashboard.views.theory import stepper
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.mixtures import loader
from xai_core.plots.style import plain
from xai_core.plots.theory import mixtures

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

WEIGHTS, VARIANCES = np.array([0.5, 0.2, 0.3]), np.array([0.5, 2.0, 1.0])
MEANS = (-2.0, 1.0, 4.0)
SPAN = (-5.0, 6.0, 0.5)
DENSITY = (r"p(x)=\sum_k\pi_k\,\mathcal N(x;\mu_k,\sigma_k^2)=0.5\,\mathcal N(\mu_1,\tfrac12)"
           r"+0.2\,\mathcal N(\mu_2,2)+0.3\,\mathcal N(\mu_3,1)",)  # fmt: skip
BOUND = (r"F(q,\theta)=\mathbb E_q[\log p(x,z|\theta)]+H(q)\le\log p(x|\theta)",)
HALVES = {"E": "E-step: q is the posterior, so F touches log p",
          "M": "M-step: θ is best for this q, so F has risen and log p lies above it"}  # fmt: skip
ITERATIONS = 4


@st.fragment
def density(bundle: "Bundle") -> None:
    """Show the density of three Gaussians and their responsibilities for a point."""
    formulas(*DENSITY)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        means = np.array(
            [
                st.slider(
                    f"μ_{k}", SPAN[0], SPAN[1], step=SPAN[2], width=190,
                    **state.bind(f"line mean {k}", start, span=SPAN, link=f"mean{k}"),
                )
                for k, start in enumerate(MEANS, 1)
            ]
        )  # fmt: skip
        at = st.slider(
            "x", SPAN[0], SPAN[1], step=SPAN[2], width=190,
            **state.bind("line point", 0.0, span=SPAN, link="point"),
        )  # fmt: skip
    x = np.linspace(-6, 8, 400)
    parts = (
        WEIGHTS
        * np.exp(-((x[:, None] - means) ** 2) / (2 * VARIANCES))
        / np.sqrt(2 * np.pi * VARIANCES)
    )
    total = parts.sum(1)
    here = np.array([np.interp(at, x, parts[:, k]) for k in range(3)])
    modes = int(((total[1:-1] > total[:-2]) & (total[1:-1] > total[2:])).sum())
    text = ", ".join(f"{r:.3f}" for r in here / here.sum())
    chart(
        mixtures.line_density(x, parts, at, state.dark()),
        key="line density",
        alt=f"A density with {modes} modes; responsibilities at {at}: {text}",
    )
    mean = float(WEIGHTS @ means)
    variance = float(WEIGHTS @ (VARIANCES + means**2) - mean**2)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{modes}** {'mode' if modes == 1 else 'modes'}; mean {plain(mean, 2)}, variance "
            f"{plain(variance, 2)}. At x = {plain(at, 1)} the responsibilities are "
            f"**({text})**. Three Gaussians need not give three modes."
        )
        table = pd.DataFrame({"x": x, "p": total})
        download.table(bundle, table, name="density", means=" ".join(map(str, means)))


def half_steps(bundle: "Bundle") -> None:
    """Step through EM on five points, half by half, beside K-means from the same start."""
    formulas(*BOUND)
    seen = loader.halves(ITERATIONS)

    def draw(step: int) -> None:
        one = seen[step]
        st.markdown(f"**{HALVES[one.half]}**, iteration {one.iteration}")
        left, middle, right = st.columns(3)
        left.metric("F(q, θ)", plain(one.free_energy, 4), border=True)
        middle.metric("log p(x|θ)", plain(one.log_likelihood, 4), border=True)
        right.metric("K-means objective", f"{one.within:.4f}", border=True)
        pairs = ("means", one.means, one.centres), ("variances", one.variances, None)
        rows = "\n".join(
            f"| {name} | {_both(values)} | {'none' if other is None else _both(other)} |"
            for name, values, other in pairs
        )
        r = ", ".join(f"{value:.4f}" for value in one.responsibilities)
        assigned = ", ".join("1" if own else "0" for own in one.assigned)
        st.markdown(
            f"| points −3, −2, 1, 2, 5 | EM | K-means |\n|---|---|---|\n"
            f"| belongs to the first | {r} | {assigned} |\n{rows}"
        )
        table = pd.DataFrame(
            {"half": [s.half for s in seen], "F": [s.free_energy for s in seen],
             "log p": [s.log_likelihood for s in seen], "K-means": [s.within for s in seen]}
        )  # fmt: skip
        download.table(bundle, table, name="half steps")

    stepper.stepped("em half", len(seen) - 1, draw, of="Half steps", link="half")


def _both(values: tuple[float, ...]) -> str:
    return ", ".join(plain(value, 4) for value in values)
