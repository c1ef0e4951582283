"""The two factorisations of one posterior, their difference, and Jensen's inequality."""

import math
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, naming
from dashboard.ui.chart import chart
from dashboard.ui.components.drawing import drawing
from dashboard.views.theory import question
from dashboard.views.theory.factorisations import loader
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.loader import FEWEST_DRAWS, GIVEN
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import bounds

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SIX = (
    r"""\mathcal L-\hat{\mathcal L}=\underbrace{\mathbb E_{q(z|x)}\bigl[
\mathbb E_{q(c|z)}-\mathbb E_{q(c|x)}\bigr][\log p(x|z,c)]}_{\text{likelihood pair}}""",
    r"""+\underbrace{\mathbb E_{q(z|x)}\bigl[
\mathbb E_{q(c|z)}-\mathbb E_{q(c|x)}\bigr][\log p(z|c)]}_{\text{prior pair}}""",
    r"""\underbrace{-\,\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\|p(c))]
+\mathrm{KL}(q(c|x)\|p(c))}_{\text{KL pair}}""",
)
HOLDS = (
    r"""\mathcal L-\hat{\mathcal L}=\mathbb E_{q(z|x)}\bigl[\mathrm{KL}(q(c|x)\,\|\,p(c|x,z))
-\mathrm{KL}(q(c|z)\,\|\,p(c|x,z))\bigr]""",
    r"\hat{\mathcal L}=\text{const}-\mathrm{KL}(q(c|x)\,\|\,q^\star)",
    r"""q^\star(c)\propto p(c)\exp\mathbb E_{q(z|x)}[\log p(x|z,c)+\log p(z|c)]""",
)
JENSEN = (
    r"\mathbb E_{q(z|x)}\bigl[\mathrm{KL}(q(c|z)\,\|\,p(c))\bigr]",
    r"\ge\ \mathrm{KL}\bigl(\mathbb E_{q(z|x)}[q(c|z)]\,\|\,p(c)\bigr)",
)
COUNTS = (100, 300, 1000)


@st.fragment
def both(bundle: "Bundle", image_id: str) -> None:
    """Show L, L^ and the six expectations between them, for a chosen q(c|x)."""
    formulas(*SIX)
    choices = list(GIVEN)
    if bundle.model.config.factorisation == "c_given_z":
        choices.remove("The encoder's branch")
    choice = st.segmented_control(
        "q(c|x) in L\u0302",
        choices,
        required=True,
        **state.bind("q(c|x)", choices[0], choices, link="q"),
    )
    seen = loader.factorised(bundle, image_id, GIVEN[choice])
    left, right = st.columns([4, 3], gap="large")
    with left:
        _table(bundle, seen, image_id, choice)
    with right:
        values = {
            "Likelihood pair": seen.likelihood[0] - seen.likelihood[1],
            "Prior pair": seen.prior[0] - seen.prior[1],
            "KL pair": seen.kl[1] - seen.kl[0],
        }
        words = "; ".join(f"{name} {signed(value, 4)}" for name, value in values.items())
        drawing(bounds.pairs(values, state.dark()), key="pairs", alt=f"L minus L^: {words}")
    _verdict(bundle, seen)
    _ask_about_sign()


@st.fragment
def inequality(bundle: "Bundle", image_id: str) -> None:
    """Show both sides of Jensen's inequality for many images, about the line of equality."""
    formulas(*JENSEN)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.segmented_control(
            "Images",
            COUNTS,
            required=True,
            **state.bind("jensen images", COUNTS[1], COUNTS, link="images"),
        )
        samples = st.select_slider(
            "Draws of z per image", [1, 2, 4, 16, 64], width=260,
            **state.bind("jensen draws", 16, [1, 2, 4, 16, 64], link="draws"),
        )  # fmt: skip
    seen = loader.sides(bundle, image_id, count, samples)
    clusters = bundle.model.config.num_clusters
    colours = naming.cluster_colours(bundle)
    gap = seen.greater - seen.lesser
    figure = bounds.inequality(
        seen.lesser, seen.greater, seen.ids, [colours[c] for c in seen.clusters],
        math.log(clusters), state.dark(),
    )  # fmt: skip
    words = (
        f"The two sides for {len(gap)} images: {100 * (gap >= -1e-12).mean():.0f} % lie on or "
        f"above the line of equality, on average by {gap.mean():.4f} nats"
    )
    chart(figure, key="jensen", alt=words)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{int((gap >= -1e-12).sum()):,} of {len(gap):,}** images lie on or above the line; "
            f"on average by **{gap.mean():.4f}** nats, {naming.marked(image_id)} by "
            f"**{gap[0]:.4f}**, at most by {gap.max():.3f}. Both sides are at most "
            f"ln {clusters} = {math.log(clusters):.3f}."
        )
        table = pd.DataFrame({"id": seen.ids, "left": seen.greater, "right": seen.lesser})
        download.table(bundle, table, name="jensen", draws=samples, seed=0)
    question.choose(
        "jensen",
        because="The gap is the mutual information of c and z under q(z|x) for this one image: it "
        "needs at least two codes that disagree about the cluster.",
    )


