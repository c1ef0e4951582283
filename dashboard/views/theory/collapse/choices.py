"""The bound of one image under each choice of q(c|x), and its loss against the best."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.views.theory.collapse import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import collapse

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULA = (
    r"q^\star(c)\propto p(c)\,\exp\mathbb E_{q(z|x)}\bigl[\log p(x|z,c)+\log p(z|c)\bigr]",
    r"\hat{\mathcal L}(x)=\hat{\mathcal L}_{q^\star}(x)-\mathrm{KL}(q(c|x)\,\|\,q^\star)",
)


def show(bundle: "Bundle", image_id: str) -> None:
    """Show the bound of the selected image at each q(c|x), highest at q*."""
    formulas(*FORMULA)
    bounds = loader.bounds_of_choices(bundle, image_id)
    names = list(bounds)
    best, unsure = names[-1], next(name for name in names if "1/K" in name)
    left, right = st.columns(2, gap="medium")
    words = "; ".join(f"{name}: {plain(value, 3)}" for name, value in bounds.items())
    with left:
        drawing(
            collapse.choices(bounds),
            key="choices",
            alt=f"Bound of the image in nats under each q(c|x). {words}",
        )
    with right:
        rows = "\n".join(
            f"| {messages.literal(name)} | {plain(value, 3)} | {signed(value - bounds[best], 3)} |"
            for name, value in bounds.items()
        )
        st.markdown(
            f"| $q(c\\mid x)$ | $\\hat{{\\mathcal L}}$, nats | to the best |\n|---|--:|--:|\n"
            f"{rows}"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"For {naming.marked(image_id)}, 1/K loses "
                f"**{bounds[best] - bounds[unsure]:.2f}** nats: it is best for one of the four "
                "terms alone, $-\\mathrm{KL}(q(c|x)\\,\\|\\,p(c))$."
            )
            table = pd.DataFrame({"q(c|x)": names, "bound": bounds.values()})
            download.table(bundle, table, name="choices of q(c|x)", image=image_id)
