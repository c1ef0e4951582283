"""A model of two equal Gaussians, on which L lies below L^."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download
from dashboard.ui.chart import chart
from dashboard.ui.components import image_grid
from dashboard.views.theory.factorisations import loader
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import bounds

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SPAN = (0.05, 0.95, 0.05)
SHOWN = 12
"""Largest number of images shown."""


@st.fragment
def show(bundle: "Bundle") -> None:
    """Show both bounds as the likelihoods and q(c|x) change."""
    from xai_core.theory.cluster_choices import IdenticalGaussians

    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, second, given = (
            st.slider(
                label, *SPAN[:2], step=SPAN[2], width=220,
                **state.bind(f"equal {link}", start, span=SPAN, link=link),
            )
            for label, link, start in (
                ("p(x|z, 1)", "first", 0.9),
                ("p(x|z, 2)", "second", 0.1),
                ("q(1|x)", "given", 0.9),
            )
        )  # fmt: skip
    here = IdenticalGaussians(first=first, second=second, given_x=given)
    along = np.linspace(0, 1, 101)
    lower = [IdenticalGaussians(first=first, second=second, given_x=q).lower for q in along]
    order = "below" if here.upper < here.lower - 1e-12 else "not below"
    words = (
        f"L is {plain(here.upper, 3)}, L\u0302 is {plain(here.lower, 3)} and log p(x) is "
        f"{plain(here.log_evidence, 3)} nats"
    )
    levels = {"L": here.upper, "log p(x)": here.log_evidence}
    chart(
        bounds.counterexample(along.tolist(), lower, levels, (given, here.lower), state.dark()),
        key="two equal Gaussians",
        alt=words,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{words}: L lies **{order}** L\u0302. The best q(1|x) is q\u22c6(1) = "
            f"{here.best:.2f}, where L\u0302 is log p(x). q(c|z) is 1/2 for every z, "
            "since both clusters have the same p(z|c)."
        )
        table = pd.DataFrame({"q(1|x)": along, "lower bound": lower})
        download.table(bundle, table, name="two equal Gaussians", first=first, second=second)


def among_images(bundle: "Bundle") -> None:
    """Show test images of this model on which L lies below L^, or say why there is none."""
    if bundle.model.config.decoder_conditioning == "z":
        st.caption(
            f"`{bundle.name}` has no such image: its decoder reads z alone, so q(c|z) = p(c|z) is "
            "p(c|x, z), and L is never the lower one. Choose a model whose decoder reads c to see "
            "images on which it is."
        )
        return
    seen = loader.differences(bundle)
    order = np.argsort(seen.difference)
    lower = [int(i) for i in order if seen.difference[i] < -2 * seen.error[i]]
    st.markdown(
        f"**On images of `{bundle.name}`**, whose decoder reads c: of the first {len(seen.ids)} "
        f"test images, L lies below L\u0302 on **{(seen.difference < 0).sum()}**, on "
        f"**{len(lower)}** by more than two standard errors."
    )
    some = lower[:SHOWN]
    if some:
        ids = [seen.ids[i] for i in some]
        texts = [f"{signed(seen.difference[i], 2)} ± {seen.error[i]:.2f}" for i in some]
        image_grid.image_grid(
            image_data.images(bundle, ids),
            alt=[f"{name}: L minus L^ is {text}" for name, text in zip(ids, texts, strict=True)],
            key="L below", captions=texts, ids=ids, selected=state.selected_id(), scale=3,
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "L \N{MINUS SIGN} L\u0302 in nats, with the encoder's q(c|x) where there is one. "
            "Click an image to see its two bounds above."
        )
        table = pd.DataFrame(seen._asdict())
        download.table(bundle, table, name="L below", draws=loader.DRAWS_COMPARED, seed=0)
