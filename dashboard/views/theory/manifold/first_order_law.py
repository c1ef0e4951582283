"""The first-order law of steps in latent space, measured at one image."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import outputs
from dashboard.ui import download, first_order_law, naming
from dashboard.ui.components import image_grid
from dashboard.views.theory import question
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.manifold import loader
from xai_core.plots import sprites, theme

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULA = (
    r"""g(z+\lambda v)=g(z)+\lambda\,U S^2 U^\top\,\frac{\partial f_t}{\partial x}
+\mathcal O(\lambda^2)""",
    r"v=\frac{\partial (f\circ g)_t}{\partial z},\quad\frac{\partial g}{\partial z}=U S V^\top",
)
DIRECTIONS = 8
LONGER = {"tiny": 1.0, "small": 100.0, "large": 3000.0}
"""Factors on the shortest step lengths."""


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show the residual's slope, the singular values, and the directions of the tangent space."""
    formulas(*FORMULA)
    names = targets(bundle)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Towards",
            names,
            width=200,
            **state.bind("law target", names[-1], names, link="towards"),
        )
        steps = st.segmented_control(
            "Steps", list(LONGER), required=True,
            **state.bind("law steps", "tiny", list(LONGER), link="steps"),
        )  # fmt: skip
    found = loader.certificate(bundle, image_id, names.index(name), LONGER[steps])
    slope, share = found.slope.item(), found.share_in_span.item()
    values = found.singular_values[0].numpy()
    left, right = st.columns(2, gap="large")
    lengths, residuals = found.lengths.numpy(), found.residuals[0].numpy()
    with left:
        st.metric("Slope of the residual, expected 2", f"{slope:.3f}", border=True)
        first_order_law.residual_chart(lengths, residuals, slope)
    with right:
        st.metric("Share of a short step inside span(U), expected 1", f"{share:.6f}", border=True)
        first_order_law.spectrum_chart(values)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"A tenth of the step leaves **1 / {10**slope:.0f}** of the residual. The manifold "
            f"has at most {len(values)} dimensions among {bundle.spec.pixels} pixels; its "
            f"strongest direction moves {values[0] / values[-1]:.0f} times the ink of its "
            "weakest. A VAE is only approximately diffeomorphic: the law is about $g(z(x))$, the "
            "reconstruction, not about $x$ itself, and it holds as well for a network with "
            "random weights."
        )
        table = pd.DataFrame({"length": lengths, "residual": residuals})
        download.table(bundle, table, name="first-order law", image=image_id, target=name)
    _directions(bundle, image_id, values)
    _ask(slope)


def targets(bundle: "Bundle") -> list[str]:
    """Return the names of the classes towards which a step can lead."""
    output = next(iter(outputs.deciding(bundle)), "cluster")
    return naming.class_names(bundle, output, outputs.classes(bundle, output).count(bundle))


def _directions(bundle: "Bundle", image_id: str, values: np.ndarray) -> None:
    count = min(DIRECTIONS, len(values))
    signed = loader.tangents(bundle, image_id, count)
    limit = float(np.abs(signed).max())
    coloured = theme.colourise(sprites.levels(signed), theme.diverging(state.dark()), limit)
    st.markdown("**Directions of the tangent space**, the columns of $U$, strongest first")
    image_grid.image_grid(
        coloured,
        alt=[f"Direction {i + 1}: singular value {values[i]:.2f}" for i in range(count)],
        key="tangents",
        captions=[f"{values[i]:.2f}" for i in range(count)],
        scale=3,
    )
    sheet = sprites.sheet(coloured, columns=count, gap=1, fill=255)
    download.picture(bundle, sheet, name="tangent directions", image=image_id)


def _ask(slope: float) -> None:
    question.choose(
        "law",
        because="The residual would then be linear itself and fall like the dotted line. It falls "
        f"with slope {slope:.2f}: everything linear in the step is in the law.",
    )
