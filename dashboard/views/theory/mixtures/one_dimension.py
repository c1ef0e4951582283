"""Mixtures on a line: a density with means to drag, and EM in half steps beside K-means."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, frontend
from dashboard.ui.chart import chart
from dashboard.views.theory import stepper
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.mixtures import loader
from xai_core.plots import theme
from xai_core.plots.style import plain
from xai_core.plots.theory import mixtures

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

WEIGHTS, VARIANCES = np.array([0.5, 0.2, 0.3]), np.array([0.5, 2.0, 1.0])
STARTS = {"mean1": -2.0, "mean2": 1.0, "mean3": 4.0, "point": 0.0}
"""The means and the point at first, by their names in links."""
SPAN = (-5.0, 6.0, 0.1)
WINDOW = (-7.0, 8.0)
HIGHEST = 0.5
"""Density at the upper edge of the chart; with three equal means, the peak is 0.46."""
KEY = "line density"
DENSITY = (r"p(x)=\sum_k\pi_k\,\mathcal N(x;\mu_k,\sigma_k^2)=0.5\,\mathcal N(\mu_1,\tfrac12)"
           r"+0.2\,\mathcal N(\mu_2,2)+0.3\,\mathcal N(\mu_3,1)",)  # fmt: skip
BOUND = (r"F(q,\theta)=\mathbb E_q[\log p(x,z|\theta)]+H(q)\le\log p(x|\theta)",)
_density = frontend.component(__file__, "density", html='<div class="density"></div>\n')
HALVES = {"E": "E-step: q is the posterior, so F touches log p",
          "M": "M-step: θ is best for this q, so F has risen and log p lies above it"}  # fmt: skip
ITERATIONS = 4


@st.fragment
def density(bundle: "Bundle") -> None:
    """Show the density of three Gaussians and their responsibilities for a point."""
    formulas(*DENSITY)
    *moved, at = (
        float(state.keep(f"line {link}", start, span=SPAN, link=link))
        for link, start in STARTS.items()
    )
    means, x = np.array(moved), np.linspace(*WINDOW, 400)
    total = mixtures.densities(x, WEIGHTS, means, VARIANCES).sum(1)
    modes = int(((total[1:-1] > total[:-2]) & (total[1:-1] > total[2:])).sum())
    said = f"{modes} {'mode' if modes == 1 else 'modes'}"
    here = mixtures.densities(np.array([at]), WEIGHTS, means, VARIANCES)[0]
    text = ", ".join(f"{r:.3f}" for r in here / here.sum())
    _density(
        key=KEY,
        data={
            "weights": WEIGHTS.tolist(), "variances": VARIANCES.tolist(), "means": moved,
            "point": at, "span": SPAN, "window": WINDOW, "top": HIGHEST,
            "names": [f"μ{k}" for k in "₁₂₃"], "colours": theme.CATEGORIES[:3],
            "alt": f"A density with {said}; responsibilities at {at}: {text}",
        },
        on_moved_change=state.from_component(KEY, "moved", _put),
    )  # fmt: skip
    mean = float(WEIGHTS @ means)
    variance = float(WEIGHTS @ (VARIANCES + means**2) - mean**2)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{said}**; mean {plain(mean, 2)}, variance "
            f"{plain(variance, 2)}. At x = {plain(at, 1)} the responsibilities are "
            f"**({text})**. Three Gaussians need not give three modes."
        )
        table = pd.DataFrame({"x": x, "p": total})
        download.table(bundle, table, name="density", means=" ".join(map(str, moved)))


def _put(moved: list[float]) -> None:
    """Keep a mean, or the point, on the grid that links can write."""
    which, value = moved
    low, high, step = SPAN
    snapped = min(max(round(value / step) * step, low), high)
    state.put_setting(f"line {list(STARTS)[int(which)]}", round(snapped, 1))


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
        _picture(seen, step)
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


def _picture(seen: list[loader.HalfStep], step: int) -> None:
    """Draw both fits at a half step, and F and log p over all of them."""
    one, dark = seen[step], state.dark()
    first = np.array(one.responsibilities)
    figure = mixtures.half_step(
        np.array(one.points), np.stack([first, 1 - first], 1), np.array(one.weights),
        np.array(one.means), np.array(one.variances), np.array(one.centres), dark,
    )  # fmt: skip
    curves = {
        "F(q, θ)": [s.free_energy for s in seen],
        "log p(x|θ)": [s.log_likelihood for s in seen],
    }
    left, right = st.columns(2)
    with left:
        alt = f"Two Gaussians at {_both(one.means)}, K-means centres at {_both(one.centres)}"
        chart(figure, key="half step", alt=alt)
    with right:
        touching = sum(s.log_likelihood - s.free_energy < 1e-9 for s in seen)
        chart(
            mixtures.objectives(curves, step, "nats", dark, along="half step", height=260),
            key="half step bounds",
            alt=f"F touches log p at {touching} of {len(seen)} half steps and is below it at the "
            "others",
        )


def _both(values: tuple[float, ...]) -> str:
    return ", ".join(plain(value, 4) for value in values)
