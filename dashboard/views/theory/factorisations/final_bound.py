"""The terms of (6.1) for one image, with every number that is needed to compute them by hand."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, naming
from dashboard.ui.components.drawing import drawing
from dashboard.views.theory.factorisations import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots import pixel_map
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULA = (
    r"""\hat{\mathcal L}=\underbrace{\mathbb E_{q(c|x)q(z|x)}[\log p(x|z,c)]}_{1}
+\underbrace{\textstyle\sum_c q(c|x)\,\mathbb E_{q(z|x)}[\log p(z|c)]}_{2}
\underbrace{-\,\mathrm{KL}(q(c|x)\,\|\,p(c))}_{3}
\underbrace{-\,\mathbb E_{q(z|x)}[\log q(z|x)]}_{4}""",
)
LIKELIHOODS = {
    "bernoulli": r"\log p(x|z,c)=\sum_m\bigl[x_m\log g_m+(1-x_m)\log(1-g_m)\bigr]",
    "gaussian": r"\log p(x|z,c)=\sum_m\Bigl[-\tfrac{(x_m-g_m)^2}{2\tau^2}"
    r"-\tfrac12\log(2\pi\tau^2)\Bigr]",
}
CLOSED = (
    r"\mathbb E_{q(z|x)}[\log p(z|c)]=-\tfrac12\Bigl[\tfrac{\|\mu(x)-\mu_c\|^2+s^2}{\sigma_c^2}"
    r"+d\ln(2\pi\sigma_c^2)\Bigr],\quad s^2=\textstyle\sum_j\sigma_j^2(x)",
    r"-\mathbb E_{q(z|x)}[\log q(z|x)]=\tfrac12\bigl[d\ln(2\pi e)+\textstyle\sum_j\ln\sigma_j^2(x)"
    r"\bigr]",
)


def show(bundle: "Bundle", image_id: str) -> None:
    """Show the map of nats, the four terms with their arithmetic, and the clusters' numbers."""
    formulas(*FORMULA)
    seen = loader.final_bound(bundle, image_id)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Term 1, nats per pixel**")
        limit = max(float(np.abs(seen.nats).max()), 0.01)
        figure = pixel_map.signed_map(
            seen.nats, state.dark(), limit=limit, words="nats of the pixel", under=seen.image
        )
        drawing(figure, key="nats per pixel", alt=_darkest(seen))
        st.caption(f"{_darkest(seen)}. Hover to read any pixel.")
    with right:
        formulas(LIKELIHOODS[bundle.model.config.likelihood], *CLOSED)
        st.markdown(_arithmetic(seen))
    _by_cluster(bundle, image_id, seen)


def _darkest(seen: loader.FinalBound) -> str:
    """Describe the pixel that costs the most, and how the nats divide between ink and ground."""
    row, column = np.unravel_index(int(seen.nats.argmin()), seen.nats.shape)
    least, x = seen.nats[row, column], seen.image[row, column]
    ink = float(seen.nats[seen.image > 0.5].sum())
    return (
        f"The {seen.nats.size} pixels add up to {plain(seen.term, 3)} nats: "
        f"{plain(ink, 1)} from pixels with ink, {plain(seen.term - ink, 1)} from the others. The "
        f"costliest one, row {row}, column {column} (from 0), has x = {x:.2f} and costs "
        f"{-least:.2f} nats"
    )


def _arithmetic(seen: loader.FinalBound) -> str:
    """Write each term with the numbers that give it."""
    c, dim = int(seen.given.argmax()), seen.dim
    squares, scale = seen.squares[c], seen.scales[c]
    second = float(seen.given @ seen.expected_log_prior)
    entropy_c = float(-(seen.given * np.log(np.maximum(seen.given, 1e-300))).sum())
    third, clusters = entropy_c - math.log(len(seen.given)), len(seen.given)
    fourth = 0.5 * (dim * math.log(2 * math.pi * math.e) + seen.log_variances)
    one = seen.expected_log_prior[c]
    rows = (
        f"| 1 | sum of the map, a mean over {seen.draws} codes, ± {seen.error:.2f} (one standard "
        f"error) | "
        f"{plain(seen.term, 3)} |\n"
        f"| 2 | Σ_c q(c\\|x) × last row of the table below. For cluster {c}: "
        f"−½ [({squares:.3f} + {seen.variances:.3f}) / {scale:.4f}² + {dim} ln(2π · "
        f"{scale:.4f}²)] = {plain(one, 3)} | {plain(second, 3)} |\n"
        f"| 3 | Σ_c q(c\\|x) ln(p(c) / q(c\\|x)) = H(q(c\\|x)) − ln {clusters} = "
        f"{entropy_c:.4f} − {math.log(clusters):.4f} | "
        f"{plain(third, 3)} |\n"
        f"| 4 | ½ [{dim} ln(2πe) + ({plain(seen.log_variances, 3)})] | {plain(fourth, 3)} |\n"
        f"| $\\hat{{\\mathcal L}}$ | the sum | "
        f"**{plain(seen.term + second + third + fourth, 3)}** |\n"
    )
    return f"| term | by hand | nats |\n|---|---|--:|\n{rows}"


def _by_cluster(bundle: "Bundle", image_id: str, seen: loader.FinalBound) -> None:
    names = naming.cluster_names(bundle)
    table = pd.DataFrame(
        {
            "cluster": [f"{c}: {names[c]}" for c in range(len(seen.given))],
            "q(c|x)": seen.given,
            "|μ(x) − μ_c|²": seen.squares,
            "σ_c": seen.scales,
            "E log p(z|c)": seen.expected_log_prior,
        }
    )
    shown = table.set_index("cluster").T
    st.dataframe(shown.map(lambda value: f"{value:.4f}"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Of {naming.marked(image_id)}: d = {seen.dim}, s² = {seen.variances:.3f}, "
            f"Σ ln σ_j²(x) = {plain(seen.log_variances, 3)}. Both likelihoods, Bernoulli and "
            "Gaussian, are sums over pixels, so every nat can be traced to its pixel."
        )
        download.table(bundle, table, name="terms by cluster", image=image_id)
        nats = pd.DataFrame(seen.nats)
        download.table(bundle, nats, "Nats, CSV", name="nats of each pixel", image=image_id)