def _table(bundle: "Bundle", seen: loader.Factorised, image_id: str, choice: str) -> None:
    lines = (
        (r"$\log p(x\mid z,c)$", "log p(x|z, c)", seen.likelihood, 1),
        (r"$\log p(z\mid c)$", "log p(z|c)", seen.prior, 1),
        (r"$\mathrm{KL}(q\,\Vert\,p(c))$", "KL(q || p(c))", seen.kl, -1),
    )
    rows = "\n".join(
        f"| {formula} | {plain(of_z, 3)} | {plain(of_x, 3)} | {signed(sign * (of_z - of_x), 4)} |"
        for formula, _, (of_z, of_x), sign in lines
    )
    st.markdown(
        r"| $\mathbb E$ of | $q(c\mid z)$ | $q(c\mid x)$ | to $\mathcal L-\hat{\mathcal L}$ |"
        f"\n|---|--:|--:|--:|\n{rows}"
    )
    table = pd.DataFrame(
        [(name, *values, sign) for _, name, values, sign in lines],
        columns=["expectation of", "with q(c|z)", "with q(c|x)", "sign of the first"],
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"The six expectations over {FEWEST_DRAWS:,} codes, in nats, and what each pair adds. "
            f"The codes leave a standard error of {seen.error:.2f} nats in L\u0302; the pairs "
            "share the codes, so most of it cancels in their differences."
        )
        download.table(bundle, table, name="six expectations", image=image_id, q=choice)


def _verdict(bundle: "Bundle", seen: loader.Factorised) -> None:
    """Show both computations of the difference, and the reason for its sign."""
    difference = seen.upper - seen.lower
    first, second, third = st.columns(3)
    first.metric("L, with q(c|z)", plain(seen.upper, 3), border=True)
    second.metric("L\u0302, with q(c|x)", plain(seen.lower, 3), border=True)
    third.metric("Difference of divergences", plain(seen.divergence, 4), border=True)
    formulas(*HOLDS)
    same = abs(difference - seen.divergence) < 1e-3
    agree = (
        f"L \N{MINUS SIGN} L\u0302 is **{signed(difference, 4)}** nats, the divergences give "
        f"**{signed(seen.divergence, 4)}**; they {'agree' if same else 'differ'}. "
    )
    if bundle.model.config.decoder_conditioning == "z+c":
        st.markdown(
            f"{agree}This decoder reads c, so q(c|z) = p(c|z) is not p(c|x, z), and either sign "
            "can occur."
        )
        return
    st.markdown(
        f"{agree}This decoder reads z alone, so p(c|x, z) = p(c|z) = q(c|z) and the second "
        "divergence is 0: that is why $\\mathcal L\\ge\\hat{\\mathcal L}$ here, for every "
        "q(c|x). Jensen's inequality does not show it: where q(c|x) is the average, it makes the "
        "KL pair negative."
    )


def _ask_about_sign() -> None:
    question.choose(
        "sign",
        because="1/K maximises \N{MINUS SIGN}KL(q(c|x) || p(c)), one of four terms. All terms "
        "together give a constant minus KL(q(c|x) || q\u22c6), which is largest at q\u22c6. Try "
        "the choices and watch L\u0302.",
    )
