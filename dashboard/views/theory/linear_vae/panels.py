"""A one-dimensional VAE: its densities, its bound, and its gradients by hand."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download
from dashboard.ui.chart import chart
from dashboard.views.theory import question
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import linear_vae

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULA = (
    r"p(z)=\mathcal N(0,1),\quad p(x|z)=\mathcal N(x;\theta_1z+\theta_0,\sigma_x^2)",
    r"q(z|x)=\mathcal N(z;f,\sigma_z^2),\quad z=f+\sigma_z\varepsilon,\ \varepsilon\sim"
    r"\mathcal N(0,1)",
)
SLIDERS = (
    ("x", "x", (-3.0, 3.0, 0.1), 1.5),
    ("f, mean of q(z|x)", "f", (-3.0, 3.0, 0.1), 0.4),
    ("σ_z, deviation of q(z|x)", "sigma_z", (0.1, 2.0, 0.05), 0.7),
    ("θ₁, slope", "theta_1", (-2.0, 2.0, 0.1), 0.9),
    ("θ₀, offset", "theta_0", (-2.0, 2.0, 0.1), -0.2),
    ("σ_x, deviation of p(x|z)", "sigma_x", (0.1, 2.0, 0.05), 0.5),
)
DRAWS = (1, 10, 100, 1000, 10_000)


@st.fragment
def show(bundle: "Bundle") -> None:
    """Show the bound and its gradients for the sliders' values."""
    import torch

    from xai_core.theory.linear_vae import LinearVAE

    formulas(*FORMULA)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values = {
            name: st.slider(
                label, span[0], span[1], step=span[2], width=190,
                **state.bind(f"linear {name}", start, span=span, link=name),
            )
            for label, name, span, start in SLIDERS
        }  # fmt: skip
        count = st.select_slider(
            "N, draws of ε", DRAWS, width=190,
            **state.bind("linear draws", DRAWS[2], DRAWS, link="noise"),
        )  # fmt: skip
    model = LinearVAE(**{name: float(value) for name, value in values.items()})
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, std = model.true_posterior
    left, right = st.columns(2, gap="large")
    with left:
        chart(
            linear_vae.densities(
                {"p(z)": (0.0, 1.0), "q(z|x)": (model.f, model.sigma_z), "p(z|x)": (mean, std)},
                state.dark(),
            ),
            key="densities",
            alt=f"q(z|x) has mean {model.f:.2f} and deviation {model.sigma_z:.2f}, p(z|x) has "
            f"{mean:.2f} and {std:.2f}",
        )
        st.markdown(
            f"log p(x) = **{plain(model.log_evidence, 4)}** = ELBO **{plain(model.elbo, 4)}** + "
            f"KL(q‖p(z\\|x)) **{plain(model.gap, 4)}** nats. The bound is reconstruction "
            f"{plain(model.reconstruction, 4)} minus KL(q‖p(z)) {plain(model.kl, 4)}. It is tight "
            f"where q is p(z\\|x): f = {mean:.4f}, σ_z = {std:.4f}."
        )
    with right:
        exact, found = vars(model.gradients), vars(model.estimated_gradients(noise))
        names = {"theta_1": "θ_1", "theta_0": "θ_0", "f": "f", "sigma_z": "σ_z"}
        rows = "\n".join(
            rf"| $\partial/\partial {_latex(key)}$ | {plain(found[key], 4)} | "
            f"{plain(exact[key], 4)} |"
            for key in names
        )
        st.markdown(
            f"| of $\\mathbb E_q[\\log p(x\\mid z)]$ | from {count:,} draws | exact |\n"
            f"|---|--:|--:|\n{rows}"
        )
        st.markdown(
            "The decoder's gradients are simple, given samples: ∂/∂θ₁ averages "
            "(x − g(z)) z/σ_x². The encoder's need the reparameterisation trick: with the samples "
            "as fixed numbers the derivative by f would be 0, which is wrong; noise pushed "
            "through f + σ_z ε makes ∂/∂f the average of (x − g(z)) θ₁/σ_x²."
        )
        table = pd.DataFrame({"estimated": found, "exact": exact})
        download.table(bundle, table.reset_index(names="by"), name="gradients", **values)
    question.choose(
        "linear gap",
        because="Here p(z|x) is a Gaussian, so q can be equal to it. In a real VAE it is not: a "
        "diagonal Gaussian per image is itself a mean-field family, and what the encoder saves is "
        "optimising anew for each image.",
    )


def _latex(name: str) -> str:
    return {"theta_1": r"\theta_1", "theta_0": r"\theta_0", "sigma_z": r"\sigma_z"}.get(name, name)
