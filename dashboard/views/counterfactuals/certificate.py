"""Whether the path stays on the decoder's manifold: the first-order law, measured."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.services import counterfactuals
from dashboard.ui import download, first_order_law, messages
from dashboard.views.counterfactuals import loader
from dashboard.views.counterfactuals.settings import Question

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

HOW_TO_READ = (
    r"A step along $v = \partial (f\circ g)_t/\partial z$ should move the image inside span(U), "
    "the tangent space of all that the decoder can draw. If the law holds, the residual falls "
    "with slope 2 on these axes; a slope of 1 would mean that something linear is missing. The "
    "networks are built of ReLUs: where a longer step crosses a kink of theirs, the residual "
    "jumps and the slope comes out above 2. Singular values say how much ink each direction "
    "moves: a small one hardly shows."
)

LAW = r"g(z+\lambda v)=g(z)+\lambda\,US^2U^\top\,\partial f_t/\partial x+\mathcal O(\lambda^2)"


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", asked: Question) -> None:
    """Show the residual of the law with its slope, the singular values, and the shares."""
    found = loader.certificate(bundle, *asked[:4])
    values, lengths = found.singular_values, found.lengths
    law, spectrum = st.columns(2, gap="large")
    with law:
        st.markdown(f"**Residual of the law** ${LAW}$")
        first_order_law.residual_chart(lengths, found.residuals, found.slope)
    with spectrum:
        st.markdown(r"**Singular values** of $\partial g/\partial z = USV^\top$")
        first_order_law.spectrum_chart(values)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Slope **{found.slope:.3f}** (the law says 2). Of a short step "
            f"**{100 * found.share:.4f} %** lies in span(U), the tangent space of the manifold."
            f"{_along(found.path_shares, asked.method)}"
        )
        table = pd.DataFrame({"length": lengths, "residual": found.residuals})
        download.table(bundle, table, name="certificate", **asked.about)


def _along(shares: np.ndarray, method: str) -> str:
    """Return a sentence on the steps between the frames, which are much longer."""
    if method not in counterfactuals.LATENT_METHODS or not len(shares):
        return ""
    return (
        f" The {len(shares)} steps of the film are long, so the manifold bends under them: of "
        f"the worst, {100 * shares.min():.1f} % lies in the tangent space where it begins."
    )
