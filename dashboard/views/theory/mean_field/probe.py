"""A Bayesian probe on the latents: weights, a prediction's band, and the two estimators."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages, naming
from dashboard.ui.chart import chart
from dashboard.views.theory import question
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.mean_field import loader
from xai_core.plots import probabilities
from xai_core.plots.theory import mean_field

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULA = (
    r"p(y=1|z,w)=\sigma(w^\top z),\quad w\sim\mathcal N(0,I)",
    r"q(w)=\prod_j\mathcal N(w_j;\mu_j,\sigma_j^2)",
    r"\mathrm{ELBO}=\mathbb E_q[\log p(y|w)]-\mathrm{KL}(q\,\|\,p)",
)
GRADIENTS = (
    r"\text{score function: }\ \mathbb E_q\bigl[\log p(y|w)\,\nabla\log q(w)\bigr]",
    r"\text{reparameterised: }\ \mathbb E_\varepsilon[\nabla\log p(y|\mu+\sigma\varepsilon)]",
)
SHAPES = {"More ink than the median": "ink", "Slanted more than the median": "slant",
          "Wider than the median": "width"}  # fmt: skip
COUNTS = (50, 200, 1000)
WHERE = ("start", "end")


def choice(bundle: "Bundle") -> tuple[str, str, int]:
    """Let the user choose the property and how many images the probe sees."""
    options, titles = dict(SHAPES), {title: title for title in SHAPES}
    if (bundle.index["label"] >= 0).any():
        labels = sorted(int(v) for v in bundle.index["label"].unique())
        options |= {f"label {v}": f"label:{v}" for v in labels}
        titles |= {f"label {v}": f"Label {naming.label_name(bundle, v)}" for v in labels}
    names = naming.cluster_names(bundle)
    for c in naming.cluster_order(bundle):
        options[f"cluster {c}"], titles[f"cluster {c}"] = f"cluster:{c}", f"Cluster {names[c]}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Is this readable from the code?", list(options), width=320,
            format_func=titles.__getitem__,
            **state.bind("probe of", next(iter(options)), list(options), link="property"),
        )  # fmt: skip
        count = st.segmented_control(
            "Images the probe sees", COUNTS, required=True,
            **state.bind("probe images", COUNTS[1], COUNTS, link="images"),
        )  # fmt: skip
    return titles[chosen], options[chosen], count


def posterior(bundle: "Bundle", of: str, text: str, count: int) -> None:
    """Show the weights with their error bars, and the probe's accuracy."""
    formulas(*FORMULA)
    found, dark = loader.probe(bundle, of, count, SAMPLES), state.dark()
    mean, std = found.q.mean.numpy(), found.q.std.numpy()
    clear = int((np.abs(mean) > 2 * std).sum())
    left, right = st.columns([3, 2], gap="large")
    with left:
        chart(
            mean_field.weights(found.names, mean, std, dark),
            key="weights",
            alt=f"{clear} of {len(mean)} weights are more than two deviations from 0",
        )
    with right:
        st.metric(
            f"“{messages.literal(text)}”: accuracy", f"{found.accuracy:.1%} ± {found.error:.1%}",
            border=True, help=f"On {found.tested:,} test images; the error is one standard error",
        )  # fmt: skip
        st.metric("By always giving the more frequent answer", f"{found.base:.1%}", border=True)
        st.markdown(
            f"**{clear} of {len(mean)}** weights are clear of 0 (blue: more than two standard "
            f"deviations). With {found.fitted:,} images the average error bar is "
            f"± {2 * std.mean():.2f}; with more images it shrinks."
        )
        if not found.converged:
            st.caption("The fit had not fully converged when it reached its step limit.")
        table = pd.DataFrame({"weight": found.names, "mean": mean, "deviation": std})
        download.table(bundle, table, name="probe weights", of=of, images=found.fitted, seed=0)


@st.fragment
def prediction(bundle: "Bundle", image_id: str, of: str, text: str, count: int) -> None:
    """Show p(yes) as one latent of the selected image moves, with its band."""
    found = loader.probe(bundle, of, count, SAMPLES)
    mean = np.abs(found.q.mean.numpy()[:-1])
    order = [found.names[i] for i in np.argsort(-mean, kind="stable")]
    dim = st.selectbox(
        "Latent moved, the strongest weight first", order, width=260,
        **state.bind("probe latent", order[0], order, link="latent"),
    )  # fmt: skip
    reach = np.linspace(-6, 6, 97)
    which = found.names.index(dim)
    probs, low, high = loader.moved(bundle, image_id, found, which, reach)
    here = int(np.abs(reach).argmin())
    words = (
        f"{naming.marked(image_id)} has p(yes) = {probabilities.percent(probs[here])}, in a "
        f"band from {probabilities.percent(low[here])} to {probabilities.percent(high[here])}"
    )
    chart(
        mean_field.band(
            reach, probs, low, high, f"{dim} moved, standard deviations over images", state.dark()
        ),
        key="band",
        alt=f"{text}: {words.replace('`', '')}",
    )
    width = float((high - low).max())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{words}. The band is at most {100 * width:.0f} % wide.")
        table = pd.DataFrame({"moved": reach, "p": probs, "low": low, "high": high})
        download.table(bundle, table, name="prediction", image=image_id, of=of, latent=dim)


@st.fragment
def estimators(bundle: "Bundle", of: str, count: int) -> None:
    """Show both gradients' variance against the number of draws, and each ascent."""
    formulas(*GRADIENTS)
    where = st.segmented_control(
        "Gradient at the fit's",
        WHERE,
        required=True,
        **state.bind("gradient at", "end", WHERE, link="at"),
    )
    seen, dark = loader.spread(bundle, of, count, SAMPLES, where), state.dark()
    found = loader.probe(bundle, of, count, SAMPLES)
    ratio = seen.variance["score"][0] / seen.variance["reparameterised"][0]
    left, right = st.columns(2, gap="large")
    with left:
        chart(
            mean_field.variances(seen.counts, seen.variance, dark),
            key="variances",
            alt=f"With one draw the score function's variance is {ratio:,.0f} times the other's",
        )
    with right:
        ends = ", ".join(f"{name} {values[-1]:.1f}" for name, values in found.elbos.items())
        chart(
            mean_field.ascents(found.elbos, loader.RECORD_EVERY, dark),
            key="ascents",
            alt=f"ELBO at the end: {ends}",
        )
    away = " and ".join(
        f"{value:.1f} ({mean_field.ESTIMATOR_NAMES[name]})" for name, value in seen.bias.items()
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"At equal draws the score function's variance is **{ratio:,.0f} times** that of the "
            f"reparameterised gradient. Both are unbiased: {loader.SAMPLES_OF_MOMENTS:,} draws "
            f"lie {away} standard errors from the exact gradient, where 1 is expected."
        )
        table = pd.DataFrame({"draws": seen.counts, **seen.variance})
        download.table(bundle, table, name="gradient variance", of=of, at=where, seed=0)
    question.choose(
        "estimators",
        right=0 if ratio < 1.5 else 1,
        because="Variance falls as 1 / draws for both (parallel lines with slope -1), so the "
        f"ratio of the variances, {ratio:,.1f}, is the number of draws that makes up for it.",
    )


SAMPLES = 8
"""Draws of w per step, for both estimators."""
