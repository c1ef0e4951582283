"""One image's bound, compared with other images' and with log p(x)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download, naming
from dashboard.ui.chart import chart
from dashboard.ui.components import image_grid
from dashboard.ui.components.drawing import drawing
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory import question
from dashboard.views.theory.bound import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots import elbo_terms
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import bounds

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.bounds import EvidenceCurve

FORMULA = (
    r"""{bound}(x)=
\underbrace{\mathbb E_q[\log p(x|z,c)]}_{\text{reconstruction}}
+\underbrace{\mathbb E_q[\log p(z|c)]}_{\text{expected log prior}}""",
    r"""-\underbrace{\mathrm{KL}({q}\,\|\,p(c))}_{\text{cluster}}
\underbrace{-\,\mathbb E_q[\log q(z|x)]}_{\text{entropy of the code}}""",
)
TRAINED = {"c_given_x": (r"\hat{\mathcal L}", "q(c|x)"), "c_given_z": (r"\mathcal L", "q(c|z)")}
"""The bound that a model is trained on, and the q(c|.) in it, by its factorisation."""
CLOSING = (
    r"\log p(x)=\mathcal L(x)+\mathrm{KL}\bigl(q(z,c|x)\,\|\,p(z,c|x)\bigr)",
    r"""\log p(x)\approx\log\frac1k\sum_{i=1}^{k}\frac{\sum_c p(x|z_i,c)\,p(z_i,c)}{q(z_i|x)},
\quad z_i\sim q(z|x)""",
)


@st.fragment
def waterfalls(bundle: "Bundle", image_id: str) -> None:
    """Show the terms of the image's bound, and those of others on the same scale."""
    symbol, given = TRAINED[bundle.model.config.factorisation]
    formulas(*(line.replace("{bound}", symbol).replace("{q}", given) for line in FORMULA))
    choice = st.segmented_control(
        "Beside it", bounds.BESIDE, required=True,
        **state.bind("bound beside", bounds.BESIDE[0], bounds.BESIDE, link="beside"),
    )  # fmt: skip
    facts, dark = image_data.facts(bundle, image_id), state.dark()
    own, text = bounds.terms_of(facts), naming.display_name(image_id)
    name, other = bounds.beside(bundle.index, facts, choice)
    span = bounds.room(own, other)
    for place, key, title, terms in zip(
        st.columns(2, gap="large"), ("own terms", "other terms"), (text, name), (own, other),
        strict=True,
    ):  # fmt: skip
        with place:
            st.markdown(f"**{title}**")
            drawing(bounds.waterfall(terms, span, dark), key=key, alt=_words(title, terms))
    difference = own["elbo"] - other["elbo"]
    most = max(elbo_terms.ORDER[:-1], key=lambda term: abs(own[term] - other[term]))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"${symbol}$ of {naming.marked(image_id)} is **{abs(difference):.1f} nats "
            f"{'above' if difference >= 0 else 'below'}** that beside it ({name}); the largest "
            f"difference, {signed(own[most] - other[most])}, is in {_in_words(most)}."
        )
        table = pd.DataFrame({"term": list(own), text: own.values(), name: other.values()})
        download.table(bundle, table, name="bounds beside each other", image=image_id)
    _ask_about_terms(own)


@st.fragment
def closing(bundle: "Bundle", image_id: str) -> None:
    """Show the estimate of log p(x) rising with k, the bounds below it, and the gap."""
    from xai_core.theory.bounds import SAMPLE_COUNTS

    formulas(*CLOSING)
    chosen = st.select_slider(
        "k, draws of z in one estimate", SAMPLE_COUNTS,
        **state.bind("evidence draws", theory_loader.FEWEST_DRAWS, SAMPLE_COUNTS, link="draws"),
    )  # fmt: skip
    curve, upper, lower = loader.closing(bundle, image_id, max(chosen, theory_loader.FEWEST_DRAWS))
    counts = list(curve.counts)
    at = counts.index(chosen)
    left, right = st.columns([3, 1], gap="large")
    with left:
        figure = bounds.closing(
            counts, curve.mean, curve.low, curve.high, {"L": upper, "L\u0302": lower}, chosen,
            state.dark(),
        )  # fmt: skip
        chart(figure, key="closing", alt=_closing_words(curve, upper, lower))
    with right:
        image_grid.picture(
            theory_loader.picture_as_read(bundle, image_id),
            alt=f"{naming.describe(bundle, image_id)}, as the likelihood reads it",
            key="binary",
            width=84,
        )
        st.metric(f"log p(x), k = {chosen:,}", plain(curve.mean[at]), border=False)
        spread = (curve.high[at] - curve.low[at]) / 2
        estimates = "1 estimate" if curve.groups[at] == 1 else f"{curve.groups[at]:,} estimates"
        st.caption(f"± {spread:.2f} nats, {estimates}")
        st.metric("Inference gap", f"{curve.mean[-1] - upper:.2f}", border=False)
        st.caption(f"nats, log p(x) at k = {counts[-1]:,} minus $\\mathcal L$")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Effective sample size: {curve.effective:,.0f} of {counts[-1]:,}. Pixels are drawn "
            "to black or white, as the Bernoulli likelihood needs."
            if bundle.model.config.likelihood == "bernoulli"
            else f"Effective sample size: {curve.effective:,.0f} of {counts[-1]:,}."
        )
        table = pd.DataFrame(
            {"k": counts, "mean": curve.mean, "low": curve.low, "high": curve.high,
             "estimates": curve.groups}
        )  # fmt: skip
        download.table(bundle, table, name="evidence", image=image_id, elbo=upper, seed=0)
    _ask_about_gap(curve.mean[0], curve.mean[-1])


def _ask_about_terms(own: dict[str, float]) -> None:
    parts = [round(own[key], 1) for key in elbo_terms.ORDER[1:-1]]
    total = float(np.sum(parts))
    question.estimate(
        "terms",
        values=(total, -total),
        within=0.75,
        because=f"{' '.join(signed(part) for part in parts)} = {signed(total)} nats: minus the "
        "information that the code and the cluster carry about this image, by the model's own "
        "prior.",
    )


def _ask_about_gap(first: float, last: float) -> None:
    question.choose(
        "gap",
        because="The mean of log w over single draws is E[log p(x, z) \N{MINUS SIGN} log q(z|x)] "
        f"({first:.2f} nats here), the bound in which q(c|x, z) is p(c|x, z). By Jensen's "
        f"inequality the log of a mean of k weights is on average not lower: {last:.2f}.",
    )


def _in_words(term: str) -> str:
    name = elbo_terms.TERMS[term].name
    return f"the {name[0].lower()}{name[1:]}"


def _words(name: str, terms: dict[str, float]) -> str:
    text = (f"{elbo_terms.TERMS[key].name} {signed(terms[key])}" for key in elbo_terms.ORDER)
    return f"Terms of the bound of {name} in nats: " + ", ".join(text)


def _closing_words(curve: "EvidenceCurve", upper: float, lower: float) -> str:
    mean, counts = curve.mean, curve.counts
    return (
        f"The estimate of log p(x) rises from {mean[0]:.2f} nats at k = 1 to {mean[-1]:.2f} at "
        f"k = {counts[-1]}; the bounds lie at {upper:.2f} and {lower:.2f}"
    )
