"""The two parts of the inference gap of one image: the encoder's, and the Gaussian's."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, naming
from dashboard.ui.chart import chart
from dashboard.views.theory import question
from dashboard.views.theory.bound import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import inference_gap

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.amortisation import InferenceGaps

FORMULA = (
    r"""\log p(x)-\mathrm{ELBO}(q_\phi)=
\underbrace{\log p(x)-\mathrm{ELBO}(q_x)}_{\text{approximation gap}}
+\underbrace{\mathrm{ELBO}(q_x)-\mathrm{ELBO}(q_\phi)}_{\text{amortisation gap}}""",
    r"\mathrm{ELBO}(q)=\mathbb E_{q(z|x)}[\log p(x,z)-\log q(z|x)]",
    r"q_x=\arg\max_{\mu,\sigma}\mathrm{ELBO}\bigl(\mathcal N(\mu,\mathrm{diag}\,\sigma^2)\bigr)",
)


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Ask which gap is larger; then optimise q for this image and show both."""
    formulas(*FORMULA)
    if not question.predict("larger gap"):
        st.caption("Both gaps are computed when there is an answer.")
        return
    seen = loader.gaps(bundle, image_id)
    words = _words(seen)
    left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
    with left:
        figure = inference_gap.ascent(
            seen.steps, seen.elbos, seen.log_evidence, seen.log_evidence_error, state.dark()
        )
        chart(figure, key="inference gap", alt=words)
    with right:
        st.metric("Amortisation gap", f"{seen.amortisation:.2f} ± {seen.gained_error:.2f}")
        st.metric("Approximation gap", f"{seen.approximation:.2f} ± {_left(seen):.2f}")
        st.caption("nats, with one standard error")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"For {naming.marked(image_id)}: {words}.")
        table = pd.DataFrame({"step": seen.steps, "ELBO": seen.elbos, "error": seen.errors})
        download.table(
            bundle, table, name="inference gap", image=image_id,
            log_evidence=f"{seen.log_evidence:.3f} ± {seen.log_evidence_error:.3f}", seed=0,
        )  # fmt: skip
    larger = 0 if seen.amortisation > seen.approximation else 1
    share = seen.amortisation / (seen.amortisation + seen.approximation)
    question.say(
        "larger gap",
        question.answer("larger gap") == larger,
        f"Optimising q for this image closes {100 * share:.0f} % of its gap. The encoder saves "
        "that optimisation for every new image (amortised inference), at the price of the "
        "amortisation gap; it does not make q less of a mean-field family.",
    )


def _left(seen: "InferenceGaps") -> float:
    """Return the standard error of the approximation gap; its two parts use separate draws."""
    return float((seen.log_evidence_error**2 + seen.errors[seen.best] ** 2) ** 0.5)


def _words(seen: "InferenceGaps") -> str:
    return (
        f"log p(x) is {plain(seen.log_evidence, 2)} ± {seen.log_evidence_error:.2f} nats, the "
        f"ELBO of the encoder's Gaussian {plain(seen.elbos[0], 2)}, that of the best one "
        f"{plain(seen.elbos[seen.best], 2)} after {seen.steps[seen.best]} steps"
    )
