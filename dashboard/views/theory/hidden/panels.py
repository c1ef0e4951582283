"""Graphs of hidden variables, customers in segments, and topics of documents."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download
from dashboard.views.theory import question, stepper
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import graphs

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HIDDEN = (
    r"p(x|\theta)=\int p(x|z,\theta)\,p(z|\theta)\,dz",
    r"p(z|x,\theta)=\frac{p(x|z,\theta)\,p(z|\theta)}"
    r"{\int p(x|z',\theta)\,p(z'|\theta)\,dz'}",
)
RULE = (r"p(x)=\prod_kp(x_k\,|\,\mathrm{Pa}_k)",)
GRAPHS = {
    "p(a) p(b|a) p(c|a, b)": (("a", "b"), ("a", "c"), ("b", "c")),
    "p(a) p(b|a) p(c|b)": (("a", "b"), ("b", "c")),
    "p(x1) p(x5) p(x2|x5) p(x3|x1, x2) p(x4|x2)": (
        ("x5", "x2"), ("x1", "x3"), ("x2", "x3"), ("x2", "x4"),
    ),
}  # fmt: skip
"""Arrows, by the factorisation that they stand for."""
SEGMENTS = (
    r"z_i\sim\mathrm{Discrete}(\pi_1,\dots,\pi_K),\quad\sum_k\pi_k=1",
    r"x_i|z_i\sim F(\theta_{z_i}),\ \text{here Poisson with rates }\lambda_{kj}",
    r"\lambda_{kj}=\frac{\sum_ir_{ik}x_{ij}}{N_k}",
)
TOPICS = (
    r"\theta_d\sim\mathrm{Dirichlet}(\alpha),\ z_{dn}\sim\mathrm{Discrete}(\theta_d),\ "
    r"w_{dn}\sim\mathrm{Discrete}(\beta_{z_{dn}})",
    r"\prod_kp(\beta_k)\prod_dp(\theta_d|\alpha)\prod_n\theta_{d,z_{dn}}\,\beta_{z_{dn},w_{dn}}",
    r"\phi_{nk}\propto e^{\psi(\gamma_k)}\,\beta_{k,w_n},\quad\gamma_k=\alpha+\sum_n\phi_{nk}",
)
DOCUMENT = ("ball", "ball", "goal", "vote")
EM_STEPS, ROUNDS = 6, 6


def variables() -> None:
    """Explain the purpose of hidden variables and their difficulty."""
    formulas(*HIDDEN)
    st.markdown(
        "A **latent variable model** introduces hidden variables z to model a complex "
        "distribution of what is observed, x: data are often better explained by hidden factors. "
        "A cat is roughly described by breed, hair colour, height and weight, which are not "
        "recorded; a digit of MNIST by its class, slant, width and stroke weight. Its images "
        "have M = 784 pixels and lie near a manifold of D ≪ M dimensions: the **manifold "
        "hypothesis** (Kingma & Welling, 2014). A **generative model** learns p_model ≈ p_data "
        "from samples of p_data, that is, it estimates a density; from a simple prior of "
        "reasonable attributes a network makes p_θ(x|z). Such models serve density estimation, "
        "classification, the detection of images unlike the training data (as on the page Your "
        "image), and translation between images, such as super-resolution, change of style or "
        "colorisation (Isola et al., 2016).\n\n"
        "The **challenge** is the integral over z. Without it there is no posterior p(z|x, θ). "
        "Belief propagation, expectation maximisation (EM) and mean-field approximate it or go "
        "around it. EM is practical where its posterior is tractable, as in a Gaussian mixture; "
        "variational inference generalises EM; a VAE uses networks for both directions, an "
        "encoder q_φ(z|x) and a decoder p_θ(x|z). The encoder avoids a new optimisation "
        "for each image. The relation is *generative*, not causal: it describes how data "
        "might have been made, not what would happen if one intervened."
    )


@st.fragment
def factorisations() -> None:
    """Show three graphs, and ask which factorisation belongs to one."""
    formulas(*RULE)
    st.markdown(
        "Nodes are random variables, and an arrow x → y says that the distribution of y is "
        "p(y|x): a generative statement, not the same as a statistical dependence. Pa_k are the "
        "parents of x_k. A node without incoming arrows has a factor p(x) of its own: it is "
        "drawn first, which does not make it independent of the rest."
    )
    for column, (text, arrows) in zip(st.columns(3), GRAPHS.items(), strict=True):
        with column:
            st.graphviz_chart(graphs.dot(arrows, state.dark()), width="content")
            st.caption(text.replace("|", "\\|"))
    st.caption(
        "In the second graph a and c are independent given b. For binary nodes the third needs "
        "1 + 1 + 2 + 4 + 2 = 10 numbers instead of 2⁵ − 1 = 31."
    )
    question.choose(
        "graph",
        because="A node's factor is conditioned on its parents alone. x1 keeps p(x1): it is now "
        "independent of all others.",
    )


def customers(bundle: "Bundle") -> None:
    """Step through EM on four customers and two items."""
    from xai_core.theory.hidden_groups import CUSTOMERS, segment_states

    formulas(*SEGMENTS)
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        st.graphviz_chart(
            graphs.dot(
                (("π", "zᵢ"), ("zᵢ", "xᵢ"), ("θ", "xᵢ")), state.dark(), seen=("xᵢ",),
                fixed=("π", "θ"), plates={"customers i": ("zᵢ", "xᵢ")},
            ),
            width="content",
        )  # fmt: skip
    with right:
        st.markdown(
            "The items that a customer buys, and how often, are observed; the customer's segment, "
            "such as budget-conscious, brand-focused or tech-savvy, is hidden. The parameters π "
            "and θ stand without circles; the plate is repeated for each customer."
        )
    states = segment_states(EM_STEPS)

    def draw(step: int) -> None:
        seen = states[step]
        rates = [f"({plain(a, 3)}, {plain(b, 3)})" for a, b in seen.rates.tolist()]
        rows = "\n".join(
            f"| {x} | {r:.4f} |"
            for x, r in zip(CUSTOMERS, seen.responsibilities[:, 0].tolist(), strict=True)
        )
        st.markdown(f"| bought | r₁, segment 1 |\n|---|--:|\n{rows}")
        st.markdown(
            f"π = ({seen.weights[0]:.4f}, {seen.weights[1]:.4f}), rates {rates[0]} and "
            f"{rates[1]}; log likelihood **{plain(seen.log_likelihood, 4)}** nats"
        )
        table = pd.DataFrame(
            {"iteration": range(len(states)), "nats": [s.log_likelihood for s in states]}
        )
        download.table(bundle, table, name="segments")

    stepper.stepped("segments step", EM_STEPS, draw, of="Iteration of EM", link="segment")


@st.fragment
def topics(bundle: "Bundle") -> None:
    """Show topics of a few sentences, and one document's topics by coordinate ascent."""
    from xai_core.theory.hidden_groups import CORPUS, fit_topics, infer_topics

    formulas(*TOPICS)
    st.graphviz_chart(
        graphs.dot(
            (("α", "θ_d"), ("θ_d", "z_dn"), ("z_dn", "w_dn"), ("β_k", "w_dn")), state.dark(),
            seen=("w_dn",), fixed=("α",),
            plates={"words n": ("z_dn", "w_dn"), "documents d": ("θ_d", "z_dn", "w_dn"),
                    "topics k": ("β_k",)},
        ),
        width="content",
    )  # fmt: skip
    count = st.segmented_control(
        "Topics", (2, 3), required=True, **state.bind("topics", 2, (2, 3), link="topics")
    )
    found = fit_topics(count)
    for number, words in enumerate(found.words, 1):
        st.markdown(f"Topic {number}: **{', '.join(words)}**")
    table = pd.DataFrame(found.shares, columns=[f"topic {k + 1}" for k in range(count)]).round(2)
    table.insert(0, "document", CORPUS)
    st.dataframe(table, hide_index=True)
    gamma = infer_topics(DOCUMENT, ROUNDS)
    (first, low), (last, high) = gamma[0], gamma[-1]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"By hand, with known topics over (ball, goal, vote, law): for “{' '.join(DOCUMENT)}” "
            f"γ goes from ({first[0]:.1f}, {first[1]:.1f}) to ({last[0]:.4f}, {last[1]:.4f}) in "
            f"{ROUNDS} rounds, and the bound from {plain(low, 4)} to {plain(high, 4)} nats."
        )
        download.table(bundle, table, name="topics", count=count)
